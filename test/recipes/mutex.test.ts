/** What a mutex does when all goes well, and when others on the same path behave oddly. */
import { Mutex, dialects, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Cluster, PATH, requestsOf, stage } from './cluster.js'

test('a free lock takes one round trip and two requests, its release one more', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const requests = requestsOf(cluster, zks[0]!)
  const start = cluster.clock.now()
  const hold = await cluster.until(mutexes[0]!.acquire())
  expect(cluster.clock.now() - start).toBeLessThan(3)
  expect(requests).toEqual(['create', 'getChildren2'])
  expect(hold.path).toMatch(/^\/locks\/report\/_c_[0-9a-f-]{36}-lock-0000000000$/)
  await cluster.until(hold.release())
  expect(requests).toEqual(['create', 'getChildren2', 'delete'])
  await cluster.expectNothingLeft(PATH)
})

test('missing parents are made as containers', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const hold = await cluster.until(new Mutex(zk, '/deep/down/lock').acquire())
  await cluster.until(hold.release())
  await cluster.expectNothingLeft('/deep/down/lock')
  // The server deletes containers that had children and are empty.
  cluster.control.reap()
  cluster.control.reap()
  cluster.control.reap()
  expect(await cluster.children('/deep')).toBeUndefined()
})

test('the container may be reaped between making it and using it', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const rival = await cluster.client()
  let reaped = 0
  cluster.control.onApply(({ body }) => {
    const text = JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
    if (!text.includes(PATH)) return
    if (reaped++ > 0) return
    void rival.delete(PATH)
  })
  const hold = await cluster.until(new Mutex(zk, PATH).acquire())
  expect(reaped).toBeGreaterThan(1)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('a release hands over in one event, without a second list, when one waits', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const requests = requestsOf(cluster, zks[1]!)
  const waiting = mutexes[1]!.acquire()
  await cluster.quiet()
  expect(requests).toEqual(['create', 'getChildren2', 'getData', 'getData'])
  const start = cluster.clock.now()
  void hold.release()
  const next = await cluster.until(waiting)
  expect(cluster.clock.now() - start).toBeLessThan(3)
  expect(requests).toHaveLength(4)
  expect(next.fencingToken).toBeGreaterThan(hold.fencingToken)
  await cluster.until(next.release())
  await cluster.expectNothingLeft(PATH)
})

test('when the waiter ahead leaves, the next one still waits for the holder', async () => {
  await using staged = await stage(3)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const middle = mutexes[1]!.acquire().catch(() => undefined)
  await cluster.quiet()
  let granted = false
  const last = mutexes[2]!.acquire()
  void last.then(() => (granted = true))
  await cluster.quiet()
  await cluster.until(zks[1]!.close())
  await cluster.until(middle)
  await cluster.pass(10_000)
  expect(granted).toBe(false)
  await cluster.until(hold.release())
  await cluster.until((await cluster.until(last)).release())
  await cluster.expectNothingLeft(PATH)
})

test('a predecessor that vanishes between list and watch is no obstacle and no error', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  await cluster.until(mutexes[0]!.acquire())
  const fault = cluster.control.dropBefore({
    where: ({ session, operation }) => {
      if (session === zks[1]!.session?.id && operation === 'getData') {
        cluster.control.expireSession(zks[0]!.session!.id)
      }
      return false
    },
  })
  const hold = await cluster.until(mutexes[1]!.acquire())
  fault.cancel()
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('holders and waiters are listed in order, with who they are and since when', async () => {
  await using staged = await stage(3)
  const { cluster, zks } = staged
  const mutexes = zks.map((zk, i) => new Mutex(zk, PATH, { id: `worker ${i}` }))
  expect(await cluster.until(mutexes[0]!.contenders())).toEqual([])
  const hold = await cluster.until(mutexes[0]!.acquire())
  const waiting: Promise<Hold>[] = []
  for (const mutex of mutexes.slice(1)) {
    waiting.push(mutex.acquire())
    await cluster.quiet()
  }
  const found = await cluster.until(mutexes[2]!.contenders())
  expect(found.map(({ role, id, sequence }) => [role, id, sequence])).toEqual([
    ['holder', 'worker 0', 0],
    ['waiter', 'worker 1', 1],
    ['waiter', 'worker 2', 2],
  ])
  expect(found.map(({ sessionId }) => sessionId)).toEqual(zks.map((zk) => zk.session?.id))
  expect(found[0]).toMatchObject({ path: hold.path, czxid: hold.fencingToken })
  expect(Math.abs(found[0]!.since.getTime() - cluster.clock.wall())).toBeLessThan(1_000)
  await cluster.until(hold.release())
  for (const each of waiting) await cluster.until((await cluster.until(each)).release())
  await cluster.expectNothingLeft(PATH)
})

test('nobody contends for a lock whose path does not exist', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  expect(await cluster.until(new Mutex(zk, '/never').contenders())).toEqual([])
  expect(await cluster.children('/never')).toBeUndefined()
})

