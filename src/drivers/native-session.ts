/**
 * One session of an npm `zookeeper` client, watched from outside: is it connected, and can it still be proved alive?
 *
 * The package tells of lost connections late (after two thirds of the timeout) and of expiry only once a server has
 * told it, which in a partition is never. So the driver keeps its own account: a session is proved alive for one
 * timeout from the moment that a request was sent which was then answered. When nothing else is asked, it asks for
 * something itself, every third of a timeout. Once the proof runs out, the session is over for everybody here, and the
 * native client is closed, as it might come back to a session that recipes have given up.
 *
 * Not obvious: the deadline is checked when a call begins and when it ends, not by the timer alone. After a stall of the
 * process the replies that have waited in the socket may be handled before the timer.
 */
import type { LostReason } from '../api/errors.js'
import { quietController } from '../runtime/abort.js'
import type { Clock, Timer } from '../runtime/clock.js'
import { SessionHandle } from '../session/session-handle.js'
import {
  AUTH_FAILED_STATE,
  CONNECTED_STATE,
  EXPIRED_STATE,
  isAnswer,
  type ZooKeeperClient,
} from './zookeeper-package.js'

export type Ending = LostReason | 'auth-failed'

export interface NativeSessionEvents {
  readonly onConnected: () => void
  readonly onSuspended: () => void
  /** Called once, after `handle.signal` has aborted. Nothing of the native client is heard after it. */
  readonly onEnd: (ending: Ending) => void
}

/** Any znode will do: the answer counts, not what it says. */
const PROBE_PATH = '/'

export class NativeSession {
  readonly client: ZooKeeperClient
  readonly #clock: Clock
  readonly #generation: number
  readonly #events: NativeSessionEvents
  readonly #controller = quietController()
  #handle: SessionHandle | undefined
  #isConnected = false
  #isOver = false
  #provedAt: number
  #deadline: Timer | undefined
  #probe: Timer | undefined

  constructor(client: ZooKeeperClient, generation: number, clock: Clock, events: NativeSessionEvents) {
    this.client = client
    this.#clock = clock
    this.#generation = generation
    this.#events = events
    this.#provedAt = clock.now()
    client.on('connect', this.#onConnect)
    client.on('connecting', this.#onConnecting)
    client.on('close', this.#onClose)
    if (client.state === CONNECTED_STATE) this.#onConnect()
  }

  /** Undefined until the first connection. */
  get handle(): SessionHandle | undefined {
    return this.#handle
  }

  get isConnected(): boolean {
    return this.#isConnected && !this.#isOver
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** A request that was sent then has been answered: the server knew the session after that moment. */
  answered(sentAt: number): void {
    if (this.#isOver || this.check()) return
    if (sentAt > this.#provedAt) this.#provedAt = sentAt
  }

  /** True, and the session over, if it can no longer be proved alive. */
  check(): boolean {
    if (!this.#isOver && this.#handle !== undefined && this.#clock.now() >= this.#expiresAt)
      this.end('session-in-doubt')
    return this.#isOver
  }

  get #expiresAt(): number {
    return this.#provedAt + (this.#handle?.timeoutMs ?? Infinity)
  }

  end(ending: Ending): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#deadline?.cancel()
    this.#probe?.cancel()
    this.client.removeListener('connect', this.#onConnect)
    this.client.removeListener('connecting', this.#onConnecting)
    this.client.removeListener('close', this.#onClose)
    this.#handle?.end(ending === 'auth-failed' ? 'session-expired' : ending)
    this.#controller.abort(ending)
    this.#events.onEnd(ending)
  }

  readonly #onConnect = (): void => {
    if (this.check()) return
    const { client_id: hex, timeout: timeoutMs } = this.client
    if (this.#handle === undefined) {
      const id = BigInt.asIntN(64, BigInt(`0x${hex}`))
      this.#handle = new SessionHandle(
        { id, generation: this.#generation, timeoutMs },
        this.#controller.signal,
      )
      this.#provedAt = this.#clock.now()
      this.#watchDeadline()
      this.#probeSoon()
    } else this.#handle.renegotiated(timeoutMs)
    this.#isConnected = true
    this.#events.onConnected()
  }

  readonly #onConnecting = (): void => {
    if (!this.#isConnected || this.check()) return
    this.#isConnected = false
    this.#events.onSuspended()
  }

  readonly #onClose = (_: unknown, code = 0): void => {
    if (code === AUTH_FAILED_STATE) this.end('auth-failed')
    else this.end(code === EXPIRED_STATE ? 'session-expired' : 'closed')
  }

  #watchDeadline(): void {
    this.#deadline = this.#clock.setTimer(this.#expiresAt - this.#clock.now(), () => {
      if (!this.check()) this.#watchDeadline()
    })
  }

  #probeSoon(): void {
    const pauseMs = (this.#handle?.timeoutMs ?? 0) / 3
    this.#probe = this.#clock.setTimer(pauseMs, () => {
      const sentAt = this.#clock.now()
      if (this.#isConnected && sentAt - this.#provedAt >= pauseMs / 2) this.#ask(sentAt)
      this.#probeSoon()
    })
  }

  #ask(sentAt: number): void {
    this.client.a_exists(PROBE_PATH, false, (code) => {
      if (isAnswer(code)) this.answered(sentAt)
    })
  }
}
