import { CountDownLatch, type Client, type Zk } from 'latchkey'
import { expect, test } from 'vitest'
import { Cluster, EXPIRY_MS } from './cluster.js'
import { faultMatrix, type Stage } from './fault-matrix.js'

const TOP = '/app/latches'
const PATH = `${TOP}/latch`

async function stage(
  clients: number,
  count?: number,
): Promise<{ cluster: Cluster; zks: Client[]; latches: CountDownLatch[] } & AsyncDisposable> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < clients; i++) zks.push(await cluster.client())
  const latches = zks.map((zk) => new CountDownLatch(zk, PATH, { count }))
  return { cluster, zks, latches, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

test('opens when it was counted down, and stays open', async () => {
  await using s = await stage(3, 3)
  let passed = 0
  const waiting = s.latches.map(async (latch) => latch.wait().then(() => passed++))
  await s.cluster.pass(EXPIRY_MS)
  expect(await s.cluster.until(s.latches[0]!.countDown())).toBe(2)
  expect(await s.cluster.until(s.latches[1]!.countDown())).toBe(1)
  await s.cluster.pass(EXPIRY_MS)
  expect(passed).toBe(0)
  expect(await s.cluster.until(s.latches[2]!.countDown(5))).toBe(0)
  await s.cluster.until(Promise.all(waiting))
  expect(await s.cluster.until(s.latches[0]!.countDown())).toBe(0)
  expect(await s.cluster.until(s.latches[0]!.count())).toBe(0)
  await s.cluster.until(s.latches[0]!.wait({ timeoutMs: 100 }))
  expect(s.cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
})

test('one waiter is woken by one event, however many count down', async () => {
  await using s = await stage(2, 20)
  const waiting = s.latches[0]!.wait()
  await s.cluster.quiet()
  const of = (): number =>
    s.cluster.control.sessions().find(({ id }) => id === s.zks[0]!.session!.id)!.requests
  const before = of()
  for (let i = 0; i < 20; i++) await s.cluster.until(s.latches[1]!.countDown())
  await s.cluster.until(waiting)
  expect(of() - before).toBe(1)
})

test('an id is counted once, whoever says it and however often', async () => {
  await using s = await stage(2, 3)
  for (const latch of [...s.latches, ...s.latches])
    expect(await s.cluster.until(latch.countDown(1, { id: 'worker-7' }))).toBe(2)
  await expect(s.latches[0]!.countDown(1, { id: 'a/b' })).rejects.toThrow(TypeError)
  await expect(s.latches[0]!.countDown(0)).rejects.toThrow(RangeError)
})

test('of 0 it is open from the start; without a count it must be there', async () => {
  await using s = await stage(1, 0)
  await s.cluster.until(s.latches[0]!.wait())
  const missing = new CountDownLatch(s.zks[0]!, `${TOP}/missing`)
  const calls = [async () => missing.wait(), async () => missing.countDown(), async () => missing.count()]
  for (const call of calls)
    await expect(s.cluster.until(call() as Promise<unknown>)).rejects.toMatchObject({ code: 'NO_NODE' })
  expect(() => new CountDownLatch(s.zks[0]!, PATH, { count: -1 })).toThrow(RangeError)
})

test.each([Buffer.alloc(0), Buffer.from('42'), Buffer.from([255, 255, 255, 255])])(
  'what is no count is said to be none, and changed by nobody: %j',
  async (data) => {
    await using s = await stage(1)
    await s.cluster.until(s.zks[0]!.ensurePath(TOP))
    await s.cluster.until(s.zks[0]!.create(PATH, data))
    const [latch] = s.latches
    const calls = [async () => latch!.wait(), async () => latch!.countDown(), async () => latch!.count()]
    for (const call of calls)
      await expect(s.cluster.until(call() as Promise<unknown>)).rejects.toMatchObject({
        code: 'DATA_INCONSISTENCY',
      })
    expect((await s.cluster.until(s.zks[0]!.get(PATH))).data).toEqual(data)
  },
)

test('fifty at once, each counted', async () => {
  await using s = await stage(10, 50)
  const all = s.latches.flatMap((latch) => Array.from({ length: 5 }, async () => latch.countDown()))
  const waiting = s.latches[3]!.wait()
  await s.cluster.until(Promise.all(all))
  await s.cluster.until(waiting)
  expect(await s.cluster.children(PATH)).toHaveLength(51)
})

async function clear(zk: Zk): Promise<void> {
  const { children } = await zk.children(PATH)
  for (const name of children) await zk.delete(`${PATH}/${name}`)
  await zk.delete(PATH)
}

faultMatrix({
  name: 'count-down latch',
  paths: [TOP],
  next: clear,
  scenarios: {
    'counts to the end, whatever is lost': async ({ cluster, zk, rivals }: Stage) => {
      const [latch, other] = [
        new CountDownLatch(zk, PATH, { count: 4 }),
        new CountDownLatch(rivals[0], PATH, { count: 4 }),
      ]
      const waiting = other.wait()
      await cluster.until(latch.countDown())
      expect(await cluster.until(other.count())).toBe(3)
      await cluster.until(latch.countDown(2))
      expect(await cluster.until(other.count())).toBe(1)
      expect(await cluster.until(latch.countDown())).toBe(0)
      await cluster.until(waiting)
      // Never more records than calls: nothing was counted twice.
      expect(await cluster.children(PATH)).toHaveLength(4)
    },
    waits: async ({ cluster, zk, rivals }: Stage) => {
      const [latch, other] = [
        new CountDownLatch(zk, PATH, { count: 2 }),
        new CountDownLatch(rivals[0], PATH, { count: 2 }),
      ]
      let passed = false
      const waiting = latch.wait().then(() => (passed = true))
      await cluster.pass(EXPIRY_MS)
      await cluster.until(other.countDown())
      await cluster.pass(EXPIRY_MS)
      expect(passed).toBe(false)
      await cluster.until(other.countDown())
      await cluster.until(waiting)
    },
  },
})
