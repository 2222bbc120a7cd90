/**
 * The moment in which a guarded semaphore grants: one transaction makes all leases and deletes our znode in the guard
 * lock. So we take all or none, only while the lock is ours, and the next in line is let in by the same write.
 * A shared limit is checked in it too: the leases are within the limit that stands at that moment.
 *
 * Each lease has a UUID of its own, with the czxid of our znode in the lock in it: the fencing token of all of them,
 * which grows with each grant, as the lock's do.
 *
 * Lost reply: as with any create (kernel/lost-create.ts), all are looked for on the same session.
 */
import { hasCode, TransactionError, UnsupportedError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { CreateMode, CreateResult, Transaction, TransactionResult } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from '../kernel/attempt.js'
import { uuidWithBirth } from '../kernel/birth-order.js'
import { namePrefix } from '../kernel/dialect.js'
import type { QueueSpec } from '../kernel/enqueue.js'
import { isPassing, isUnknown } from '../kernel/failure.js'
import { Janitor } from '../kernel/janitor.js'
import { findLostCreate, type LostCreate } from '../kernel/lost-create.js'
import { Place, type PlaceMade } from '../kernel/place.js'
import type { PermitLimit } from './permit-limit.js'
import type { LimitState } from './permit-limit.js'

export interface Taking {
  readonly leases: QueueSpec
  readonly mode: CreateMode
  readonly limit: PermitLimit
  readonly attempt: Attempt
}

/** Why nothing was taken: look again (the limit has changed, nothing arrived); no parent; our place in the lock is gone. */
export type NotTaken = 'look' | 'no-parent' | 'vanished'

/** Rejects with the reason of the attempt's signal, or with what the server refuses; then nothing is left. */
export async function takeLeases(
  { leases, mode, limit, attempt }: Taking,
  guard: Place,
  permits: number,
  state: LimitState,
): Promise<readonly [Place, ...Place[]] | NotTaken> {
  const { zk, container, dialect, data, acl } = leases
  const { session } = guard
  if (!zk.supports('transactions'))
    throw new UnsupportedError(
      'UNSUPPORTED',
      'this semaphore needs transactions, which this driver has not: use the built-in client, or the native dialect',
      { path: container },
    )
  const lost: LostCreate[] = Array.from({ length: permits }, () => {
    const uuid = uuidWithBirth(zk.runtime.random.uuid(), guard.czxid)
    return { container, prefix: namePrefix(dialect, uuid), session }
  })
  let transaction: Transaction<readonly TransactionResult[]> = zk.transaction()
  for (const { prefix } of lost)
    transaction = transaction.create(joinPath(container, prefix), data, { mode, ...(acl && { acl }) })
  if (limit.path !== undefined) transaction = transaction.check(limit.path, { version: state.version })
  attempt.stage = 'waiting for the server to make our leases'
  const committing = transaction.delete(guard.path).commit({ generation: session.generation })
  try {
    const paths = await resolve(committing, lost, leases, attempt)
    const [first, ...others] = paths.map(
      (path) => new Place(zk, session, placed(path, guard), guard.lossPolicy),
    )
    if (first !== undefined && paths.length === permits) return [first, ...others]
    // Some of them were deleted while we looked for them: this lease is lost before it was granted.
    for (const place of first === undefined ? [] : [first, ...others]) void place.leave()
    return first === undefined ? 'look' : 'vanished'
  } catch (error) {
    attempt.signal.throwIfAborted()
    const cause = error instanceof TransactionError ? error.failure : error
    if (hasCode(cause, 'NO_NODE') && cause.path === guard.path) return 'vanished'
    if (hasCode(cause, 'NO_NODE', 'BAD_VERSION') && cause.path === limit.path) return 'look'
    if (hasCode(cause, 'NO_NODE')) return 'no-parent'
    if (isPassing(cause)) return 'look'
    throw cause
  }
}

function placed(path: string, { czxid }: Place): PlaceMade {
  return { path, stat: { czxid }, sequence: 0 }
}

/** The paths made; after a lost reply, what is found of them. */
async function resolve(
  committing: Promise<readonly TransactionResult[]>,
  lost: readonly LostCreate[],
  { zk }: QueueSpec,
  attempt: Attempt,
): Promise<readonly string[]> {
  const { signal } = attempt
  try {
    return (await abortable(committing, signal)).filter(isCreate).map(({ path }) => path)
  } catch (error) {
    if (signal.aborted) {
      for (const [index, each] of lost.entries()) Janitor.of(zk).abandon(createdAt(committing, index), each)
      throw error
    }
    if (!isUnknown(error)) throw error
  }
  attempt.stage = 'finding out whether our leases were made, as the reply got lost'
  try {
    const found = await Promise.all(lost.map(async (each) => findLostCreate(zk, each, signal)))
    for (const [index, each] of lost.entries()) if (found[index] === undefined) Janitor.of(zk).disown(each)
    return found.flatMap((created) => (created === undefined ? [] : [created.path]))
  } catch (error) {
    for (const each of lost) Janitor.of(zk).search(each)
    throw error
  }
}

function isCreate(result: TransactionResult): result is CreateResult {
  return result.type === 'create'
}

async function createdAt(
  committing: Promise<readonly TransactionResult[]>,
  index: number,
): Promise<CreateResult> {
  const result = (await committing)[index]
  if (result === undefined || !isCreate(result))
    throw new TypeError('a transaction answered with too few results')
  return result
}
