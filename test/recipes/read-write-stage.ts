/** A cluster with read-write locks on one path, each on a client of its own, and ways to see who does what. */
import { ReadWriteLock, type Client, type ReadWriteLockOptions } from 'latchkey'
import { Cluster, PATH } from './cluster.js'

export class ReadWriteStage implements AsyncDisposable {
  readonly cluster: Cluster
  readonly zks: readonly Client[]
  readonly locks: readonly ReadWriteLock[]

  private constructor(cluster: Cluster, zks: readonly Client[], locks: readonly ReadWriteLock[]) {
    this.cluster = cluster
    this.zks = zks
    this.locks = locks
  }

  static async start(clients: number, options?: ReadWriteLockOptions): Promise<ReadWriteStage> {
    const cluster = await Cluster.start()
    const zks: Client[] = []
    for (let i = 0; i < clients; i++) zks.push(await cluster.client())
    await cluster.until(zks[0]!.ensurePath(PATH, { mode: 'container' }))
    return new ReadWriteStage(
      cluster,
      zks,
      zks.map((zk) => new ReadWriteLock(zk, PATH, options)),
    )
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster[Symbol.asyncDispose]()
  }
}

/** A promise that can be looked at. */
export interface Seen<T> {
  readonly promise: Promise<T>
  value: T | undefined
  readonly settled: boolean
}

export function see<T>(promise: Promise<T>): Seen<T> {
  const seen = { promise, value: undefined as T | undefined, settled: false }
  promise.then(
    (value) => Object.assign(seen, { value, settled: true }),
    () => (seen.settled = true),
  )
  return seen
}
