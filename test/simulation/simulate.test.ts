import { expect, test } from 'vitest'
import { simulate } from './simulate.js'
import { workloads } from './workloads/index.js'

const cases = workloads.flatMap((workload) =>
  [1, 2, 3].map((seed) => ({ workload, recipe: workload.name, seed })),
)

test.each(cases)(
  '$recipe, seed $seed: nothing is violated, and again it takes the same course',
  async (each) => {
    const { workload, seed } = each
    const once = await simulate({ workload, seed, acquisitions: 200, faultEveryMs: 100 })
    expect(once.violations).toEqual([])
    expect(once.acquisitions).toBeGreaterThanOrEqual(200)
    expect(Object.keys(once.faultCounts).length).toBeGreaterThan(4)
    const again = await simulate({ workload, seed, acquisitions: 200, faultEveryMs: 100 })
    expect(again).toEqual(once)
  },
)

test('another seed takes another course', async () => {
  const hashes = new Set<string>()
  for (const seed of [1, 2, 3, 4, 5]) {
    const { hash } = await simulate({ workload: workloads[0]!, seed, acquisitions: 20 })
    hashes.add(hash)
  }
  expect(hashes.size).toBe(5)
})
