/** What a hold is worth: how its loss is told, what proves it, and how it is given back. */
import { LockLostError, Mutex, TransactionError, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { Cluster, EXPIRY_MS, PATH, SESSION_MS, stage } from './cluster.js'

const lost = (reason: string): object => expect.objectContaining({ code: 'LOCK_LOST', reason }) as object

test('when somebody deletes the znode of the holder, its signal aborts', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const { signal } = hold
  await cluster.quiet()
  await cluster.until(zks[1]!.delete(hold.path))
  await cluster.pass(2)
  expect(signal.reason).toBeInstanceOf(LockLostError)
  expect(signal.reason).toEqual(lost('node-deleted'))
  await expect(hold.confirm()).rejects.toEqual(lost('node-deleted'))
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('a loss before the signal was first read is told at once, or as soon as the server is asked', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  await cluster.until(zks[1]!.delete(hold.path))
  const { signal } = hold
  await cluster.pass(4)
  expect(signal.reason).toEqual(lost('node-deleted'))
  const next = await cluster.until(mutexes[0]!.acquire())
  cluster.control.expireSession(next.sessionId)
  await cluster.pass(EXPIRY_MS)
  expect(next.signal.reason).toEqual(lost('session-expired'))
  await cluster.until(Promise.all([hold.release(), next.release()]))
  await cluster.expectNothingLeft(PATH)
})

test('a change of its data, whoever makes it, is no loss, and a deletion after it is seen', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const { signal } = hold
  for (let round = 0; round < 3; round++) await cluster.until(zks[1]!.set(hold.path, 'somebody else'))
  await cluster.quiet()
  expect(signal.aborted).toBe(false)
  await cluster.until(zks[1]!.delete(hold.path))
  await cluster.quiet()
  expect(signal.reason).toEqual(lost('node-deleted'))
  await cluster.expectNothingLeft(PATH)
})

test('cut off, the holder learns of its loss by its own clock, before the next one is let in', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const { signal } = hold
  const waiting = mutexes[1]!.acquire()
  await cluster.quiet()
  let lostAt = Infinity
  let grantedAt = Infinity
  signal.addEventListener('abort', () => (lostAt = cluster.clock.now()))
  void waiting.then(() => (grantedAt = cluster.clock.now()))
  cluster.control.delayReply({ session: zks[0]!.session!.id }, 60_000)
  const cutOff = zks[0]!.exists(PATH).catch(() => undefined)
  await cluster.pass(1)
  // The first client's connections go nowhere from here on, the second one keeps its own.
  cluster.control.pauseAccepting()
  const next = await cluster.until(waiting)
  expect(signal.reason).toEqual(lost('session-in-doubt'))
  expect(lostAt).toBeLessThanOrEqual(grantedAt)
  expect(next.fencingToken).toBeGreaterThan(hold.fencingToken)
  cluster.control.resumeAccepting()
  await cluster.until(Promise.all([hold.release(), next.release(), cutOff]))
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
})

