/** A cluster with clients, each with a double barrier on the same path, which exists. */
import { DoubleBarrier, type Client, type DoubleBarrierOptions } from 'latchkey'
import { Cluster } from '../cluster.js'

export const PATH = '/app/barrier'

/** @param options - of each barrier; the ACL is that of the path too. */
export async function stage(
  clients: number,
  options: DoubleBarrierOptions,
): Promise<{ cluster: Cluster; zks: Client[]; barriers: DoubleBarrier[] } & AsyncDisposable> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < clients; i++) zks.push(await cluster.client())
  const { acl } = options
  await cluster.until(zks[0]!.ensurePath(PATH, { mode: 'container', ...(acl && { acl }) }))
  const barriers = zks.map((zk) => new DoubleBarrier(zk, PATH, options))
  return { cluster, zks, barriers, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}
