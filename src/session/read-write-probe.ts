/**
 * While we are on a read-only server: asks the others, one at a time and with growing pauses, whether they take
 * writes (the four-letter word `isro` answers `rw` or `ro`), as the Java client does.
 */
import type { Timer } from '../runtime/clock.js'
import type { Runtime } from '../runtime/runtime.js'
import type { Connection, Endpoint, Transport } from '../transport/transport.js'
import type { Hosts } from './hosts.js'
import { backOffMs } from './timeouts.js'

const MAX_PAUSE_MS = 60_000
const PATIENCE_MS = 1_000

export class ReadWriteProbe {
  readonly #runtime: Runtime
  readonly #transport: Transport
  readonly #hosts: Hosts
  readonly #found: (endpoint: Endpoint) => void
  #rounds = 0
  #timer: Timer | undefined
  #connection: Connection | undefined
  #stopped = false

  constructor(runtime: Runtime, transport: Transport, hosts: Hosts, found: (endpoint: Endpoint) => void) {
    this.#runtime = runtime
    this.#transport = transport
    this.#hosts = hosts
    this.#found = found
    this.#pause()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#connection?.destroy()
  }

  #pause(): void {
    if (this.#stopped) return
    const delay = backOffMs(++this.#rounds, MAX_PAUSE_MS, this.#runtime.random.next())
    this.#timer = this.#runtime.clock.setTimer(delay, () => {
      this.#hosts.next().then(
        (endpoint) => this.#ask(endpoint),
        () => this.#pause(),
      )
    })
  }

  #ask(endpoint: Endpoint): void {
    if (this.#stopped) return
    let answer = ''
    const finish = (): void => {
      this.#timer?.cancel()
      this.#connection?.destroy()
      this.#connection = undefined
      if (this.#stopped) return
      if (answer.startsWith('rw')) this.#found(endpoint)
      else this.#pause()
    }
    this.#timer = this.#runtime.clock.setTimer(PATIENCE_MS, finish)
    this.#connection = this.#transport.dial(endpoint, {
      open: () => this.#connection?.write(Buffer.from('isro')),
      data: (chunk) => {
        answer += chunk.toString('latin1', 0, 2)
        if (answer.length >= 2) finish()
      },
      drain: () => undefined,
      close: finish,
    })
  }
}
