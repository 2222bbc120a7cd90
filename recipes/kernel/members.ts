/** Who stands in a queue, read from the contenders' znodes: what `contenders()` of every lock shows. */
import { hasCode } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { NodeData, Zk } from '../../src/api/zk.js'
import type { Attempt } from './attempt.js'
import { birthInName } from './birth-order.js'
import type { ContenderQueue } from './contender-queue.js'
import { throwUnlessPassing } from './enqueue.js'
import { beforeRetry } from './failure.js'
import type { Contender } from './line.js'
import type { Claim } from './revocation.js'
import { isRevokeMark } from './revoke-mark.js'

/** One in a queue, as of the moment when its znode was read. */
export interface QueueMember extends Claim {
  /** What it wrote into its znode, as text. */
  readonly id: string
  readonly name: string
  readonly path: string
  readonly sessionId: bigint
  /** By the leader's wall clock. */
  readonly since: Date
  /** The transaction that made its znode. */
  readonly czxid: bigint
  /** What its hold's `fencingToken` is or will be: the czxid, or that of the znode which this one has replaced. */
  readonly fencingToken: bigint
  readonly sequence: number
  /** Somebody has asked it to give up; its `id` is overwritten by that. */
  readonly isRevokeRequested: boolean
}

/** Bounds what a long queue keeps in flight. */
const READ_AT_ONCE = 256

/** In order; those that vanish while it asks are left out. */
export async function membersOf(queue: ContenderQueue, attempt: Attempt): Promise<QueueMember[]> {
  const line = await queue.contenders(attempt)
  attempt.stage = 'reading the contenders'
  const found: QueueMember[] = []
  for (let start = 0; start < line.length; start += READ_AT_ONCE) {
    const batch = line.slice(start, start + READ_AT_ONCE)
    const members = await Promise.all(batch.map(async (contender) => read(queue, contender, attempt)))
    found.push(...members.filter((member) => member !== undefined))
  }
  return found
}

async function read(
  { spec: { zk, container } }: ContenderQueue,
  { name, sequence }: Contender,
  { signal }: Attempt,
): Promise<QueueMember | undefined> {
  const path = joinPath(container, name)
  const node = await nodeAt(zk, path, signal)
  if (node === undefined) return undefined
  const { ephemeralOwner: sessionId, ctime, czxid } = node.stat
  return {
    id: node.data.toString(),
    name,
    path,
    sessionId,
    since: new Date(Number(ctime)),
    czxid,
    fencingToken: birthInName(name) ?? czxid,
    sequence,
    isRevokeRequested: isRevokeMark(node.data),
  }
}

export async function nodeAt(zk: Zk, path: string, signal: AbortSignal): Promise<NodeData | undefined> {
  for (let repetition = 0; ; repetition++) {
    try {
      if (repetition > 0) await beforeRetry(zk, repetition, signal)
      return await zk.get(path, { signal })
    } catch (error) {
      signal.throwIfAborted()
      if (hasCode(error, 'NO_NODE')) return undefined
      throwUnlessPassing(error)
    }
  }
}
