/** Rate limiters on the run's servers, judged by what the servers say: real clocks, real leaders. */
import { expect, it } from 'vitest'
import { RateLimiter } from 'latchkey'
import { rateCodec, windowOf } from '../../recipes/values/rate-window.js'
import { endSession, itNeedsTransactions, recipeStage, type RecipeClient } from './recipe-stage.js'

const LIMIT = { permits: 6, intervalMs: 400 }

async function stageOf(count: number): Promise<{ path: string; zks: readonly RecipeClient[] }> {
  const { path, zks } = await recipeStage(count)
  return { path: `${path}/it`, zks }
}

it('three processes together never get more in a window, and get all of it', async () => {
  const { path, zks } = await stageOf(3)
  const work = zks.map(async (zk) => {
    await using limiter = new RateLimiter(zk, path, LIMIT)
    for (let i = 0; i < 10; i++) await limiter.acquire()
  })
  await Promise.all(work)
  await zks[0]!.sync(path)
  const { data, stat } = await zks[0]!.get(path)
  const record = rateCodec.decode(data)
  expect(record).toMatchObject(LIMIT)
  const { used, begin } = windowOf(record, Number(stat.mtime))
  expect(used).toBeLessThanOrEqual(LIMIT.permits)
  // 30 of 6 in 400 ms: the fifth window begins four intervals after the first at least, by the leader's clock.
  expect(begin - Number(stat.ctime)).toBeGreaterThanOrEqual(4 * LIMIT.intervalMs)
  expect((await zks[0]!.children(path)).children).toEqual([])
})

itNeedsTransactions(
  'the time of a write in a transaction is what the znode and our marker show',
  async () => {
    const { path, zks } = await stageOf(1)
    const [zk] = zks
    await zk!.create(path)
    await zk!.create(`${path}/marker`, null, { mode: 'ephemeral' })
    const [set, marked] = await zk!.transaction().set(path, 'a').set(`${path}/marker`, null).commit()
    const { stat } = await zk!.get(path)
    expect(set.stat.mtime).toBe(stat.mtime)
    expect(marked.stat.mtime).toBe(stat.mtime)
  },
)

it('what one has taken is not there for another, and tries say so without a wait', async () => {
  const { path, zks } = await stageOf(2)
  const limit = { permits: 3, intervalMs: 60_000 }
  await using one = new RateLimiter(zks[0]!, path, limit)
  await using other = new RateLimiter(zks[1]!, path, limit)
  await one.acquire(2)
  expect(await other.tryAcquire(2)).toBe(false)
  expect(await other.tryAcquire(1)).toBe(true)
  expect(await one.tryAcquire(1)).toBe(false)
  expect(await one.describe()).toBe('0 of 3 left in this window of 60000 ms')
})

it('goes on after the end of its session, in the same window', async () => {
  const { path, zks } = await stageOf(1)
  const limit = { permits: 3, intervalMs: 60_000 }
  await using limiter = new RateLimiter(zks[0]!, path, limit)
  await limiter.acquire(2)
  await endSession(zks[0]!)
  await limiter.acquire(1)
  expect(await limiter.tryAcquire(1)).toBe(false)
})
