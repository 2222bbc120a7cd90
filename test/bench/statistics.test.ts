import { expect, test } from 'vitest'
import { differs, median, quantile, spread } from '../../bench/statistics.js'

test('the median is the middle, or between the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([9, 1, 5, 7])).toBe(6)
  expect(median([])).toBeNaN()
})

test('a quantile is a value that was measured', () => {
  const values = Array.from({ length: 101 }, (_, index) => 100 - index)
  expect(quantile(values, 0.5)).toBe(50)
  expect(quantile(values, 0.99)).toBe(99)
  expect(quantile([3], 0.99)).toBe(3)
})

test('the spread is a share of the median', () => {
  expect(spread([8, 10, 13])).toBe(0.5)
})

test('two series differ only where each median is beyond the other', () => {
  expect(differs([1, 2, 3], [4, 5, 6])).toBe(true)
  // The ends may touch: one bad round hides nothing.
  expect(differs([1, 2, 5], [4, 6, 7])).toBe(true)
  expect(differs([1, 2, 5], [3, 4, 9])).toBe(false)
  expect(differs([1, 2, 3], [1, 2, 3])).toBe(false)
})
