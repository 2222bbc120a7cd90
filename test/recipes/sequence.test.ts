import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareSequence, formatSequence, parseSequence } from '../../recipes/kernel/sequence.js'

const int32 = fc.integer({ min: -2_147_483_648, max: 2_147_483_647 })

test('every number that a server can append is read back', () => {
  fc.assert(fc.property(int32, (value) => parseSequence(formatSequence(value)) === value))
})

test.each([
  [0, '0000000000'],
  [2_147_483_647, '2147483647'],
  [-2_147_483_648, '-2147483648'],
  [-999_999_999, '-999999999'],
  [-5, '-000000005'],
])('%i is printed as %s, as %%010d does', (value, text) => {
  expect(formatSequence(value)).toBe(text)
})

test.each([
  '',
  '1',
  '123456789',
  '00000000001',
  '2147483648',
  '-2147483649',
  '+000000001',
  ' 000000001',
  '-00000001',
])('the server never writes %j', (text) => {
  expect(parseSequence(text)).toBeUndefined()
})

test('numbers keep the order in which they were handed out, over the overflow too', () => {
  const queue = fc.tuple(int32, fc.uniqueArray(fc.integer({ min: 0, max: 2_000_000_000 }), { minLength: 2 }))
  fc.assert(
    fc.property(queue, ([start, offsets]) => {
      const handedOut = [...offsets].sort((a, b) => a - b).map((offset) => (start + offset) | 0)
      expect([...handedOut].sort(compareSequence)).toEqual(handedOut)
      expect([...handedOut].reverse().sort(compareSequence)).toEqual(handedOut)
    }),
  )
})

test('the first number after the overflow stands behind the last before it', () => {
  expect(compareSequence(2_147_483_647, -2_147_483_648)).toBeLessThan(0)
  expect(compareSequence(-2_147_483_648, 2_147_483_647)).toBeGreaterThan(0)
})