test('a mutex grants in order over the overflow of the sequence number', async () => {
  await using staged = await stage(6)
  const { cluster, mutexes } = staged
  cluster.control.setSequence(PATH, 2_147_483_645)
  const order: number[] = []
  const names: string[] = []
  const all = mutexes.map(async (mutex, i) => {
    const hold = await mutex.acquire()
    order.push(i)
    names.push(hold.path.slice(-11))
    await cluster.clock.advance(0)
    await hold.release()
  })
  await cluster.until(Promise.all(all))
  expect(order).toEqual([0, 1, 2, 3, 4, 5])
  expect(names).toEqual([
    '-2147483645',
    '-2147483646',
    '-2147483647',
    '-2147483648',
    '-2147483647',
    '-2147483646',
  ])
  await cluster.expectNothingLeft(PATH)
})

test('the token grows even when the path is deleted and sequence numbers start again', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  let last = 0n
  for (let round = 0; round < 4; round++) {
    const hold = await cluster.until(mutexes[0]!.acquire())
    expect(hold.path.endsWith('-lock-0000000000')).toBe(true)
    expect(hold.fencingToken).toBeGreaterThan(last)
    last = hold.fencingToken
    await cluster.until(hold.release())
    await cluster.until(zks[0]!.delete(PATH))
  }
})

test('children that are no contenders are ignored, and mentioned once', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const [zk] = zks
  await cluster.until(zk!.create(`${PATH}/!x`, 'foreign'))
  await cluster.until(zk!.create(`${PATH}/config`, 'foreign'))
  await cluster.until(zk!.create(`${PATH}/old-`, 'foreign', { mode: 'persistentSequential' }))
  for (let round = 0; round < 3; round++) {
    const hold = await cluster.until(mutexes[0]!.acquire())
    await cluster.until(hold.release())
  }
  expect(cluster.log.filter(({ level }) => level === 'warn')).toEqual([
    {
      level: 'warn',
      fields: { path: PATH, children: expect.arrayContaining(['!x', 'config']) as unknown, count: 3 },
      message: expect.stringContaining('does not know') as unknown,
    },
  ])
  expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
})

test('an ephemeral of a dialect that we do not know, made before us, is waited for', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const kazoo = new Mutex(zks[0]!, PATH, { dialect: 'kazoo' })
  const hold = await cluster.until(kazoo.acquire())
  let granted = false
  const waiting = mutexes[1]!.acquire()
  void waiting.then(() => (granted = true))
  await cluster.pass(5_000)
  expect(granted).toBe(false)
  await cluster.until(hold.release())
  await cluster.until((await cluster.until(waiting)).release())
  await cluster.expectNothingLeft(PATH)
})

test.each([
  ['kazoo', /^[0-9a-f]{32}__lock__0000000000$/, '', 0n],
  ['go-zookeeper', /^_c_[0-9a-f]{32}-lock-0000000000$/, '', 0n],
] as const)(
  'the %s dialect writes that client’s names, data and parents',
  async (dialect, name, data, owner) => {
    await using cluster = await Cluster.start()
    const zk = await cluster.client()
    const hold = await cluster.until(new Mutex(zk, PATH, { dialect }).acquire())
    expect(hold.path.split('/').at(-1)).toMatch(name)
    expect((await cluster.until(zk.get(hold.path))).data.toString()).toBe(data)
    expect((await cluster.until(zk.exists(PATH)))?.ephemeralOwner).toBe(owner)
    await cluster.until(hold.release())
  },
)

test('as Curator does, a znode holds this host’s address unless an id is given', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  expect((await cluster.until(zks[0]!.get(hold.path))).data.toString()).toMatch(/^[0-9a-f.:]+$/)
  await cluster.until(hold.release())
})

test('a dialect of one’s own contends with the preset that it is like', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const dialect = {
    ...dialects.kazoo,
    name: 'kazoo subclass',
    create: '{hex}-lock-',
    contenders: dialects.curator.contenders,
  }
  const hold = await cluster.until(new Mutex(zks[0]!, PATH, { dialect }).acquire())
  expect(await cluster.until(mutexes[1]!.tryAcquire())).toBeUndefined()
  await cluster.until(hold.release())
})

