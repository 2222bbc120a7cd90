/** Re-entrancy: inside of run, and nowhere else; never on a hold that is lost. */
import { LockLostError, Mutex, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { LocalQueue } from '../../recipes/mutex/local-queue.js'
import { deferred } from '../../src/runtime/deferred.js'
import { EXPIRY_MS, PATH, requestsOf, stage } from './cluster.js'

const lost = (why: string): object => expect.objectContaining({ code: 'LOCK_LOST', reason: why }) as object
const variants = [{}, { localQueue: false }, { biased: true }]

test.each(variants)('inside of run, it is granted at once on the same znode, %j', async (options) => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { ...options, reentrant: true })
  const another = new Mutex(zks[0]!, PATH, { ...options, reentrant: true })
  await cluster.until(
    mutex.run(async (outer) => {
      await cluster.clock.advance(100)
      const requests = requestsOf(cluster, zks[0]!)
      const inner = await another.acquire()
      const tried = await mutex.tryAcquire({ timeoutMs: 0 })
      for (const nested of [inner, tried]) {
        expect(nested).toMatchObject({ path: outer.path, fencingToken: outer.fencingToken })
        expect(nested).not.toBe(outer)
      }
      expect(await mutex.run(async ({ path }) => another.run((hold) => hold.path === path))).toBe(true)
      await inner.release()
      await inner.release()
      await tried!.release()
      expect(requests).toEqual([])
      expect(await cluster.children(PATH)).toHaveLength(1)
      expect(() => inner.guard(zks[0]!.transaction())).toThrow(TypeError)
      await outer.confirm()
    }),
  )
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
  expect(LocalQueue.countOf(zks[0]!)).toBe(0)
})

test.each(variants)(
  'siblings never take themselves for the holder, however they were started, %j',
  async (options) => {
    await using staged = await stage(1)
    const { cluster, zks } = staged
    const mutex = new Mutex(zks[0]!, PATH, { ...options, reentrant: true })
    let inside = 0
    const within = async (hold?: Hold): Promise<void> => {
      expect(++inside).toBe(1)
      await cluster.clock.advance(5)
      inside--
      await hold?.release()
    }
    const byAcquire = async (): Promise<void> => within(await mutex.acquire())
    const byRun = async (): Promise<void> => mutex.run(async () => within())
    // In one synchronous stretch, and by one task after an acquire of its own.
    const wild = async (): Promise<void> => {
      const hold = await mutex.acquire()
      const later = [byAcquire(), byRun()]
      await within(hold)
      await Promise.all(later)
    }
    await cluster.until(Promise.all([byAcquire(), byAcquire(), byRun(), byRun(), wild(), byAcquire()]))
    await cluster.pass(1_000)
    await cluster.expectNothingLeft(PATH)
  },
)

test('what is started inside of a run is one holder, beside each other too', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  let most = 0
  let inside = 0
  await cluster.until(
    mutex.run(async () => {
      const work = async (): Promise<void> =>
        mutex.run(async () => {
          most = Math.max(most, ++inside)
          await cluster.clock.advance(5)
          inside--
        })
      await Promise.all([work(), work()])
    }),
  )
  expect(most).toBe(2)
  await cluster.expectNothingLeft(PATH)
})

test('it is given back when the last hold on it is released, in whatever order', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  const inner = await cluster.until(mutex.run(async () => mutex.acquire()))
  let granted = false
  const theirs = mutexes[1]!.acquire()
  const mine = mutex.acquire()
  void theirs.then(() => (granted = true))
  await cluster.pass(5_000)
  expect(granted).toBe(false)
  await cluster.until(inner.confirm())
  await cluster.until(inner.release())
  await cluster.until((await cluster.until(theirs)).release())
  await cluster.until((await cluster.until(mine)).release())
  await cluster.expectNothingLeft(PATH)
})

test('a nested hold that outlives its run and is lost lets the next task of the process go on', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  const inner = await cluster.until(mutex.run(async () => mutex.acquire()))
  const { signal } = inner
  const waiting = mutex.acquire()
  await cluster.quiet()
  await cluster.until(zks[1]!.delete(inner.path))
  const next = await cluster.until(waiting, 50)
  await cluster.quiet()
  expect(signal.reason).toEqual(lost('node-deleted'))
  await cluster.until(Promise.all([inner.release(), next.release()]))
  await cluster.expectNothingLeft(PATH)
})

