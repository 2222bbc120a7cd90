/** Why a hold is lost: the end of its session is never taken for a deletion by somebody, nor the other way round. */
import { LockLostError, type Client, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { deferred } from '../../src/runtime/deferred.js'
import { EXPIRY_MS, PATH, stage, type Cluster } from './cluster.js'

const reasonOf = (hold: Hold): unknown => (hold.signal.reason as { reason?: unknown } | undefined)?.reason

/**
 * What a real server puts on the wire when it ends a session: it tells the deletion of the ephemerals to all who watch
 * them, the session's own client included, then closes that one's connection. (The embedded server closes it first.)
 */
async function endWithNews(cluster: Cluster, other: Client, hold: Hold): Promise<void> {
  await cluster.until(other.delete(hold.path))
  cluster.control.expireSession(hold.sessionId)
}

/** Resolves in the event of the deletion of its znode, in which the hold's own watch is told too. */
async function deletionTold(zk: Client, hold: Hold): Promise<{ readonly told: Promise<string> }> {
  const told = deferred<string>()
  await zk.exists(hold.path, { watch: ({ type }) => told.resolve(type) })
  return { told: told.promise }
}

test('of the end of a session the deletion of the znode is told first; the holder is told of the end', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const { signal } = hold
  const { told } = await cluster.until(deletionTold(zks[0]!, hold))
  let seen = ''
  void told.then((type) => {
    seen = `${type} in session ${zks[0]!.session?.id === hold.sessionId}`
    expect(() => hold.guard(zks[0]!.transaction())).toThrow(LockLostError)
  })
  await endWithNews(cluster, zks[1]!, hold)
  await cluster.pass(EXPIRY_MS)
  expect(seen).toBe('deleted in session true')
  expect(reasonOf(hold)).toBe('session-expired')
  expect(signal.aborted).toBe(true)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('run tells the same, though it ends before that is known', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const inside = deferred<Hold>()
  const running = mutexes[0]!.run(async (hold) => {
    expect(hold.signal.aborted).toBe(false)
    const { told } = await deletionTold(zks[0]!, hold)
    inside.resolve(hold)
    expect(await told).toBe('deleted')
  })
  const outcome = expect(cluster.until(running)).rejects.toMatchObject({ reason: 'session-expired' })
  await endWithNews(cluster, zks[1]!, await inside.promise)
  await outcome
})

test('somebody deletes it, and the connection breaks before anything else is known: the reason is found out', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  expect(hold.signal.aborted).toBe(false)
  const { told } = await cluster.until(deletionTold(zks[0]!, hold))
  cluster.control.dropBefore({ operation: 'sync', session: hold.sessionId })
  await cluster.until(zks[1]!.delete(hold.path))
  await cluster.until(told)
  await cluster.pass(100)
  expect(reasonOf(hold)).toBe('node-deleted')
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('when the reason can not be found out, the news does not wait for it', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  expect(hold.signal.aborted).toBe(false)
  const { told } = await cluster.until(deletionTold(zks[0]!, hold))
  cluster.control.delayReply({ operation: 'sync', session: hold.sessionId }, 1_000)
  await cluster.until(zks[1]!.delete(hold.path))
  await cluster.until(told)
  const start = cluster.clock.now()
  await cluster.until(new Promise((resolve) => hold.signal.addEventListener('abort', resolve)))
  expect(cluster.clock.now() - start).toBeLessThanOrEqual(110)
  expect(reasonOf(hold)).toBe('session-in-doubt')
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('what confirm finds out, the signal tells', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  await cluster.until(zks[1]!.delete(hold.path))
  await expect(cluster.until(hold.confirm())).rejects.toMatchObject({ reason: 'node-deleted' })
  expect(reasonOf(hold)).toBe('node-deleted')
  await cluster.until(hold.release())
})
