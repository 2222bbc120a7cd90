/** Versions are int32 that wrap. At −1 a write "at version −1" is one at any version: two writers would both succeed. */
import { Counter, type Client } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Cluster, EXPIRY_MS } from '../cluster.js'

const PATH = '/app/counter'

async function stage(clients: number): Promise<{ cluster: Cluster; zks: Client[] } & AsyncDisposable> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < clients; i++) zks.push(await cluster.client())
  const counter = new Counter(zks[0]!, PATH)
  await cluster.until(counter.set(0n))
  await cluster.until(counter.close())
  return { cluster, zks, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

test.each([2_147_483_645, -3, -2, -1])('from version %i on, nothing is lost or doubled', async (version) => {
  await using s = await stage(4)
  s.cluster.control.setVersion(PATH, version)
  const counters = s.zks.map((zk) => new Counter(zk, PATH))
  const sums: bigint[] = []
  const work = counters.map(async (counter) => {
    for (let i = 0; i < 3; i++) sums.push(await counter.increment())
  })
  await s.cluster.until(Promise.all(work))
  expect(sums.sort((a, b) => Number(a - b))).toEqual(Array.from({ length: 12 }, (_, i) => BigInt(i + 1)))
  const stat = await s.cluster.until(s.zks[0]!.exists(PATH))
  // One write more than additions where it passed −1.
  expect(stat?.version).toBe((version + 12 + (version < 0 ? 1 : 0)) | 0)
  await s.cluster.until(Promise.all(counters.map(async (counter) => counter.close())))
  await s.cluster.expectNothingLeft(PATH)
})

describe.each(['dropBefore', 'dropAfter'] as const)('a request is lost (%s)', (how) => {
  test.each([false, true])('on the way past −1, the session ending: %s', async (ends) => {
    for (let point = 1, struck = true; struck; point++) {
      await using s = await stage(2)
      const { control } = s.cluster
      control.setVersion(PATH, -1)
      const { id } = s.zks[0]!.session!
      let count = 0
      const fault = control[how]({ where: ({ session }) => session === id && ++count === point })
      if (ends) void fault.fired.then(() => control.expireSession(id))
      const [own, rival] = s.zks.map((zk) => new Counter(zk, PATH)) as [Counter, Counter]
      const outcomes = await s.cluster.until(Promise.allSettled([own.increment(), rival.increment()]))
      struck = fault.hasFired
      fault.cancel()
      const [mine, theirs] = outcomes
      expect(theirs).toMatchObject({ status: 'fulfilled' })
      if (mine.status === 'rejected')
        expect(mine.reason).toMatchObject({ code: 'CONNECTION_LOSS', outcome: 'unknown' })
      const sum = await s.cluster.until(rival.get())
      if (mine.status === 'fulfilled') expect(sum).toBe(2n)
      else expect([1n, 2n]).toContain(sum)
      await s.cluster.until(Promise.all([own.close(), rival.close()]))
      await s.cluster.pass(EXPIRY_MS)
      await s.cluster.expectNothingLeft(PATH)
    }
  })
})

test('without a marker there is nothing to lock with: it is said, and nothing is written', async () => {
  await using s = await stage(1)
  s.cluster.control.setVersion(PATH, -1)
  const counter = new Counter(s.zks[0]!, PATH, { lostReplies: 'value' })
  await expect(s.cluster.until(counter.increment())).rejects.toMatchObject({ code: 'RUNTIME_INCONSISTENCY' })
  expect(await s.cluster.until(counter.get())).toBe(0n)
})
