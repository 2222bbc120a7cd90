/**
 * A network in memory: the same interfaces as TCP on both sides, on whatever clock it is given. With a virtual clock a
 * whole cluster runs in one process, reproducibly. Bytes are copied on the way, so nobody sees another's buffers.
 *
 * Invariants: bytes arrive in order; `close` comes once and last; nothing is called back after `destroy()`.
 */
import type { Clock } from '../runtime/clock.js'
import type { Acceptor, Connection, ConnectionEvents, Endpoint, Listener, Transport } from './transport.js'

type Accept = (connection: Connection) => ConnectionEvents

/** One direction of one connection: runs `fn` when what leaves now arrives. It keeps the order. */
export type Lane = (fn: () => void) => void

/** The way between one host and the servers. */
export interface Route {
  /** Called for each direction of each connection. */
  lane(direction: 'toServer' | 'toClient'): Lane
}

export interface MemoryNetworkOptions {
  /** One way, in milliseconds; asked for each chunk. Order is kept whatever it says. Default: 0. */
  readonly latencyMs?: () => number
}

/** A route that only takes time. */
export function timedRoute(clock: Clock, latencyMs: () => number): Route {
  const lane = (): Lane => {
    /** Nothing may overtake what was sent before it. */
    let lastDue = 0
    return (fn) => {
      const now = clock.now()
      lastDue = Math.max(lastDue, now + latencyMs())
      clock.setTimer(lastDue - now, fn)
    }
  }
  return { lane }
}

export class MemoryNetwork implements Transport, Acceptor {
  readonly #host: MemoryHost
  readonly #listeners = new Map<string, Accept>()
  readonly #ends = new Set<MemoryConnection>()
  #nextPort = 20_000

  constructor(clock: Clock, options: MemoryNetworkOptions = {}) {
    this.#host = this.host(timedRoute(clock, options.latencyMs ?? (() => 0)))
  }

  /** Connection ends that are open: a leak check for tests. */
  get openEnds(): number {
    return this.#ends.size
  }

  /** A machine that reaches the servers by a route of its own. */
  host(route: Route): MemoryHost {
    return new MemoryHost(route, this.#ends, (key) => this.#listeners.get(key))
  }

  async resolve(hostName: string): Promise<readonly string[]> {
    return this.#host.resolve(hostName)
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
    return this.#host.dial(endpoint, events)
  }
}

/** Where connections are dialled from. */
export class MemoryHost implements Transport {
  readonly #route: Route
  readonly #ends: Set<MemoryConnection>
  readonly #own = new Set<MemoryConnection>()
  readonly #listener: (key: string) => Accept | undefined

  /** @internal Use {@link MemoryNetwork.host}. */
  constructor(route: Route, ends: Set<MemoryConnection>, listener: (key: string) => Accept | undefined) {
    this.#route = route
    this.#ends = ends
    this.#listener = listener
  }

  async resolve(hostName: string): Promise<readonly string[]> {
    return Promise.resolve([hostName === 'localhost' ? '127.0.0.1' : hostName])
  }

  dial(endpoint: Endpoint, events: ConnectionEvents & { open(): void }): Connection {
    const [toServer, toClient] = [this.#route.lane('toServer'), this.#route.lane('toClient')]
    const client = new MemoryConnection(toClient, [this.#ends, this.#own])
    client.begin(events)
    toServer(() => {
      if (!client.isOpen) return
      const accept = this.#listener(`${endpoint.address}:${endpoint.port}`)
      if (accept === undefined) {
        const refused = new Error(`connection refused: ${endpoint.address}:${endpoint.port}`)
        return client.later(() => client.fail(refused))
      }
      const server = new MemoryConnection(toServer, [this.#ends])
      client.join(server)
      server.begin(accept(server))
      client.later(() => events.open())
    })
    return client
  }

  /** Resets all its connections from outside, as a firewall would: both ends hear of it. */
  reset(): void {
    for (const end of [...this.#own]) end.cut()
  }

  /** The machine is gone: its ends with it, and nobody is told. */
  vanish(): void {
    for (const end of [...this.#own]) end.vanish()
  }

  /** The process is gone, and its system closes the connections: the servers hear of it. */
  kill(): void {
    for (const end of [...this.#own]) end.destroy()
  }
}

class MemoryConnection implements Connection {
  readonly remoteAddress = '127.0.0.1'
  readonly loopback = true
  readonly encrypted = false
  readonly #lane: Lane
  readonly #sets: readonly Set<MemoryConnection>[]
  #events: ConnectionEvents | undefined
  #peer: MemoryConnection | undefined
  #open = true
  #paused = false
  #inbox: (() => void)[] = []

  /**
   * @param lane - what comes to this end.
   * @param sets - hold it while it is open.
   */
  constructor(lane: Lane, sets: readonly Set<MemoryConnection>[]) {
    this.#lane = lane
    this.#sets = sets
    for (const set of sets) set.add(this)
  }

  get isOpen(): boolean {
    return this.#open
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

  /** Runs `fn` when it arrives, in order with all else that comes to this end, unless this is destroyed by then. */
  later(fn: () => void): void {
    this.#lane(() => {
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
    this.#events = undefined
    this.cut()
  }

  /** A reset: this end hears of it now, the other when it gets there. */
  cut(): void {
    if (!this.#open) return
    const peer = this.#peer
    const reset = new Error('connection reset')
    peer?.later(() => peer.fail(reset))
    this.fail(reset)
  }

  vanish(): void {
    this.#events = undefined
    this.fail()
  }

  /** This end is over; tells its owner unless it was destroyed. */
  fail(error?: Error): void {
    if (!this.#open) return
    this.#open = false
    for (const set of this.#sets) set.delete(this)
    const events = this.#events
    this.#events = undefined
    events?.close(error)
  }
}
