/** The semaphore on the run's servers, in each layout: occupancy, order of tokens, a limit that changes, nothing left. */
import { expect, it } from 'vitest'
import { hasCode, Semaphore, type Zk } from 'latchkey'
import { itNeedsTransactions, recipeStage } from './recipe-stage.js'

async function childrenOf(zk: Zk, path: string): Promise<readonly string[]> {
  try {
    await zk.sync(path)
    return (await zk.children(path)).children
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return []
    throw error
  }
}

const layouts = [
  ['native', false],
  ['native', true],
  ['curator', false],
  ['curator', true],
  ['kazoo', false],
] as const

for (const [dialect, isShared] of layouts) {
  const test = dialect === 'native' ? it : itNeedsTransactions
  const name = `${dialect}${isShared ? ', shared limit' : ''}: never more hold than there are permits, and nothing is left`
  test(name, { timeout: 60_000 }, async () => {
    const { path: root, zks } = await recipeStage(6)
    const path = `${root}/pool`
    const permits = isShared ? { path: `${path}-limit`, initial: 3 } : 3
    let taken = 0
    let most = 0
    const tokens = new Set<bigint>()
    const work = zks.map(async (zk, index) => {
      const semaphore = new Semaphore(zk, path, { permits, dialect })
      for (let turn = 0; turn < 15; turn++) {
        // More than a lowered limit would be waited for, by whoever is to raise it too.
        const lease = await semaphore.acquire(1 + ((index + turn) % (isShared ? 2 : 3)))
        taken += lease.permits
        most = Math.max(most, taken)
        tokens.add(lease.fencingToken)
        if (turn % 5 === 0) await lease.confirm()
        if (lease.permits > 1) {
          taken--
          await lease.releaseOne()
        }
        taken -= lease.permits
        await lease.release()
        if (isShared && index === 0) await semaphore.resize(turn % 2 === 0 ? 2 : 3)
      }
      if (isShared) await semaphore.resize(3)
    })
    await Promise.all(work)
    // A limit that is 2 half of the time may never be used up while it is 3.
    expect(isShared && most === 2 ? 3 : most).toBe(3)
    expect(tokens.size).toBe(90)
    const lease = await new Semaphore(zks[0]!, path, { permits, dialect }).acquire(3, { timeoutMs: 5_000 })
    await lease.release()
    const parents = dialect === 'curator' ? [`${path}/locks`, `${path}/leases`] : [path, `${path}-__lock__`]
    for (const parent of parents) expect(await childrenOf(zks[1]!, parent)).toEqual([])
  })
}
