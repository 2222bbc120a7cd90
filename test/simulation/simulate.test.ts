/** In processes of their own: the clients of simulated processes that crash are never closed, as those of real ones. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Fleet } from './fleet.js'
import { keptSeeds } from './kept-seeds.js'
import type { Outcome } from './simulate.js'
import type { RunOrder } from './worker.js'
import { workloads } from './workloads/index.js'

// Each takes a second or a few; a busy machine may take ten times as long.
vi.setConfig({ testTimeout: 60_000 })

const SMALL = { acquisitions: 200, faultEveryMs: 200 }
/** Deliveries and entries come ten times as fast as turns of a lock: so that as many faults fall among them. */
const QUICK = { acquisitions: 600, faultEveryMs: 80 }
const sizeOf = (recipe: string): typeof SMALL =>
  ['queue', 'double-barrier'].includes(recipe) ? QUICK : SMALL

let fleet: Fleet
beforeAll(async () => {
  fleet = await Fleet.start(1)
})
afterAll(async () => fleet[Symbol.asyncDispose]())

async function outcomeOf(order: RunOrder): Promise<Outcome> {
  return (await fleet.run(order)).outcome
}

const cases = workloads.flatMap(({ name: recipe }) => [1, 2].map((seed) => ({ recipe, seed })))

test.each(cases)(
  '$recipe, seed $seed: nothing is violated, and again it takes the same course',
  async (each) => {
    const size = sizeOf(each.recipe)
    const once = await outcomeOf({ ...each, ...size })
    expect(once.violations).toEqual([])
    expect(once.acquisitions).toBeGreaterThanOrEqual(size.acquisitions)
    expect(Object.keys(once.faultCounts).length).toBeGreaterThan(4)
    expect(await outcomeOf({ ...each, ...size })).toEqual(once)
  },
)

test('a fresh process takes the same course', async () => {
  await using fresh = await Fleet.start(1)
  for (const each of cases.filter(({ seed }) => seed === 2)) {
    const here = await outcomeOf({ ...each, ...SMALL })
    const { outcome: there } = await fresh.run({ ...each, ...SMALL })
    expect(there).toEqual(here)
  }
})

test('another seed takes another course', async () => {
  const hashes = new Set<string>()
  for (const seed of [1, 2, 3, 4, 5]) {
    const { hash } = await outcomeOf({ recipe: 'mutex', seed, acquisitions: 20 })
    hashes.add(hash)
  }
  expect(hashes.size).toBe(5)
})

test('without the faults of the plan, none strikes', async () => {
  const { faultCounts, violations } = await outcomeOf({ recipe: 'mutex', seed: 1, ...SMALL, faults: [] })
  expect({ faultCounts, violations }).toEqual({ faultCounts: {}, violations: [] })
})

const kept = keptSeeds()

test.each(kept)('$recipe, seed $seed, that once found: $found', async (order) => {
  expect((await outcomeOf(order)).violations).toEqual([])
})
