/** The multi-lock on the run's servers: order, all or nothing, starting over. */
import { expect, it } from 'vitest'
import { MultiLock, Mutex, ReadWriteLock } from 'latchkey'
import { untilChildren } from './lock-stage.js'
import { endSession, itNeedsTransactions, recipeStage, type RecipeClient } from './recipe-stage.js'

async function locksOn(count: number): Promise<{ paths: [string, string, string]; zks: RecipeClient[] }> {
  const { path, zks } = await recipeStage(count)
  const paths: [string, string, string] = [`${path}/a`, `${path}/b`, `${path}/c`]
  for (const each of paths) await zks[0]!.create(each)
  for (const zk of zks) await zk.sync(path)
  return { paths, zks }
}

it('takes all, and excludes whoever wants one of them', async () => {
  const { paths, zks } = await locksOn(2)
  const [a, b, c] = paths
  const [one, two] = zks
  const shared = await new ReadWriteLock(two!, b).readLock.acquire()
  const locks = [c, new ReadWriteLock(one!, b).readLock, a]
  const hold = await new MultiLock(one!, locks).acquire()
  expect([...hold.fencingTokens.keys()]).toEqual(paths)
  expect(await new Mutex(two!, c).tryAcquire()).toBeUndefined()
  expect(await new MultiLock(two!, [a]).tryAcquire()).toBeUndefined()
  await hold.confirm()
  await shared.release()
  await hold.release()
  for (const path of paths) await untilChildren(two!, path, 0)
})

itNeedsTransactions('guards writes with all that it holds', async () => {
  const { paths, zks } = await locksOn(1)
  const hold = await new MultiLock(zks[0]!, paths).acquire()
  const results = await hold.guard(zks[0]!.transaction().set(paths[0], 'guarded')).commit()
  expect(results.map(({ type }) => type)).toEqual(['set', 'check', 'check', 'check'])
  await hold.release()
})

it('two in opposite order take turns', async () => {
  const { paths, zks } = await locksOn(2)
  const [a, b, c] = paths
  let inside = 0
  const work = async (zk: RecipeClient, locks: readonly string[]): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      await new MultiLock(zk, locks).run(async () => {
        expect(++inside).toBe(1)
        await zk.sync(a)
        inside--
      })
    }
  }
  await Promise.all([work(zks[0]!, [a, b, c]), work(zks[1]!, [c, b, a])])
  for (const path of paths) await untilChildren(zks[0]!, path, 0)
})

it('one that gives up with two of three gives them back', async () => {
  const { paths, zks } = await locksOn(2)
  const [a, b, c] = paths
  const last = await new Mutex(zks[1]!, c).acquire()
  await expect(new MultiLock(zks[0]!, paths).acquire({ timeoutMs: 200 })).rejects.toMatchObject({
    code: 'TIMEOUT',
  })
  await untilChildren(zks[1]!, a, 0)
  await untilChildren(zks[1]!, b, 0)
  await last.release()
  await untilChildren(zks[1]!, c, 0)
})

it('starts over when its session ends while it waits', async () => {
  const { paths, zks } = await locksOn(2)
  const [a, , c] = paths
  const last = await new Mutex(zks[1]!, c).acquire()
  const waiting = new MultiLock(zks[0]!, paths).acquire()
  await untilChildren(zks[1]!, c, 2)
  const [first] = await new Mutex(zks[1]!, a).contenders()
  await endSession(zks[0]!)
  await last.release()
  const hold = await waiting
  expect(hold.fencingTokens.get(a)).toBeGreaterThan(first!.czxid)
  await hold.confirm()
  await hold.release()
  for (const path of paths) await untilChildren(zks[1]!, path, 0)
})
