/**
 * A create whose reply got lost, and with it the session: by its own clock, while the server still keeps the znode. What
 * the session before made is dying and is not ours; taking it for ours is two holders a moment later (CURATOR-498, 604).
 */
import { expect, test } from 'vitest'
import { PATH, SESSION_MS, stage } from './cluster.js'

/** As long as may be: so long a session may outlive what its client knows of it. */
const TICK_MS = SESSION_MS / 2

test('a znode of the session before is not taken for ours: whoever acquires waits until it is gone', async () => {
  await using staged = await stage(2, { tickTimeMs: TICK_MS })
  const { cluster, zks, mutexes } = staged
  const [zk, observer] = zks as [(typeof zks)[0], (typeof zks)[0]]
  const before = zk.session
  const fault = cluster.control.dropAfter({ operation: 'create' })
  const acquiring = mutexes[0]!.acquire()
  await cluster.until(fault.fired)
  cluster.control.pauseAccepting()
  const [old] = (await cluster.until(observer.children(PATH))).children
  expect(old).toBeDefined()
  // As soon as the client has given its session up it gets a new one: the server still counts to its next tick.
  const over = new Promise<void>((resolve) => before!.signal.addEventListener('abort', () => resolve()))
  await cluster.until(over)
  cluster.control.resumeAccepting()
  await cluster.until(zk.ready())
  expect((await cluster.until(observer.children(PATH))).children).toContain(old)
  const hold = await cluster.until(acquiring)
  expect(hold.sessionId).not.toBe(before!.id)
  expect(hold.path).not.toBe(`${PATH}/${old}`)
  expect((await cluster.until(observer.children(PATH))).children).toHaveLength(1)
  const { signal } = hold
  await cluster.pass(SESSION_MS + 2 * TICK_MS)
  expect(signal.aborted).toBe(false)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})
