/**
 * One place's znode replaced by another of the same number, with nobody in between: a write lock becomes a read lock, a
 * lease becomes a smaller one. Told below for the lock.
 *
 * The writer's znode is replaced by a reader's that carries the same number,
 * `…__READ__<sequence of the write>`, a plain ephemeral, so whoever queued behind the writer now queues behind the
 * reader. This is the form of Curator since 5.5 (CURATOR-621); 5.4 makes a sequential one at the end of the queue, which
 * a writer queued in between passes.
 *
 * Curator makes the reader's znode and deletes the writer's later, when it is released. Here both are one transaction:
 * one request, and readers behind are woken once. Create comes before delete, so a watcher that is told of the
 * deletion always finds the reader.
 *
 * Lost reply: the transaction is sent again. It has a UUID of its own, so `NODE_EXISTS` says that the first was applied,
 * in whatever order the two arrive. `NO_NODE` is the writer's znode: the create comes first, and its parent stands as
 * long as it has a child.
 */
import { hasCode, TransactionError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import { uuidWithBirth } from './birth-order.js'
import { namePrefix } from './dialect.js'
import { throwUnlessPassing, type QueueSpec } from './enqueue.js'
import { beforeRetry } from './failure.js'
import { Janitor } from './janitor.js'
import { Place } from './place.js'
import { formatSequence } from './sequence.js'

/**
 * Replaces a writer's place. Undefined if somebody else had deleted it: then there is no reader either. Rejects with
 * what the server refuses, or when the session is over.
 *
 * The new place keeps the writer's czxid for its token: it keeps its place in the order of grants too.
 *
 * @param spec - of the readers' queue.
 */
export async function replacePlace(spec: QueueSpec, writer: Place): Promise<Place | undefined> {
  const { zk, container, dialect } = spec
  const { session, sequence, czxid } = writer
  const uuid = uuidWithBirth(zk.runtime.random.uuid(), czxid)
  const name = namePrefix(dialect, uuid) + formatSequence(sequence)
  const path = joinPath(container, name)
  const replace = zk.supports('transactions') ? inOneTransaction : inTwoSteps
  const replaced = await replace(spec, writer, path)
  return replaced ? new Place(zk, session, { path, stat: { czxid }, sequence }, writer.lossPolicy) : undefined
}

type Replace = (spec: QueueSpec, writer: Place, path: string) => Promise<boolean>

const inOneTransaction: Replace = async ({ zk, data, acl }, writer, path) => {
  const { session } = writer
  const { generation } = session
  const mode = 'ephemeral'
  for (let repetition = 0; ; repetition++) {
    if (repetition > 0) await beforeRetry(zk, repetition, session.signal)
    try {
      const transaction = zk.transaction().create(path, data, { mode, ...(acl && { acl }) })
      await transaction.delete(writer.path).commit({ generation })
      return true
    } catch (error) {
      const cause = error instanceof TransactionError ? error.failure : error
      if (hasCode(cause, 'NODE_EXISTS')) return true
      if (hasCode(cause, 'NO_NODE')) return false
      throwUnlessPassing(cause)
    }
  }
}

/** Without transactions, as Curator does it: both stand for a moment, and nobody passes either. */
const inTwoSteps: Replace = async ({ zk, data, acl }, writer, path) => {
  const { session } = writer
  for (let repetition = 0; ; repetition++) {
    if (repetition > 0) await beforeRetry(zk, repetition, session.signal)
    try {
      await zk.create(path, data, { mode: 'ephemeral', generation: session.generation, ...(acl && { acl }) })
      break
    } catch (error) {
      if (hasCode(error, 'NODE_EXISTS')) break
      if (hasCode(error, 'NO_NODE')) return false
      throwUnlessPassing(error)
    }
  }
  const removal = await Janitor.of(zk).remove(writer.path, session)
  session.signal.throwIfAborted()
  if (removal === 'deleted') return true
  // Deleted by somebody else, before the reader stood or after: others may have been let in.
  await Janitor.of(zk).remove(path, session)
  return false
}