test('a task that outlives its run contends as everybody does', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  const over = deferred<undefined>()
  let detached: Promise<Hold> | undefined
  const token = await cluster.until(
    mutex.run(({ fencingToken }) => {
      detached = over.promise.then(async () => mutex.acquire())
      return fencingToken
    }),
  )
  const other = await cluster.until(mutex.acquire())
  over.resolve(undefined)
  let granted = false
  void detached!.then(() => (granted = true))
  await cluster.pass(2_000)
  expect(granted).toBe(false)
  await cluster.until(other.release())
  const hold = await cluster.until(detached!)
  expect(hold.fencingToken).toBeGreaterThan(token)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('once its hold is given back early, the rest of the run contends as everybody does', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  await cluster.until(
    mutex.run(async (hold) => {
      await hold.release()
      const fresh = await mutex.acquire()
      expect(fresh.fencingToken).toBeGreaterThan(hold.fencingToken)
      await fresh.release()
    }),
  )
  await cluster.expectNothingLeft(PATH)
})

test.each(['session-expired', 'node-deleted', 'suspended', 'session-in-doubt', 'closed'] as const)(
  'inside of a run that lost its hold (%s), an acquire is refused with the loss',
  async (why) => {
    await using staged = await stage(2)
    const { cluster, zks, mutexes } = staged
    const [zk, other] = zks
    const lossPolicy = why === 'suspended' ? why : 'deadline'
    const mutex = new Mutex(zk!, PATH, { reentrant: true, lossPolicy })
    const begun = deferred<Hold>()
    const isLost = deferred<undefined>()
    const running = mutex.run(async (hold) => {
      expect(hold.signal.aborted).toBe(false)
      begun.resolve(hold)
      await isLost.promise
      expect(hold.signal.aborted).toBe(true)
      await expect(mutex.acquire()).rejects.toEqual(lost(why))
      await expect(mutex.tryAcquire()).rejects.toEqual(lost(why))
      await expect(mutex.run(() => 0)).rejects.toEqual(lost(why))
      return 'done'
    })
    const hold = await cluster.until(begun.promise)
    await cluster.quiet()
    if (why === 'session-expired') cluster.control.expireSession(hold.sessionId)
    else if (why === 'node-deleted') await cluster.until(other!.delete(hold.path))
    else if (why === 'closed') await cluster.until(zk!.close())
    else {
      cluster.control.dropConnection(hold.sessionId)
      if (why === 'session-in-doubt') cluster.control.pauseAccepting()
    }
    await cluster.pass(EXPIRY_MS)
    isLost.resolve(undefined)
    await expect(cluster.until(running)).rejects.toBeInstanceOf(LockLostError)
    cluster.control.resumeAccepting()
    await cluster.pass(EXPIRY_MS)
    if (why !== 'closed') await cluster.until(mutex.run(() => 0))
    await cluster.until((await cluster.until(mutexes[1]!.acquire())).release())
    await cluster.expectNothingLeft(PATH)
  },
)

test('all holds on one znode are told of its loss, by one watch', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  const running = mutex.run(async (outer) => {
    const inner = await mutex.acquire()
    const requests = requestsOf(cluster, zks[0]!)
    const signals = [inner.signal, outer.signal]
    await cluster.clock.advance(10)
    expect(requests).toEqual(['getData'])
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
    const deleted = zks[1]!.delete(outer.path)
    await cluster.clock.advance(10)
    await deleted
    expect(signals.map(({ reason }) => reason as unknown)).toEqual([
      lost('node-deleted'),
      lost('node-deleted'),
    ])
    await inner.release()
  })
  await expect(cluster.until(running)).rejects.toEqual(lost('node-deleted'))
  await cluster.expectNothingLeft(PATH)
})

test('another client, path or dialect is another lock, and without the option it waits for itself', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  const other = new Mutex(zks[0]!, '/locks/other', { reentrant: true })
  const behind = { code: 'TIMEOUT' }
  await cluster.until(
    mutex.run(async () => {
      const rivals = [
        new Mutex(zks[1]!, PATH, { reentrant: true }),
        new Mutex(zks[0]!, PATH, { reentrant: true, dialect: 'kazoo' }),
        new Mutex(zks[0]!, PATH),
      ]
      for (const rival of rivals) {
        await expect(rival.acquire({ timeoutMs: 200 })).rejects.toMatchObject(behind)
      }
      // With another lock in between, it is still known.
      await other.run(async () => mutex.run(() => 0))
    }),
  )
  await cluster.expectNothingLeft(PATH)
})

test('a nested acquire that is aborted beforehand rejects with the reason', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { reentrant: true })
  const reason = new Error('no longer needed')
  await cluster.until(
    mutex.run(async () => {
      await expect(mutex.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    }),
  )
  await cluster.expectNothingLeft(PATH)
})
