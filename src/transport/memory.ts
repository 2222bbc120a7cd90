/**
 * A network in memory: the same interfaces as TCP on both sides, on whatever clock it is given. With a virtual clock a
 * whole cluster runs in one process, reproducibly. Bytes are copied on the way, so nobody sees another's buffers.
 *
 * Invariants: bytes arrive in order; `close` comes once and last; nothing is called back after `destroy()`.
 */
import type { Clock } from '../runtime/clock.js'
import type { Acceptor, Connection, ConnectionEvents, Endpoint, Listener, Transport } from './transport.js'

type Accept = (connection: Connection) => ConnectionEvents

export interface MemoryNetworkOptions {
  /** One way, in milliseconds; asked for each chunk. Order is kept whatever it says. Default: 0. */
  readonly latencyMs?: () => number
}

export class MemoryNetwork implements Transport, Acceptor {
  readonly #clock: Clock
  readonly #latencyMs: () => number
  readonly #listeners = new Map<string, Accept>()
  readonly #ends = new Set<MemoryConnection>()
  #nextPort = 20_000

  constructor(clock: Clock, options: MemoryNetworkOptions = {}) {
    this.#clock = clock
    this.#latencyMs = options.latencyMs ?? (() => 0)
  }

  /** Connection ends that are open: a leak check for tests. */
  get openEnds(): number {
    return this.#ends.size
  }

  async resolve(hostName: string): Promise<readonly string[]> {
    return Promise.resolve([hostName === 'localhost' ? '127.0.0.1' : hostName])
  }

  async listen(options: { host: string; port: number }, accept: Accept): Promise<Listener> {
    const port = options.port === 0 ? this.#nextPort++ : options.port
    const key = `${options.host}:${port}`
    if (this.#listeners.has(key)) return Promise.reject(new Error(`address in use: ${key}`))
    this.#listeners.set(key, accept)
    const close = async (): Promise<void> => {
      this.#listeners.delete(key)
      return Promise.resolve()
    }
    return Promise.resolve({ host: options.host, port, close, [Symbol.asyncDispose]: close })
  }

  dial(endpoint: Endpoint, events: ConnectionEvents & { open(): void }): Connection {
    const client = new MemoryConnection(this.#clock, this.#latencyMs, this.#ends)
    client.begin(events)
    client.later(() => {
      const accept = this.#listeners.get(`${endpoint.address}:${endpoint.port}`)
      if (accept === undefined)
        return client.fail(new Error(`connection refused: ${endpoint.address}:${endpoint.port}`))
      const server = new MemoryConnection(this.#clock, this.#latencyMs, this.#ends)
      client.join(server)
      server.begin(accept(server))
      client.later(() => events.open())
    })
    return client
  }
}

class MemoryConnection implements Connection {
  readonly remoteAddress = '127.0.0.1'
  readonly loopback = true
  readonly encrypted = false
  readonly #clock: Clock
  readonly #latencyMs: () => number
  readonly #ends: Set<MemoryConnection>
  #events: ConnectionEvents | undefined
  #peer: MemoryConnection | undefined
  #open = true
  #paused = false
  #inbox: (() => void)[] = []
  /** Nothing may overtake what was sent before it. */
  #lastDue = 0

  constructor(clock: Clock, latencyMs: () => number, ends: Set<MemoryConnection>) {
    this.#clock = clock
    this.#latencyMs = latencyMs
    this.#ends = ends
    ends.add(this)
  }

  get buffered(): number {
    return this.#peer?.inboxSize ?? 0
  }

  get inboxSize(): number {
    return this.#inbox.length
  }

  begin(events: ConnectionEvents): void {
    this.#events = events
  }

  join(peer: MemoryConnection): void {
    this.#peer = peer
    peer.#peer = this
  }

  /** Runs `fn` after one latency, in order with all else on this end, unless this end is destroyed by then. */
  later(fn: () => void): void {
    const now = this.#clock.now()
    this.#lastDue = Math.max(this.#lastDue, now + this.#latencyMs())
    this.#clock.setTimer(this.#lastDue - now, () => {
      if (!this.#open) return
      if (this.#paused) this.#inbox.push(fn)
      else fn()
    })
  }

  write(bytes: Buffer): boolean {
    const peer = this.#peer
    if (!this.#open || peer === undefined) return false
    const copy = Buffer.from(bytes)
    peer.later(() => peer.#events?.data(copy))
    return true
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    const waiting = this.#inbox
    this.#inbox = []
    for (const fn of waiting) fn()
  }

  end(): void {
    if (!this.#open) return
    this.#peer?.later(() => this.#peer?.fail())
    this.fail()
  }

  destroy(): void {
    if (!this.#open) return
    const peer = this.#peer
    peer?.later(() => peer.fail(new Error('connection reset')))
    this.#events = undefined
    this.fail()
  }

  /** This end is over; tells its owner unless it was destroyed. */
  fail(error?: Error): void {
    if (!this.#open) return
    this.#open = false
    this.#ends.delete(this)
    const events = this.#events
    this.#events = undefined
    events?.close(error)
  }
}
