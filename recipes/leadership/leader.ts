/** Who leads, as its znode says it: read from the queue of candidates, of which the first one leads. */
import { joinPath, nameOf } from '../../src/api/path.js'
import type { NodeData } from '../../src/api/zk.js'
import type { Attempt } from '../kernel/attempt.js'
import { birthInName } from '../kernel/birth-order.js'
import type { ContenderQueue } from '../kernel/contender-queue.js'
import { nodeAt } from '../kernel/members.js'

export interface Leader {
  /** What it wrote into its znode, as text: its id, or what it proclaimed. */
  readonly value: string
  /** The same, as bytes. */
  readonly data: Buffer
  readonly path: string
  readonly sessionId: bigint
  /** Of its term. A later leader's is greater. */
  readonly fencingToken: bigint
  /** When it queued up, by the wall clock of ZooKeeper's leader. */
  readonly since: Date
  /** How often it wrote into its znode since then. */
  readonly version: number
}

export function leaderOf(path: string, { data, stat }: NodeData): Leader {
  const { ephemeralOwner: sessionId, czxid, ctime, version } = stat
  const fencingToken = birthInName(nameOf(path)) ?? czxid
  return {
    value: data.toString(),
    data,
    path,
    sessionId,
    fencingToken,
    since: new Date(Number(ctime)),
    version,
  }
}

/**
 * The first of the candidates that stands when it is read: nobody can come in front of it, so it leads at that moment
 * (CURATOR-358: the first of a list may be gone when it is read). Undefined if there is none.
 */
export async function findLeader(queue: ContenderQueue, attempt: Attempt): Promise<Leader | undefined> {
  const { zk, container } = queue.spec
  const line = await queue.contenders(attempt)
  attempt.stage = 'reading who leads'
  for (const { name } of line) {
    const path = joinPath(container, name)
    const node = await nodeAt(zk, path, attempt.signal)
    if (node !== undefined) return leaderOf(path, node)
  }
  return undefined
}
