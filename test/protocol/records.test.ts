import { expect, test } from 'vitest'
import { record } from '../../src/codec/codec.js'
import { Reader } from '../../src/codec/reader.js'
import { stat, statFields } from '../../src/protocol/records.js'

test('the stat, whose reader is written out for speed, reads what its table says', () => {
  const bytes = Buffer.from(Array.from({ length: 68 }, (_, index) => (index * 37 + 200) & 0xff))
  const unrolled = new Reader(bytes)
  const read = stat.read(unrolled)
  expect(read).toEqual(record(statFields).read(new Reader(bytes)))
  expect(Object.keys(read)).toEqual(statFields.map(([name]) => name))
  expect(unrolled.remaining).toBe(0)
  expect(() => stat.read(new Reader(bytes.subarray(1)))).toThrow('record cut short')
})

test('a reader that is reset to a part of a buffer sees nothing beyond it', () => {
  const reader = new Reader(Buffer.alloc(0)).reset(Buffer.from([9, 9, 0, 0, 0, 1, 9]), 2, 6)
  expect(reader.int()).toBe(1)
  expect(() => reader.byte()).toThrow('record cut short')
})
