/**
 * A cluster with semaphores on one path, each on a client of its own, and the ground truth about them: by the server's
 * applied transactions, how many permits are taken at each moment.
 */
import { Semaphore, type Client, type Lease, type SemaphoreOptions, type Zk } from 'latchkey'
import type { NodeChange, StartServerOptions } from 'latchkey/server'
import { expect } from 'vitest'
import { Cluster } from './cluster.js'

export const POOL = '/app/pool'

export type Layout = 'native' | 'curator' | 'kazoo'
export const layouts: readonly Layout[] = ['native', 'curator', 'kazoo']

/** The parents of contenders and leases, but for kazoo's own pool, which stays. */
export const parentsOf: Readonly<Record<Layout, readonly string[]>> = {
  native: [POOL],
  curator: [`${POOL}/locks`, `${POOL}/leases`],
  kazoo: [`${POOL}-__lock__`, POOL],
}

export class SemaphoreStage implements AsyncDisposable {
  readonly cluster: Cluster
  readonly zks: readonly Client[]
  readonly layout: Layout
  readonly semaphores: readonly Semaphore[]

  private constructor(cluster: Cluster, zks: readonly Client[], layout: Layout, options: SemaphoreOptions) {
    this.cluster = cluster
    this.zks = zks
    this.layout = layout
    this.semaphores = zks.map((zk) => this.semaphore(zk, options))
  }

  static async start(
    clients: number,
    layout: Layout,
    permits: SemaphoreOptions['permits'],
    server: StartServerOptions = {},
  ): Promise<SemaphoreStage> {
    const cluster = await Cluster.start(server)
    const zks: Client[] = []
    for (let i = 0; i < clients; i++) zks.push(await cluster.client())
    const stage = new SemaphoreStage(cluster, zks, layout, { permits })
    for (const path of layout === 'kazoo' ? [`${POOL}-__lock__`] : parentsOf[layout])
      await cluster.until(zks[0]!.ensurePath(path, { mode: 'container' }))
    return stage
  }

  semaphore(zk: Zk, options: SemaphoreOptions): Semaphore {
    return new Semaphore(zk, POOL, { dialect: this.layout, ...options })
  }

  /** Requests of one client from now on, in order. */
  requestsOf(zk: Client): string[] {
    const seen: string[] = []
    this.cluster.control.dropBefore({
      where: ({ session, operation }) => {
        if (session === zk.session?.id) seen.push(operation)
        return false
      },
    })
    return seen
  }

  async expectNothingLeft(): Promise<void> {
    for (const path of parentsOf[this.layout]) await this.cluster.expectNothingLeft(path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]()
  }
}

/**
 * What is taken at each moment, by the server's applied transactions. In the guarded layouts every znode of a lease
 * counts from its creation. In ours, where requests wait as such znodes too, it counts from its grant on, and what a
 * partial return puts in its place counts as well.
 */
export class Ledger {
  /** The most that were ever taken at once. */
  most = 0
  readonly layout: Layout
  readonly #taken = new Map<string, number>()
  readonly #owners = new Map<string, bigint>()

  constructor(cluster: Cluster, layout: Layout) {
    this.layout = layout
    cluster.control.onApply(({ body, session }) => {
      if (body.type === 'multi') this.#apply(body.changes, session)
      else if (body.type === 'create' || body.type === 'delete') this.#apply([body], session)
      else if (body.type === 'closeSession')
        for (const [path, owner] of this.#owners) if (owner === session) this.#forget(path)
    })
  }

  get taken(): number {
    return [...this.#taken.values()].reduce((sum, permits) => sum + permits, 0)
  }

  /** To be called at each grant, right when it is known. Throws if it comes to more than the limit. */
  granted(lease: Lease, limit: number): void {
    if (this.layout === 'native')
      for (const path of lease.znodes) if (this.#owners.has(path)) this.#take(path)
    this.most = Math.max(this.most, this.taken)
    expect(this.taken).toBeLessThanOrEqual(limit)
  }

  #apply(changes: readonly NodeChange[], session: bigint): void {
    const wasTaken = changes.some((change) => change.type === 'delete' && this.#taken.has(change.path))
    for (const change of changes) {
      if (change.type === 'delete') this.#forget(change.path)
      if (change.type !== 'create') continue
      this.#owners.set(change.path, session)
      const isLease =
        this.layout === 'native'
          ? wasTaken
          : /\/leases\/.*lease-|^\/app\/pool\/[0-9a-f]{32}$/.test(change.path)
      if (isLease) this.#take(change.path)
    }
    this.most = Math.max(this.most, this.taken)
  }

  #take(path: string): void {
    const permits = /-permits-(\d+)-/.exec(path)?.[1] ?? '1'
    this.#taken.set(path, Number(permits))
  }

  #forget(path: string): void {
    this.#taken.delete(path)
    this.#owners.delete(path)
  }
}

/** Who believes to hold: checked at each grant against the limit, by the others' beliefs and by the server's log. */
export class Beliefs {
  limit: number
  grants = 0
  readonly ledger: Ledger
  readonly #cluster: Cluster
  readonly #held = new Set<Lease>()
  #last = 0n

  constructor(cluster: Cluster, layout: Layout, limit: number) {
    this.#cluster = cluster
    this.ledger = new Ledger(cluster, layout)
    this.limit = limit
  }

  /** By the server: a client can't know at once that a test ended its session. */
  #lives({ sessionId, signal }: Lease): boolean {
    return !signal.aborted && this.#cluster.control.sessions().some(({ id }) => id === sessionId)
  }

  granted(lease: Lease): Lease {
    this.grants++
    // In our layout one that is let in hears of it by a list of its own: who came later may hear of it first.
    if (this.ledger.layout !== 'native') expect(lease.fencingToken).toBeGreaterThan(this.#last)
    expect(lease.fencingToken).not.toBe(this.#last)
    this.#last = lease.fencingToken
    this.#held.add(lease)
    this.ledger.granted(lease, this.limit)
    const living = [...this.#held].filter((each) => this.#lives(each))
    expect(living.reduce((sum, { permits }) => sum + permits, 0)).toBeLessThanOrEqual(this.limit)
    return lease
  }

  async release(lease: Lease): Promise<void> {
    this.#held.delete(lease)
    await lease.release()
  }
}