test('a busy try costs one round trip, writes nothing and disturbs nobody', async () => {
  await using staged = await stage(2)
  const { cluster, zks, mutexes } = staged
  const hold = await cluster.until(mutexes[0]!.acquire())
  const requests = requestsOf(cluster, zks[1]!)
  const before = cluster.control.zxid
  expect(await cluster.until(mutexes[1]!.tryAcquire())).toBeUndefined()
  expect(requests).toEqual(['sync', 'getChildren2'])
  expect(cluster.control.zxid).toBe(before)
  await cluster.until(hold.release())
  const mine = await cluster.until(mutexes[1]!.tryAcquire())
  expect(mine?.fencingToken).toBeGreaterThan(hold.fencingToken)
  await cluster.until(mine!.release())
  await cluster.expectNothingLeft(PATH)
})

test('two tries at the same moment: one gets it, and the other leaves nothing', async () => {
  await using staged = await stage(2)
  const { cluster, mutexes } = staged
  const holds = await cluster.until(Promise.all(mutexes.map(async (mutex) => mutex.tryAcquire())))
  const got = holds.filter((hold) => hold !== undefined)
  expect(got).toHaveLength(1)
  expect(await cluster.children(PATH)).toHaveLength(1)
  await cluster.until(got[0]!.release())
  await cluster.expectNothingLeft(PATH)
})

test.each([16, 128])(
  'with %i waiters a release wakes one, and each acquire costs the same',
  async (count) => {
    const clients = 8
    await using staged = await stage(clients)
    const { cluster, zks } = staged
    let requests = 0
    cluster.control.dropBefore({ where: () => (requests++, false) })
    const [held, ...rest] = Array.from(
      { length: count + 1 },
      (_, i) => new Mutex(zks[i % clients]!, PATH, { localQueue: false }),
    )
    const first = await cluster.until(held!.acquire())
    let woken = 0
    const granted: number[] = []
    const holds: Hold[] = []
    const all: Promise<void>[] = []
    for (const [i, mutex] of rest.entries()) {
      const queued = mutex.acquire().then((hold) => {
        granted.push(i)
        holds.push(hold)
      })
      all.push(queued)
      await cluster.pass(3)
    }
    await cluster.quiet()
    // One watch a waiter, and the next in line watches itself too.
    expect(cluster.control.watchCounts().data).toBe(count + 1)
    requests = 0
    let holding = first
    for (let round = 0; round < count; round++) {
      const before = cluster.control.watchCounts().data
      await cluster.until(holding.release())
      await cluster.quiet()
      woken += before - cluster.control.watchCounts().data
      expect(granted).toHaveLength(round + 1)
      holding = holds[round]!
    }
    // Each release fired the watch of one waiter. The one more is what the first of them had on itself.
    expect(woken).toBe(count + 1)
    expect(granted).toEqual(rest.map((_, i) => i))
    // A delete each, and a list by each one woken but the first, which had only the holder ahead.
    expect(requests).toBe(count + (count - 1))
    await cluster.until(holding.release())
    await cluster.until(Promise.all(all))
    await cluster.expectNothingLeft(PATH)
  },
)

test('without the local queue, acquiring twice through one mutex is two contenders', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { localQueue: false })
  const one = await cluster.until(mutex.acquire())
  const two = mutex.acquire()
  await cluster.quiet()
  expect(await cluster.until(mutex.contenders())).toHaveLength(2)
  await cluster.until(one.release())
  await cluster.until((await cluster.until(two)).release())
  await cluster.expectNothingLeft(PATH)
})

test('the path, options and limits are checked at once', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  expect(() => new Mutex(zk, 'locks')).toThrow(TypeError)
  expect(() => new Mutex(zk, '/locks', { dialect: 'java' as 'kazoo' })).toThrow(TypeError)
  expect(() => new Mutex(zk, '/locks', { acl: [] })).toThrow(RangeError)
  expect(() => new Mutex(zk, '/locks', { biased: true, localQueue: false })).toThrow(TypeError)
  expect(() => new Mutex(zk, '/locks', { biased: 'yes' as never })).toThrow(TypeError)
  expect(() => new Mutex(zk, '/locks', { biased: null as never })).toThrow(TypeError)
  expect(() => new Mutex(zk, '/locks', { biased: { maxHolds: 0 } })).toThrow(RangeError)
  expect(() => new Mutex(zk, '/locks', { biased: { maxMs: -1 } })).toThrow(RangeError)
  expect(() => new Mutex(zk, '/locks', { biased: { idleMs: Number.NaN } })).toThrow(TypeError)
  const mutex = new Mutex(zk, PATH)
  await expect(mutex.acquire({ timeoutMs: -1 })).rejects.toThrow(RangeError)
  await expect(mutex.acquire({ timeoutMs: Number.NaN })).rejects.toThrow(TypeError)
  await expect(mutex.acquire({ signal: {} as AbortSignal })).rejects.toThrow(TypeError)
  await expect(mutex.run(undefined as never)).rejects.toThrow(TypeError)
  expect(Janitor.of(zk).pending).toBe(0)
})
