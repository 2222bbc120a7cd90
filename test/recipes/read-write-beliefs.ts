/** Who believes to hold a read-write lock: checked at each grant against the others' beliefs and the server's own tree. */
import { ReadWriteLock, type Hold } from 'latchkey'
import { expect } from 'vitest'
import type { Cluster } from './cluster.js'

type Kind = 'read' | 'write'

export class Beliefs {
  readonly #observed: ReadWriteLock
  readonly #held = new Map<Hold, Kind>()
  /** The greatest token that a writer was granted, and that anyone was. */
  #lastWrite = 0n
  #last = 0n
  grants = 0

  readonly #cluster: Cluster

  private constructor(cluster: Cluster, observed: ReadWriteLock) {
    this.#cluster = cluster
    this.#observed = observed
  }

  static async at(cluster: Cluster, path: string): Promise<Beliefs> {
    return new Beliefs(cluster, new ReadWriteLock(await cluster.observer(), path))
  }

  /** By the server: a client can't know at once that a test ended its session. */
  #lives({ sessionId, signal }: Hold): boolean {
    return !signal.aborted && this.#cluster.control.sessions().some(({ id }) => id === sessionId)
  }

  /** Registers a grant. Throws if it overlaps with another that is still believed in, or with the ground truth. */
  async granted<H extends Hold>(hold: H, kind: Kind): Promise<H> {
    this.grants++
    const others = [...this.#held]
    this.#held.set(hold, kind)
    for (const [other, otherKind] of others) {
      if (kind === 'read' && otherKind === 'read') continue
      if (this.#lives(other))
        throw new Error(`${kind} granted (${hold.path}) while ${otherKind} is held (${other.path})`)
      this.#held.delete(other)
    }
    if (kind === 'write') expect(hold.fencingToken).toBeGreaterThan(this.#last)
    else expect(hold.fencingToken).toBeGreaterThan(this.#lastWrite)
    this.#note(hold, kind)
    await this.#compare(hold, kind)
    return hold
  }

  /** From the moment that it is asked for, a write hold is as good as a read hold. */
  downgrading(hold: Hold): void {
    this.#held.set(hold, 'read')
  }

  /** The token stays. */
  async downgraded(from: Hold, to: Hold): Promise<void> {
    this.#held.delete(from)
    expect(to.fencingToken).toBe(from.fencingToken)
    expect(to.sessionId).toBe(from.sessionId)
    for (const kind of this.#held.values()) expect(kind).toBe('read')
    this.#held.set(to, 'read')
    await this.#compare(to, 'read')
  }

  async release(hold: Hold): Promise<void> {
    this.#held.delete(hold)
    await hold.release()
  }

  #note({ fencingToken }: Hold, kind: Kind): void {
    if (fencingToken > this.#last) this.#last = fencingToken
    if (kind === 'write' && fencingToken > this.#lastWrite) this.#lastWrite = fencingToken
  }

  async #compare(hold: Hold, kind: Kind): Promise<void> {
    const holders = (await this.#observed.contenders()).filter(({ role }) => role === 'holder')
    const own = holders.find(({ path }) => path === hold.path)
    if (own === undefined && !this.#lives(hold)) return
    expect(own).toMatchObject({ kind, sessionId: hold.sessionId })
    if (kind === 'write') expect(holders).toHaveLength(1)
  }
}
