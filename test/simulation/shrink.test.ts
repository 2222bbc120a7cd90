import { expect, test } from 'vitest'
import { shrink } from './shrink.js'

const hundred = Array.from({ length: 100 }, (_, i) => i)

test.each([[[]], [[42]], [[0, 99]], [[3, 50, 51]], [[7, 46, 90]]])(
  'of a hundred faults, those that matter are left: %j',
  async (needed) => {
    let tries = 0
    const some = await shrink(hundred, (faults) => {
      tries++
      return Promise.resolve(needed.every((each) => faults.includes(each)))
    })
    expect(some).toEqual(needed)
    expect(tries).toBeLessThan(150)
  },
)

test('when the tries run out, the fewest so far are given', async () => {
  const breaks = async (faults: readonly number[]): Promise<boolean> => Promise.resolve(faults.includes(99))
  const some = await shrink(hundred, breaks, 4)
  expect(some).toContain(99)
  expect(some.length).toBeLessThan(100)
})
