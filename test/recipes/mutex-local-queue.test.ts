/** The tasks of one process take turns: one znode at a time, in order, fair to other processes. */
import { LockLostError, Mutex, digestAcl, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { LocalQueue } from '../../recipes/mutex/local-queue.js'
import { Cluster, EXPIRY_MS, PATH, requestsOf, stage } from './cluster.js'

const reason = new Error('no longer needed')

test('the tasks of one client are served in order, with one znode at a time', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const order: number[] = []
  let most = 0
  const tasks = Array.from({ length: 10 }, async (_, i) => {
    // Every mutex of the client on this path is the same lock.
    const hold = await new Mutex(zks[0]!, PATH).acquire()
    order.push(i)
    most = Math.max(most, cluster.control.sessions()[0]!.ephemerals.length)
    await cluster.clock.advance(0)
    await hold.release()
  })
  await cluster.until(Promise.all(tasks))
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(most).toBe(1)
  await cluster.expectNothingLeft(PATH)
  expect(LocalQueue.countOf(zks[0]!)).toBe(0)
})

test('the next one queues up right behind the delete: a hand-over takes one round trip', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const waiting = mutexes[0]!.acquire()
  await cluster.quiet()
  const requests = requestsOf(cluster, zks[0]!)
  const start = cluster.clock.now()
  void hold.release()
  const next = await cluster.until(waiting)
  expect(cluster.clock.now() - start).toBeLessThan(3)
  expect(requests).toEqual(['delete', 'create', 'getChildren2'])
  expect(next.fencingToken).toBeGreaterThan(hold.fencingToken)
  await cluster.until(next.release())
  await cluster.expectNothingLeft(PATH)
})

test('after each release the next task stands behind the other processes', async () => {
  await using staged = await stage(2)
  const { cluster, mutexes } = staged
  const order: string[] = []
  const work = async (mutex: Mutex, name: string): Promise<void> => {
    const hold = await mutex.acquire()
    order.push(name)
    await hold.release()
  }
  const first = await cluster.until(mutexes[0]!.acquire())
  const mine = ['a1', 'a2', 'a3'].map(async (name) => work(mutexes[0]!, name))
  const theirs = ['b1', 'b2', 'b3'].map(async (name) => work(mutexes[1]!, name))
  await cluster.quiet()
  await cluster.until(first.release())
  await cluster.until(Promise.all([...mine, ...theirs]))
  expect(order).toEqual(['b1', 'a1', 'b2', 'a2', 'b3', 'a3'])
  await cluster.expectNothingLeft(PATH)
})

test('another client, another path and other names are other queues', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const others = [
    new Mutex(zks[1]!, PATH),
    new Mutex(zks[0]!, `${PATH}/inner`),
    new Mutex(zks[0]!, PATH, { dialect: 'kazoo' }),
    new Mutex(zks[0]!, PATH, { localQueue: false }),
  ]
  const waiting = others.map(async (mutex) => (await mutex.acquire()).release())
  expect(mutexes[0]!.localWaiters).toBe(0)
  await cluster.quiet()
  await cluster.until(hold.release())
  await cluster.until(Promise.all(waiting))
  await cluster.until(zks[0]!.delete(`${PATH}/inner`))
  await cluster.expectNothingLeft(PATH)
})

test('mutexes of other ids and rights wait in one queue, and each makes its own znode', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const hold = await cluster.until(new Mutex(zks[0]!, PATH, { id: 'one' }).acquire())
  const waiting = new Mutex(zks[0]!, PATH, { id: 'two' }).acquire()
  await cluster.quiet()
  expect(await cluster.children(PATH)).toHaveLength(1)
  await cluster.until(hold.release())
  const next = await cluster.until(waiting)
  expect((await cluster.until(zks[0]!.get(next.path))).data.toString()).toBe('two')
  await cluster.until(next.release())
  await cluster.expectNothingLeft(PATH)
})

test('who gives up while it waits for other tasks sends nothing, and the order of the others stays', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const [mutex] = mutexes
  const hold = await cluster.until(mutex!.acquire())
  const order: number[] = []
  const abort = new AbortController()
  const waits = [0, 1, 2].map(async (i) => {
    const mine = await mutex!.acquire(i === 1 ? { signal: abort.signal } : {})
    order.push(i)
    await mine.release()
  })
  await cluster.quiet()
  expect(mutex!.localWaiters).toBe(3)
  const requests = requestsOf(cluster, zks[0]!)
  abort.abort(reason)
  await expect(waits[1]).rejects.toBe(reason)
  const late = mutex!.acquire({ timeoutMs: 50 })
  await expect(cluster.until(late)).rejects.toThrow(
    /after 50 ms, while waiting for the tasks of this process/,
  )
  await expect(mutex!.acquire({ signal: abort.signal })).rejects.toBe(reason)
  expect(requests).toEqual([])
  expect(mutex!.localWaiters).toBe(2)
  await cluster.until(hold.release())
  await cluster.until(Promise.all([waits[0], waits[2]]))
  expect(order).toEqual([0, 2])
  await cluster.expectNothingLeft(PATH)
})

