/** Biased mode: a znode is kept from one hold to the next, until somebody else wants it or it can't be told. */
import { LockLostError, Mutex, type Client, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { LocalQueue } from '../../recipes/mutex/local-queue.js'
import { EXPIRY_MS, PATH, requestsOf, stage, type Cluster } from './cluster.js'

const lost = (why: string): object => expect.objectContaining({ code: 'LOCK_LOST', reason: why }) as object

/** A client whose biased mutex has a znode kept, a client beside it, and what was kept. */
async function kept(
  options: object = {},
): Promise<
  AsyncDisposable & { cluster: Cluster; zk: Client; other: Client; mutex: Mutex; rival: Mutex; first: Hold }
> {
  const { cluster, zks, mutexes } = await stage(2)
  const mutex = new Mutex(zks[0]!, PATH, { biased: true, ...options })
  const first = await cluster.until(mutex.acquire())
  await cluster.quiet()
  await cluster.until(first.release())
  const [zk, other] = zks as [Client, Client]
  const rival = mutexes[1]!
  return {
    cluster,
    zk,
    other,
    mutex,
    rival,
    first,
    [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose](),
  }
}

test('acquiring again costs no request and no time, and the token stays', async () => {
  await using staged = await kept()
  const { cluster, zk, mutex, first } = staged
  const requests = requestsOf(cluster, zk)
  const start = cluster.clock.now()
  for (let round = 0; round < 100; round++) {
    const hold = await (round % 2 === 0 ? mutex.acquire() : mutex.tryAcquire())
    expect(hold).toMatchObject({ path: first.path, fencingToken: first.fencingToken })
    expect(hold).not.toBe(first)
    await hold!.release()
  }
  expect(cluster.clock.now()).toBe(start)
  expect(requests).toEqual([])
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
  expect(LocalQueue.countOf(zk)).toBe(0)
})

test('each hold of one znode is its own: released, it proves nothing, whoever holds now', async () => {
  await using staged = await kept()
  const { cluster, zk, mutex, first } = staged
  const next = await mutex.acquire()
  await first.release()
  expect(() => first.guard(zk.transaction())).toThrow(TypeError)
  await expect(first.confirm()).rejects.toThrow(TypeError)
  await cluster.until(next.confirm())
  await cluster.until(next.guard(zk.transaction().create('/guarded')).commit())
  expect(await mutex.tryAcquire()).toBeUndefined()
  await cluster.until(next.release())
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('what is released before the list has come is given out again only after it', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { biased: true })
  const first = await cluster.until(mutex.acquire())
  const asked = cluster.clock.now()
  await first.release()
  const next = await cluster.until(mutex.acquire())
  expect(next.path).toBe(first.path)
  expect(cluster.clock.now() - asked).toBeGreaterThan(1)
  const waiting = mutex.acquire()
  await next.release()
  expect((await cluster.until(waiting)).path).toBe(first.path)
  await cluster.until((await waiting).release())
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('giving up while the list is under way leaves the znode to the next', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { biased: true })
  const first = await cluster.until(mutex.acquire())
  await first.release()
  const abort = new AbortController()
  const giving = mutex.acquire({ signal: abort.signal })
  const behind = mutex.acquire()
  await cluster.pass(0)
  abort.abort(new Error('enough'))
  await expect(giving).rejects.toThrow('enough')
  const hold = await cluster.until(behind)
  expect(hold.path).toBe(first.path)
  await hold.release()
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

/** Ten tasks that never rest against one rival that comes `afterMs` later. */
async function holdsAhead(afterMs: number, holdMs: number, patience: 'wait' | 'try'): Promise<number> {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const mutex = new Mutex(zks[0]!, PATH, { biased: { maxHolds: Infinity, maxMs: Infinity } })
  let stop = false
  const starts: number[] = []
  const work = async (): Promise<void> => {
    while (!stop) {
      const hold = patience === 'wait' ? await mutex.acquire() : await mutex.tryAcquire()
      if (hold === undefined) {
        await new Promise<void>((resolve) => cluster.clock.setTimer(1, resolve))
        continue
      }
      starts.push(cluster.clock.now())
      await new Promise<void>((resolve) => cluster.clock.setTimer(holdMs, resolve))
      await hold.release()
    }
  }
  const tasks = Array.from({ length: 10 }, work)
  await cluster.pass(afterMs)
  const before = starts.length
  const asked = cluster.clock.now()
  const rival = await cluster.until(mutexes[1]!.acquire(), 5_000)
  // One way for the create, one for the event: until then nobody can know.
  const late = starts.filter((at) => at > asked + 2)
  stop = true
  await cluster.until(rival.release())
  await cluster.until(Promise.all(tasks))
  await cluster.pass(2_000)
  await cluster.expectNothingLeft(PATH)
  expect(before).toBeGreaterThanOrEqual(0)
  return late.length
}

test.each(['wait', 'try'] as const)(
  'another process gets it after the hold that is under way, whenever it comes (%s)',
  async (patience) => {
    for (let afterMs = 0; afterMs < 15; afterMs += 0.5) {
      for (const holdMs of [0.5, 3]) expect(await holdsAhead(afterMs, holdMs, patience)).toBe(0)
    }
    expect(await holdsAhead(500, 7, patience)).toBe(0)
  },
)

test('kept idle, it is given up as soon as another process queues up', async () => {
  await using staged = await kept()
  const { cluster, rival, zk } = staged
  const start = cluster.clock.now()
  const hold = await cluster.until(rival.acquire())
  // Create and list, the event to the keeper, its delete, the event to the rival.
  expect(cluster.clock.now() - start).toBeLessThan(7)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
  expect(LocalQueue.countOf(zk)).toBe(0)
})

test('a try of another process finds it taken, as it can see no difference', async () => {
  await using staged = await kept()
  const { cluster, rival } = staged
  expect(await cluster.until(rival.tryAcquire())).toBeUndefined()
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('kept idle for too long, it is deleted; in use now and then, it is not', async () => {
  await using staged = await kept({ biased: { idleMs: 300 } })
  const { cluster, mutex, first } = staged
  for (let round = 0; round < 10; round++) {
    await cluster.pass(200)
    const hold = await mutex.acquire()
    expect(hold.path).toBe(first.path)
    // Longer than the limit on idleness: it is not idle.
    if (round === 5) await cluster.pass(900)
    await hold.release()
  }
  await cluster.pass(290)
  expect(await cluster.children(PATH)).toHaveLength(1)
  await cluster.pass(300)
  await cluster.expectNothingLeft(PATH)
})

test('after so many holds, or so long, it goes round through the server, with a fresh token', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const tokens = async (mutex: Mutex, rounds: number, pauseMs: number): Promise<number[]> => {
    const counts = new Map<bigint, number>()
    for (let round = 0; round < rounds; round++) {
      const { fencingToken } = await cluster.until(mutex.run((hold) => hold))
      counts.set(fencingToken, (counts.get(fencingToken) ?? 0) + 1)
      await cluster.pass(pauseMs)
    }
    expect([...counts.keys()]).toEqual([...counts.keys()].sort((a, b) => (a < b ? -1 : 1)))
    return [...counts.values()]
  }
  expect(await tokens(new Mutex(zks[0]!, PATH, { biased: { maxHolds: 3 } }), 7, 5)).toEqual([3, 3, 1])
  await cluster.pass(1_000)
  expect(await tokens(new Mutex(zks[0]!, PATH, { biased: { maxMs: 100 } }), 6, 40)).toEqual([3, 3])
  await cluster.pass(1_000)
  expect(await tokens(new Mutex(zks[0]!, PATH, { biased: { maxHolds: 1 } }), 3, 5)).toEqual([1, 1, 1])
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('a session that is over, or may be, gives nothing out again', async () => {
  await using staged = await kept()
  const { cluster, zk, mutex, first } = staged
  // Nothing has run since the stall: not the client, not the timers.
  await cluster.clock.stall(3 * EXPIRY_MS)
  const hold = await cluster.until(mutex.acquire())
  expect(hold.fencingToken).toBeGreaterThan(first.fencingToken)
  expect(hold.sessionId).toBe(zk.session!.id)
  await cluster.until(hold.release())
  await cluster.pass(1_000)
  cluster.control.expireSession(hold.sessionId)
  await cluster.pass(EXPIRY_MS)
  const next = await cluster.until(mutex.acquire())
  expect(next.sessionId).not.toBe(hold.sessionId)
  await cluster.until(next.release())
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('after a stretch without a turn of the event loop, it is given out only after one', async () => {
  await using staged = await kept({ biased: { maxHolds: Infinity, maxMs: Infinity } })
  const { cluster, mutex, first } = staged
  const times = new Set<number>()
  for (let round = 0; round < 30; round++) {
    const hold = await cluster.until(mutex.acquire())
    times.add(cluster.clock.now())
    expect(hold.path).toBe(first.path)
    await hold.release()
  }
  expect(times.size).toBe(1)
  await cluster.pass(2_000)
  await cluster.expectNothingLeft(PATH)
})

test('a lost connection ends the term: nothing is given out while nobody would tell us of others', async () => {
  await using staged = await kept()
  const { cluster, zk, mutex, rival, first } = staged
  const held = await mutex.acquire()
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zk.session!.id)
  await cluster.pass(10)
  const theirs = rival.acquire()
  await cluster.pass(10)
  await expect(cluster.until(held.release({ timeoutMs: 10 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
  const mine = mutex.acquire()
  await cluster.pass(100)
  cluster.control.resumeAccepting()
  const next = await cluster.until(theirs)
  expect(next.fencingToken).toBeGreaterThan(first.fencingToken)
  await cluster.until(next.release())
  await cluster.until((await cluster.until(mine)).release())
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('kept idle while the connection breaks, it is deleted when there is one again', async () => {
  await using staged = await kept({ biased: { idleMs: Infinity } })
  const { cluster, zk } = staged
  cluster.control.dropConnection(zk.session!.id)
  await cluster.pass(2_000)
  await cluster.expectNothingLeft(PATH)
})

test('deleted by somebody while kept, it is not given out; while held, the holder is told', async () => {
  await using staged = await kept()
  const { cluster, other, mutex, first } = staged
  await cluster.until(other.delete(first.path))
  await cluster.quiet()
  const hold = await cluster.until(mutex.acquire())
  expect(hold.path).not.toBe(first.path)
  const { signal } = hold
  const waiting = mutex.acquire()
  await cluster.quiet()
  await cluster.until(other.delete(hold.path))
  const next = await cluster.until(waiting)
  expect(signal.reason).toEqual(lost('node-deleted'))
  expect(next.fencingToken).toBeGreaterThan(hold.fencingToken)
  await cluster.until(next.release())
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('deleted while held, without a watch and with nobody waiting: run rejects, and nothing is kept', async () => {
  await using staged = await kept()
  const { cluster, other, mutex } = staged
  const running = mutex.run(async (hold) => other.delete(hold.path))
  await expect(cluster.until(running)).rejects.toBeInstanceOf(LockLostError)
  await cluster.expectNothingLeft(PATH)
})

test('a signal tells of its own hold only', async () => {
  await using staged = await kept()
  const { cluster, zk, other, mutex } = staged
  const requests = requestsOf(cluster, zk)
  const one = await mutex.acquire()
  const { signal } = one
  await cluster.quiet()
  await one.release()
  const two = await mutex.acquire()
  const { signal: second } = two
  await cluster.quiet()
  expect(requests).toEqual(['getData'])
  await cluster.until(other.delete(two.path))
  await cluster.quiet()
  expect(signal.aborted).toBe(false)
  expect(second.reason).toEqual(lost('node-deleted'))
  await cluster.until(two.release())
  await cluster.expectNothingLeft(PATH)
})

test('who is asked to give up keeps nothing', async () => {
  await using staged = await kept()
  const { cluster, mutex, rival } = staged
  const hold = await mutex.acquire()
  let asked = 0
  hold.onRevokeRequested(() => {
    asked++
  })
  const [holder] = await cluster.until(rival.contenders())
  await cluster.until(rival.revoke(holder!))
  await cluster.quiet()
  expect(asked).toBe(1)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('by the policy that a lost connection is a loss, it is told and nothing is kept', async () => {
  await using staged = await kept({ lossPolicy: 'suspended' })
  const { cluster, zk, mutex } = staged
  const hold = await mutex.acquire()
  const { signal } = hold
  cluster.control.dropConnection(zk.session!.id)
  await cluster.pass(10)
  expect(signal.reason).toEqual(lost('suspended'))
  await cluster.until(hold.release())
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test.each([
  ['a child that is no contender does not prevent it', 'config', 1],
  ['one that may be another dialect’s contender does', 'other-0000000009', 3],
])('%s', async (_, name, znodes) => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  await cluster.until(zks[1]!.create(`${PATH}/${name}`))
  const mutex = new Mutex(zks[0]!, PATH, { biased: true })
  const paths = new Set<string>()
  for (let round = 0; round < 3; round++) paths.add((await cluster.until(mutex.run((hold) => hold))).path)
  expect(paths.size).toBe(znodes)
  await cluster.until(zks[1]!.delete(`${PATH}/${name}`))
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('it is given to mutexes that are alike, and to no other', async () => {
  await using staged = await kept()
  const { cluster, zk, first } = staged
  const alike = await new Mutex(zk, PATH, { biased: true }).acquire()
  expect(alike.path).toBe(first.path)
  await alike.release()
  const unlike: object[] = [{}, { biased: true, id: 'me' }, { biased: { maxHolds: 7 } }]
  let token = first.fencingToken
  for (const options of unlike) {
    const hold = await cluster.until(new Mutex(zk, PATH, options).acquire())
    expect(hold.fencingToken).toBeGreaterThan(token)
    token = hold.fencingToken
    await cluster.until(hold.release())
  }
  await cluster.pass(1_000)
  await cluster.expectNothingLeft(PATH)
})

test('closing the client gives up what is kept', async () => {
  await using staged = await kept({ biased: { idleMs: Infinity } })
  const { cluster, zk, rival, mutex } = staged
  await cluster.until(zk.close())
  const hold = await cluster.until(rival.acquire(), 100)
  await cluster.until(hold.release())
  await expect(mutex.acquire()).rejects.toMatchObject({ code: 'CLOSED' })
  await cluster.expectNothingLeft(PATH)
  expect(LocalQueue.countOf(zk)).toBe(0)
})
