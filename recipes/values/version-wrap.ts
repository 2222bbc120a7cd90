/**
 * Past the version −1, which every request takes for "any version".
 *
 * A version is an int32 that counts writes; after 2^31 of them it goes on at −2^31, and 2^31 − 1 writes later it stands at
 * −1. There a compare-and-set compares nothing: two writers would both succeed, and one write would be lost. At a
 * thousand writes a second it takes 50 days to come there.
 *
 * So whoever finds −1 makes an ephemeral child as a lock, looks again, and writes the same bytes once more, together with a
 * check of the lock. No other client of ours writes meanwhile: all that read −1 come here, and all that read −2 fail.
 * Curator and kazoo write blindly at −1; nothing on our side can prevent that.
 */
import { hasCode, TransactionError, ZkError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { sleep } from '../../src/runtime/abort.js'
import { isUnknown } from '../kernel/failure.js'
import { Janitor } from '../kernel/janitor.js'

const LOCK = '_op_wrap'
const PAUSE_MS = 20

/** One step; the caller reads again and comes back while the version is −1. */
export async function stepOverMinusOne(
  zk: Zk,
  path: string,
  { session, marker }: { readonly session: Session; readonly marker: object | undefined },
  signal: AbortSignal,
): Promise<void> {
  if (marker === undefined) {
    const message = `${path} is at version −1, where no client can compare and set: write it once by hand`
    throw new ZkError('RUNTIME_INCONSISTENCY', message, { path })
  }
  const lock = joinPath(path, LOCK)
  const options = { signal, generation: session.generation }
  try {
    await zk.create(lock, null, { mode: 'ephemeral', generation: session.generation })
  } catch (error) {
    if (isUnknown(error)) Janitor.of(zk).search({ container: path, prefix: LOCK, session })
    if (!hasCode(error, 'NODE_EXISTS')) throw error
    const stat = await zk.exists(lock, options)
    if (stat === undefined) return
    if (stat.ephemeralOwner !== session.id) return sleep(zk.runtime.clock, PAUSE_MS, signal)
  }
  try {
    const { data, stat } = await zk.get(path, options)
    if (stat.version === -1)
      await zk
        .transaction()
        .check(lock)
        .set(path, data)
        .delete(lock)
        .commit({ generation: session.generation })
  } catch (error) {
    // The lock is gone, as it was about to be deleted for an earlier try of ours, or the value is: the next read tells.
    if (error instanceof TransactionError && error.failure.code === 'NO_NODE') return
    throw error instanceof TransactionError ? error.failure : error
  } finally {
    void Janitor.of(zk).remove(lock, session)
  }
}
