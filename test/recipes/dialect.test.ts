import { describe, expect, test } from 'vitest'
import { dialectOf, dialects, namePrefix, sequenceOf, type Dialect } from '../../recipes/kernel/dialect.js'

const uuid = '01234567-89ab-4def-8123-456789abcdef'
const kazooForCurator: Dialect = { name: 'own', create: '{hex}-lock-', contenders: [/-lock-(-?\d{9,10})$/] }

test.each([
  ['curator', `_c_${uuid}-lock-`],
  ['kazoo', '0123456789ab4def8123456789abcdef__lock__'],
  ['go-zookeeper', '_c_0123456789ab4def8123456789abcdef-lock-'],
] as const)('%s creates %s', (name, prefix) => {
  expect(namePrefix(dialects[name], uuid)).toBe(prefix)
  expect(sequenceOf(dialectOf(name), `${prefix}0000000007`)).toBe(7)
  expect(sequenceOf(dialectOf(name), `${prefix}-2147483648`)).toBe(-2_147_483_648)
})

test.each([
  ['curator', '_c_x-lock-0000000003', 3],
  ['curator', '0123456789ab4def8123456789abcdef-lock-0000000003', 3],
  ['curator', 'x__lock__0000000003', undefined],
  ['curator', 'x-lock-', undefined],
  ['curator', 'x-lock-3', undefined],
  ['curator', 'x-lock-0000000003.bak', undefined],
  ['kazoo', '_c_x-lock-0000000003', undefined],
  ['kazoo', 'x__rlock__0000000003', undefined],
  ['go-zookeeper', 'x__lock__0000000003', 3],
  ['go-zookeeper', 'anything-0000000003', 3],
] as const)('for %s, the number of %s is %s', (name, child, sequence) => {
  expect(sequenceOf(dialects[name], child)).toBe(sequence)
})

test('a dialect of one’s own is taken as it is', () => {
  expect(dialectOf(kazooForCurator)).toBe(kazooForCurator)
})

describe('a dialect that can not work is refused with the reason', () => {
  test.each([
    ['no such preset', 'curater', /unknown dialect "curater".*curator/],
    ['inherited property', 'toString', /unknown dialect/],
    ['null', null, /preset or an object/],
    ['no name', { ...kazooForCurator, name: '' }, /name/],
    ['no mark to find it by', { ...kazooForCurator, create: 'lock-' }, /\{uuid\}/],
    ['two marks', { ...kazooForCurator, create: '{hex}{uuid}-lock-' }, /\{uuid\}/],
    ['a deeper path', { ...kazooForCurator, create: 'a/{hex}-lock-' }, /slash/],
    ['nobody contends', { ...kazooForCurator, contenders: [] }, /non-empty/],
    ['a pattern with memory', { ...kazooForCurator, contenders: [/-lock-(\d{10})$/g] }, /flags/],
    ['not a pattern', { ...kazooForCurator, contenders: ['-lock-'] }, /regular expressions/],
    ['blind for itself', { ...kazooForCurator, contenders: [/x(\d{10})$/] }, /own name/],
    ['blind after the overflow', { ...kazooForCurator, contenders: [/-lock-(\d{10})$/] }, /own name/],
    ['bad parents', { ...kazooForCurator, parents: 'ttl' }, /parents/],
    ['bad data', { ...kazooForCurator, data: 'host' }, /data/],
  ])('%s', (_, dialect, message) => {
    expect(() => dialectOf(dialect as Dialect)).toThrow(TypeError)
    expect(() => dialectOf(dialect as Dialect)).toThrow(message)
  })
})
