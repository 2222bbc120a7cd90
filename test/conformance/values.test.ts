/** Counters, barriers and latches on the run's servers, their clients spread over them. */
import { describe, expect, it } from 'vitest'
import { Barrier, CountDownLatch, Counter, DoubleBarrier } from 'latchkey'
import { endSession, itNeedsTransactions, recipeStage, type RecipeClient } from './recipe-stage.js'

async function stageOf(count: number): Promise<{ path: string; zks: readonly RecipeClient[] }> {
  const { path, zks } = await recipeStage(count)
  return { path: `${path}/it`, zks }
}

describe('Counter', () => {
  it('three processes count together, and each sum comes once', async () => {
    const { path, zks } = await stageOf(3)
    const sums: bigint[] = []
    const work = zks.map(async (zk) => {
      await using counter = new Counter(zk, path)
      for (let i = 0; i < 20; i++) sums.push(await counter.increment())
    })
    await Promise.all(work)
    expect(sums.sort((a, b) => Number(a - b))).toEqual(Array.from({ length: 60 }, (_, i) => BigInt(i + 1)))
    expect(await new Counter(zks[1]!, path).get()).toBe(60n)
    await zks[0]!.sync(path)
    expect((await zks[0]!.children(path)).children).toEqual([])
  })

  it('goes on after the end of its session', async () => {
    const { path, zks } = await stageOf(2)
    await using counter = new Counter(zks[0]!, path)
    expect(await counter.increment()).toBe(1n)
    await endSession(zks[0]!)
    expect(await counter.increment()).toBe(2n)
    expect(await new Counter(zks[1]!, path).get()).toBe(2n)
  })
})

describe('DoubleBarrier', () => {
  for (const dialect of ['native', 'curator', 'kazoo'] as const) {
    const test = dialect === 'native' ? itNeedsTransactions : it
    test(`${dialect}: rounds begin and end together`, async () => {
      const { path, zks } = await stageOf(3)
      let [inside, most] = [0, 0]
      const work = zks.map(async (zk) => {
        for (let round = 0; round < 3; round++) {
          const pass = await new DoubleBarrier(zk, `${path}-${round}`, { members: 3, dialect }).enter()
          most = Math.max(most, ++inside)
          await zk.sync('/')
          await pass.leave()
          inside--
        }
      })
      await Promise.all(work)
      expect(most).toBe(3)
    })
  }
})

it('a Barrier lets through when it is open', async () => {
  const { path, zks } = await stageOf(2)
  const [gate, other] = zks.map((zk) => new Barrier(zk, path))
  expect(await gate!.set()).toBe(true)
  const waiting = other!.wait()
  expect(await gate!.remove()).toBe(true)
  await waiting
})

itNeedsTransactions('a CountDownLatch lets through at zero', async () => {
  const { path, zks } = await stageOf(2)
  const [latch, shared] = zks.map((zk) => new CountDownLatch(zk, path, { count: 2 }))
  const opened = latch!.wait()
  expect(await shared!.countDown(1, { id: 'a' })).toBe(1)
  await zks[0]!.sync('/')
  expect(await latch!.countDown(1, { id: 'a' })).toBe(1)
  expect(await shared!.countDown()).toBe(0)
  await opened
})