test('a stall longer than the session: the signal has aborted before the holder runs on', async () => {
  await using staged = await stage(1)
  const { cluster, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const { signal } = hold
  await cluster.quiet()
  await cluster.clock.stall(3 * EXPIRY_MS)
  expect(signal.reason).toBeInstanceOf(LockLostError)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test.each([0.5, 1, 1.5, 2])(
  'a stall %d ms into an acquire never hands out a hold of a dead session',
  async (ms) => {
    await using staged = await stage(1)
    const { cluster, zks, mutexes } = staged
    const acquiring = mutexes[0]!.acquire()
    let handedOut: { alive: boolean } | undefined
    void acquiring.then((hold) => (handedOut = { alive: !hold.signal.aborted }))
    await cluster.pass(ms)
    const early = handedOut !== undefined
    await cluster.clock.stall(3 * EXPIRY_MS)
    const hold = await cluster.until(acquiring)
    expect(handedOut?.alive).toBe(true)
    if (!early) expect(hold.sessionId).toBe(zks[0]!.session?.id)
    await cluster.until(hold.release())
    await cluster.pass(EXPIRY_MS)
    await cluster.expectNothingLeft(PATH)
  },
)

test('closing the client is the loss of what it holds, and lets the next one in', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const { signal } = hold
  const waiting = mutexes[1]!.acquire()
  await cluster.quiet()
  // What the server does first is to end the session: by then the holder must have been told.
  let believed: boolean | undefined
  const stop = cluster.control.onApply(() => (believed ??= !signal.aborted))
  await cluster.until(zks[0]!.close())
  stop()
  expect(believed).toBe(false)
  expect(signal.reason).toEqual(lost('closed'))
  await cluster.until(hold.release())
  await expect(cluster.until(mutexes[0]!.acquire())).rejects.toMatchObject({ code: 'CLOSED' })
  await cluster.until((await cluster.until(waiting)).release())
  await cluster.expectNothingLeft(PATH)
})

test('closing the client ends a wait with ClosedError', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const waiting = mutexes[1]!.acquire()
  await cluster.quiet()
  const closed = zks[1]!.close()
  await expect(cluster.until(waiting)).rejects.toMatchObject({ code: 'CLOSED' })
  await cluster.until(closed)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('a release is not a loss: the signal stays quiet', async () => {
  await using staged = await stage(1)
  const { cluster, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const { signal } = hold
  await cluster.quiet()
  await cluster.until(hold.release())
  await cluster.quiet()
  expect(signal.aborted).toBe(false)
  expect(() => hold.guard(undefined as never)).toThrow(TypeError)
  await expect(hold.confirm()).rejects.toThrow(TypeError)
  await cluster.expectNothingLeft(PATH)
})

test('whose session expires while it waits starts over in the next session, and leaves no ghost', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const waiting = mutexes[1]!.acquire()
  await cluster.quiet()
  const old = zks[1]!.session!.id
  cluster.control.expireSession(old)
  await cluster.pass(1_000)
  expect(await cluster.until(mutexes[0]!.contenders())).toMatchObject([
    { path: hold.path },
    { role: 'waiter', sessionId: zks[1]!.session!.id },
  ])
  expect(zks[1]!.session!.id).not.toBe(old)
  await cluster.until(hold.release())
  const next = await cluster.until(waiting)
  expect(next.sessionId).toBe(zks[1]!.session!.id)
  await cluster.until(next.release())
  await cluster.expectNothingLeft(PATH)
})

test('suspended, a waiter keeps its place, and gets the lock that was released meanwhile', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const waiting = mutexes[1]!.acquire()
  await cluster.quiet()
  const before = await cluster.children(PATH)
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[1]!.session!.id)
  await cluster.pass(500)
  await cluster.until(hold.release())
  // Restored watches fire in any order: what is told after a reconnect is looked at again before it counts.
  let listed = false
  cluster.control.dropBefore({
    where: ({ session, operation }) => {
      if (session === zks[1]!.session?.id && operation === 'getChildren2') listed = true
      return false
    },
  })
  cluster.control.resumeAccepting()
  const next = await cluster.until(waiting, 3_000)
  expect(listed).toBe(true)
  expect(before).toContain(next.path.split('/').at(-1))
  await cluster.until(next.release())
  await cluster.expectNothingLeft(PATH)
})

test.each([1, 2])('with %i ahead, a waiter whose znode is deleted queues up again', async (ahead) => {
  await using staged = await stage(4)
  const { cluster, zks, mutexes } = staged
  const holds: Promise<Hold>[] = []
  for (const mutex of mutexes.slice(0, ahead + 1)) {
    holds.push(mutex.acquire())
    await cluster.quiet()
  }
  const victim = (await cluster.until(mutexes[3]!.contenders())).at(-1)!
  await cluster.until(zks[3]!.delete(victim.path))
  for (const [index, each] of holds.entries()) {
    const hold = await cluster.until(each)
    const [first] = await cluster.until(mutexes[3]!.contenders())
    expect(first).toMatchObject({ path: hold.path })
    if (index === ahead) expect(hold.path).not.toBe(victim.path)
    await cluster.until(hold.release())
  }
  expect(cluster.log.some(({ message }) => message.includes('queueing up again'))).toBe(true)
  await cluster.expectNothingLeft(PATH)
})

test('own znode and predecessor deleted while cut off: neither is taken for the grant', async () => {
  await using staged = await stage(3)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const waiting = mutexes[1]!.acquire()
  await cluster.quiet()
  const [, victim] = await cluster.until(mutexes[2]!.contenders())
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[1]!.session!.id)
  await cluster.pass(100)
  await cluster.until(zks[2]!.delete(victim!.path))
  await cluster.until(hold.release())
  const other = await cluster.until(mutexes[2]!.acquire())
  cluster.control.resumeAccepting()
  let granted = false
  void waiting.then(() => (granted = true))
  await cluster.pass(2_000)
  expect(granted).toBe(false)
  await cluster.until(other.release())
  await cluster.until((await cluster.until(waiting)).release())
  await cluster.expectNothingLeft(PATH)
})

