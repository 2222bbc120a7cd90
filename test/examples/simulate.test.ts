import { expect, test } from 'vitest'
import { FencedDatabase, NaiveDatabase } from '../../examples/simulate/databases.js'
import { simulateAccount } from '../../examples/simulate/simulate-account.js'

async function firstSeedThatLoses(limit: number): Promise<number | undefined> {
  for (let seed = 1; seed <= limit; seed++) {
    const { lost } = await simulateAccount(seed, (cluster) => new NaiveDatabase(cluster))
    if (lost > 0) return seed
  }
  return undefined
}

test('the planted bug is found by seed, the seed shows it again, and fencing mends it', async () => {
  const seed = await firstSeedThatLoses(10)
  if (seed === undefined) throw new Error('no seed has found it')
  const once = await simulateAccount(seed, (cluster) => new NaiveDatabase(cluster))
  const again = await simulateAccount(seed, (cluster) => new NaiveDatabase(cluster))
  expect(once.lost).toBeGreaterThan(0)
  expect(again).toEqual(once)
  for (const each of [seed, seed + 1, seed + 2]) {
    const fenced = await simulateAccount(each, (cluster) => new FencedDatabase(cluster))
    expect(fenced).toMatchObject({ lost: 0 })
    expect(fenced.deposits).toBeGreaterThan(100)
  }
})