test('who gives up at the very moment when its turn comes passes it on', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const [mutex] = mutexes
  const hold = await cluster.until(mutex!.acquire())
  const abort = new AbortController()
  const giving = mutex!.acquire({ signal: abort.signal })
  const behind = mutex!.acquire()
  await cluster.quiet()
  void hold.release()
  abort.abort(reason)
  await expect(giving).rejects.toBe(reason)
  await cluster.until((await cluster.until(behind)).release())
  await cluster.expectNothingLeft(PATH)
  expect(LocalQueue.countOf(zks[0]!)).toBe(0)
})

test('a try answers at once, without a request, while a task of this process holds or waits', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const [mutex, rival] = mutexes
  const ahead = await cluster.until(rival!.acquire())
  const waiting = mutex!.acquire()
  await cluster.quiet()
  const requests = requestsOf(cluster, zks[0]!)
  expect(await mutex!.tryAcquire()).toBeUndefined()
  await cluster.until(ahead.release())
  const hold = await cluster.until(waiting)
  expect(await mutex!.tryAcquire()).toBeUndefined()
  await expect(mutex!.acquire({ timeoutMs: 0 })).rejects.toThrow(/somebody else held it/)
  expect(requests).toEqual([])
  await cluster.until(hold.release())
  const mine = await cluster.until(mutex!.tryAcquire())
  await cluster.until(mine!.release())
  await cluster.expectNothingLeft(PATH)
})

test.each(['before', 'after'])(
  'when somebody deletes the znode of a holder, the task that waits goes on (it came %s)',
  async (when) => {
    await using staged = await stage(2)
    const { cluster, zks, mutexes } = staged
    const [mutex] = mutexes
    // It never releases.
    const lost = await cluster.until(mutex!.acquire())
    let waiting: Promise<Hold> | undefined
    if (when === 'before') waiting = mutex!.acquire()
    await cluster.quiet()
    await cluster.until(zks[1]!.delete(lost.path))
    waiting ??= mutex!.acquire()
    const next = await cluster.until(waiting, 50)
    expect(next.fencingToken).toBeGreaterThan(lost.fencingToken)
    // A late release of what was lost ends nobody else's turn.
    const behind = mutex!.acquire()
    await cluster.until(lost.release())
    await cluster.quiet()
    expect(mutex!.localWaiters).toBe(1)
    expect(await cluster.children(PATH)).toEqual([next.path.split('/').at(-1)])
    await cluster.until(next.release())
    await cluster.until((await cluster.until(behind)).release())
    await cluster.expectNothingLeft(PATH)
  },
)

test('a holder is watched only while a task waits', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const requests = requestsOf(cluster, zks[0]!)
  const hold = await cluster.until(mutexes[0]!.acquire())
  await cluster.quiet()
  expect(requests).toEqual(['create', 'getChildren2'])
  const waiting = [mutexes[0]!.acquire(), mutexes[0]!.acquire()]
  await cluster.quiet()
  expect(requests).toEqual(['create', 'getChildren2', 'getData'])
  expect(hold.signal.aborted).toBe(false)
  await cluster.until(hold.release())
  for (const each of waiting) await cluster.until((await cluster.until(each)).release())
  await cluster.expectNothingLeft(PATH)
})

test('when the session of a holder ends, those who wait contend in the next one', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const [mutex, rival] = mutexes
  const lost = await cluster.until(mutex!.acquire())
  const { signal } = lost
  const waiting = [mutex!.acquire(), mutex!.acquire()]
  const theirs = rival!.acquire()
  await cluster.quiet()
  cluster.control.expireSession(lost.sessionId)
  await cluster.until((await cluster.until(theirs)).release())
  const first = await cluster.until(waiting[0]!)
  expect(signal.reason).toBeInstanceOf(LockLostError)
  expect(first.sessionId).toBe(zks[0]!.session!.id)
  expect(first.sessionId).not.toBe(lost.sessionId)
  await cluster.until(lost.release())
  await cluster.until(first.release())
  await cluster.until((await cluster.until(waiting[1]!)).release())
  await cluster.expectNothingLeft(PATH)
})