test('confirm asks the ensemble, through a lost connection too, within its limit', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  await cluster.until(hold.confirm())
  cluster.control.dropAfter({ operation: 'multi' })
  await cluster.until(hold.confirm())
  cluster.control.pauseAccepting()
  cluster.control.dropConnections()
  await expect(cluster.until(hold.confirm({ timeoutMs: 300 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
  cluster.control.resumeAccepting()
  await cluster.until(hold.confirm())
  cluster.control.expireSession(zks[0]!.session!.id)
  await expect(cluster.until(hold.confirm())).rejects.toEqual(lost('session-expired'))
  expect(() => hold.guard(zks[0]!.transaction())).toThrow(LockLostError)
})

test('a guarded transaction commits while it is held, and not after a loss that nobody noticed yet', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const [zk, other] = zks
  await cluster.until(zk!.create('/report', 'old'))
  const hold = await cluster.until(mutexes[0]!.acquire())
  const [set, check] = await cluster.until(hold.guard(zk!.transaction().set('/report', 'new')).commit())
  expect([set.type, check.type]).toEqual(['set', 'check'])
  const late = hold.guard(zk!.transaction().set('/report', 'too late'))
  await cluster.until(other!.delete(hold.path))
  const error: unknown = await cluster.until(late.commit().catch((reason: unknown) => reason))
  expect(error).toBeInstanceOf(TransactionError)
  expect(error).toMatchObject({ failedIndex: 1, failure: { code: 'NO_NODE', path: hold.path } })
  expect((await cluster.until(zk!.get('/report'))).data.toString()).toBe('new')
})

test('release is idempotent, and its limit bounds the wait but not the deletion', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[0]!.session!.id)
  await cluster.pass(10)
  await expect(cluster.until(hold.release({ timeoutMs: 200 }))).rejects.toThrow(/deletion goes on/)
  const again = hold.release()
  cluster.control.resumeAccepting()
  await cluster.until(Promise.all([again, hold.release(), hold[Symbol.asyncDispose]()]))
  await cluster.expectNothingLeft(PATH)
})

test('a release during an outage ends with the session, however long the outage', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[0]!.session!.id)
  const start = cluster.clock.now()
  await cluster.until(hold.release())
  expect(cluster.clock.now() - start).toBeLessThanOrEqual(SESSION_MS + 100)
  cluster.control.resumeAccepting()
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
})

test('after a lost reply and the end of the session here, the dying znode is not taken for one’s own', async () => {
  // It looks for expired sessions that rarely: until then the znode of the old one stands.
  await using cluster = await Cluster.start({ tickTimeMs: 2_000 })
  const zk = await cluster.client({ maxBackOffMs: 20 })
  await cluster.observer()
  await cluster.until(zk.ensurePath(PATH, { mode: 'container' }))
  const ended = zk.session!
  const fault = cluster.control.dropAfter({ session: ended.id, operation: 'create' })
  const acquiring = new Mutex(zk, PATH).acquire()
  await cluster.until(fault.fired)
  cluster.control.pauseAccepting()
  await cluster.pass(SESSION_MS)
  expect(ended.signal.aborted).toBe(true)
  cluster.control.resumeAccepting()
  await cluster.until(zk.ready())
  expect(cluster.control.sessions().find(({ id }) => id === ended.id)?.ephemerals).toHaveLength(1)
  const hold = await cluster.until(acquiring)
  expect(hold.sessionId).toBe(zk.session!.id)
  const owned = cluster.control
    .sessions()
    .flatMap(({ id, ephemerals }) => ephemerals.map((path) => ({ id, path })))
  expect(owned.filter(({ path }) => path === hold.path)).toEqual([{ id: zk.session!.id, path: hold.path }])
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})
