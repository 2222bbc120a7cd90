/**
 * Sessions: ids, passwords, and when each expires. Expiry is in buckets of one tick, as on a real server: a session
 * ends at the first tick after its timeout has passed since it was last heard of, so up to one tick late.
 *
 * Invariants: a session is in exactly one bucket; one timer is armed while there are sessions and the table runs;
 * whoever is told of an expiry removes the session itself, through the log, so that it happens in one transaction.
 */
import type { Runtime } from '../runtime/runtime.js'
import type { Timer } from '../runtime/clock.js'

export const PASSWORD_BYTES = 16

export interface SessionSeed {
  readonly id: bigint
  readonly password: Buffer
  readonly timeoutMs: number
}

/** One session. `attachment` is the connection that it is on, if any. */
export class ServerSession<A = unknown> {
  readonly id: bigint
  readonly password: Buffer
  timeoutMs: number
  attachment: A | undefined
  /** Requests received, pings left out: what control rules count by. */
  requests = 0
  /** The tick at which it ends. */
  bucket = 0

  constructor(seed: SessionSeed) {
    this.id = seed.id
    this.password = seed.password
    this.timeoutMs = seed.timeoutMs
  }
}

export class SessionTable<A = unknown> {
  readonly #runtime: Runtime
  readonly #tickMs: number
  readonly #onExpired: (session: ServerSession<A>) => void
  readonly #sessions = new Map<bigint, ServerSession<A>>()
  readonly #buckets = new Map<number, Set<ServerSession<A>>>()
  #nextId: bigint
  #timer: Timer | undefined
  #running = false

  constructor(runtime: Runtime, tickMs: number, onExpired: (session: ServerSession<A>) => void) {
    this.#runtime = runtime
    this.#tickMs = tickMs
    this.#onExpired = onExpired
    // As a real server numbers them: the server's id on top, then five bytes of time, then a counter.
    const time = (BigInt(Math.floor(runtime.clock.wall())) << 24n) & 0xffff_ffff_ffff_ffffn
    this.#nextId = (time >> 8n) | (1n << 56n)
  }

  get size(): number {
    return this.#sessions.size
  }

  all(): Iterable<ServerSession<A>> {
    return this.#sessions.values()
  }

  get(id: bigint): ServerSession<A> | undefined {
    return this.#sessions.get(id)
  }

  /** What a new session will be; {@link add} makes it one. */
  draw(timeoutMs: number): SessionSeed {
    return { id: this.#nextId, password: this.#runtime.random.bytes(PASSWORD_BYTES), timeoutMs }
  }

  add(seed: SessionSeed): ServerSession<A> {
    const session = new ServerSession<A>(seed)
    this.#sessions.set(session.id, session)
    if (session.id >= this.#nextId) this.#nextId = session.id + 1n
    this.touch(session)
    return session
  }

  remove(session: ServerSession<A>): void {
    this.#sessions.delete(session.id)
    this.#leaveBucket(session)
    if (this.#sessions.size === 0) this.#disarm()
  }

  /** It was heard of: its time starts again. */
  touch(session: ServerSession<A>): void {
    const bucket = Math.floor((this.#runtime.clock.now() + session.timeoutMs) / this.#tickMs) + 1
    if (bucket === session.bucket) return
    this.#leaveBucket(session)
    session.bucket = bucket
    const peers = this.#buckets.get(bucket)
    if (peers === undefined) this.#buckets.set(bucket, new Set([session]))
    else peers.add(session)
    if (this.#running && this.#timer === undefined) this.#arm()
  }

  /** Begins to count, for every session from now: nobody is held to have been silent while the server was down. */
  start(): void {
    this.#running = true
    for (const session of this.#sessions.values()) this.touch(session)
  }

  stop(): void {
    this.#running = false
    this.#disarm()
  }

  #leaveBucket(session: ServerSession<A>): void {
    const peers = this.#buckets.get(session.bucket)
    peers?.delete(session)
    if (peers?.size === 0) this.#buckets.delete(session.bucket)
    session.bucket = 0
  }

  #arm(): void {
    const now = this.#runtime.clock.now()
    const next = (Math.floor(now / this.#tickMs) + 1) * this.#tickMs
    this.#timer = this.#runtime.clock.setTimer(next - now, () => this.#tick())
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #tick(): void {
    this.#timer = undefined
    const due = Math.floor(this.#runtime.clock.now() / this.#tickMs)
    for (const [bucket, peers] of this.#buckets) {
      if (bucket > due) continue
      for (const session of [...peers]) this.#onExpired(session)
    }
    if (this.#running && this.#sessions.size > 0) this.#arm()
  }
}