test('behind a holder that is known to have lost it, and goes on, the tasks still take turns', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const [mutex] = mutexes
  const lost = await cluster.until(mutex!.acquire())
  const { signal } = lost
  await cluster.quiet()
  await cluster.until(zks[1]!.delete(lost.path))
  await cluster.quiet()
  expect(signal.aborted).toBe(true)
  const next = await cluster.until(mutex!.acquire())
  const behind = mutex!.acquire()
  await cluster.quiet()
  expect(mutex!.localWaiters).toBe(1)
  expect(await cluster.children(PATH)).toEqual([next.path.split('/').at(-1)])
  await cluster.until(lost.release())
  await cluster.until(next.release())
  await cluster.until((await cluster.until(behind)).release())
  expect(LocalQueue.countOf(zks[0]!)).toBe(0)
  await cluster.expectNothingLeft(PATH)
})

test('a try after the session of the holder has ended does not answer for that holder', async () => {
  await using staged = await stage(1)
  const { cluster, mutexes } = staged
  const lost = await cluster.until(mutexes[0]!.acquire())
  cluster.control.expireSession(lost.sessionId)
  await cluster.pass(EXPIRY_MS)
  const hold = await cluster.until(mutexes[0]!.tryAcquire())
  expect(hold?.fencingToken).toBeGreaterThan(lost.fencingToken)
  await cluster.until(lost.release())
  await cluster.until(hold!.release())
  await cluster.expectNothingLeft(PATH)
})

test('closing the client ends the wait of every task', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  await cluster.until(mutexes[0]!.acquire())
  const waits = [1, 2, 3].map(async () =>
    expect(mutexes[0]!.acquire()).rejects.toMatchObject({ code: 'CLOSED' }),
  )
  await cluster.quiet()
  await cluster.until(zks[0]!.close())
  await cluster.until(Promise.all(waits))
  expect(LocalQueue.countOf(zks[0]!)).toBe(0)
})

test('what the server refuses to one is told to each, and nobody is stuck', async () => {
  await using cluster = await Cluster.start()
  const owner = await cluster.client({ auth: { scheme: 'digest', auth: 'owner:secret' } })
  const zk = await cluster.client()
  await cluster.until(owner.create('/closed', '', { acl: [digestAcl('owner:secret')] }))
  const mutex = new Mutex(zk, '/closed')
  const waits = [1, 2, 3].map(async () => expect(mutex.acquire()).rejects.toMatchObject({ code: 'NO_AUTH' }))
  await cluster.until(Promise.all(waits))
  expect(LocalQueue.countOf(zk)).toBe(0)
})

test('a lock that is lost with its connection, by policy, lets the next task queue up behind it', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { lossPolicy: 'suspended' })
  const lost = await cluster.until(mutex.acquire())
  const waiting = mutex.acquire()
  await cluster.quiet()
  cluster.control.dropConnection(lost.sessionId)
  const next = await cluster.until(waiting)
  expect(lost.signal.reason).toMatchObject({ reason: 'suspended' })
  expect(next.sessionId).toBe(lost.sessionId)
  await cluster.until(lost.release())
  await cluster.until(next.release())
  await cluster.expectNothingLeft(PATH)
})

test('who waits here is counted, and described', async () => {
  await using staged = await stage(1)
  const { cluster, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const waiting = [mutexes[0]!.acquire(), mutexes[0]!.acquire()]
  expect(mutexes[0]!.localWaiters).toBe(2)
  expect(await cluster.until(mutexes[0]!.contenders())).toHaveLength(1)
  expect(await cluster.until(mutexes[0]!.describe())).toMatch(/held by .*; 2 more in this process$/)
  await cluster.until(hold.release())
  for (const each of waiting) await cluster.until((await cluster.until(each)).release())
  await cluster.expectNothingLeft(PATH)
})

test('in biased mode too, over the overflow of the sequence number it goes on, and stays fair', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  cluster.control.setSequence(PATH, 2_147_483_645)
  const mutex = new Mutex(zks[0]!, PATH, { biased: { maxHolds: 2 } })
  const order: string[] = []
  const work = async (lock: Mutex, name: string): Promise<void> => {
    for (let round = 0; round < 6; round++) {
      await lock.run(async () => {
        order.push(name)
        await cluster.clock.advance(0)
      })
    }
  }
  await cluster.until(Promise.all([work(mutex, 'a'), work(mutexes[1]!, 'b')]))
  expect(order).toHaveLength(12)
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})
