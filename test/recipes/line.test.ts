import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dialects } from '../../recipes/kernel/dialect.js'
import { first, lineUp } from '../../recipes/kernel/line.js'
import { formatSequence } from '../../recipes/kernel/sequence.js'

const { curator } = dialects
const name = (sequence: number, id = 'x'): string => `_c_${id}-lock-${formatSequence(sequence)}`

test('the line is the order of creation, whatever the names look like and wherever the counter stands', () => {
  const start = fc.integer({ min: -2_147_483_648, max: 2_147_483_647 })
  const ids = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(start, ids, fc.infiniteStream(fc.nat()), (from, uuids, noise) => {
      const created = uuids.map((id, index) => name((from + index) | 0, id))
      const shuffled = created
        .map((each) => ({ each, key: noise.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ each }) => each)
      expect(lineUp(shuffled, curator).contenders.map((contender) => contender.name)).toEqual(created)
    }),
  )
})

test('the first is let in, the second waits for the first alone, the third for the second and then looks again', () => {
  const { contenders } = lineUp([name(3), name(1), name(2)], curator)
  expect(first(contenders, 0)).toBeUndefined()
  expect(first(contenders, 1)).toEqual({ contender: contenders[0], sole: true })
  expect(first(contenders, 2)).toEqual({ contender: contenders[1], sole: false })
})

test('a stranger without a number stands in nobody’s way, even where Curator would sort it first', () => {
  const { contenders, strangers } = lineUp(['!x', 'config', 'locks', name(5)], curator, 5)
  expect(contenders.map(({ sequence }) => sequence)).toEqual([5])
  expect(strangers).toEqual(['!x', 'config', 'locks'])
})

test.each(['0a__lock__0000000004', 'read-0000000004', 'x-99-0000000004', 'n_0000000004', 'host70000000004'])(
  'the stranger %s was there before 5 and may be a claim',
  (stranger) => {
    const { contenders } = lineUp([stranger, name(5)], curator, 5)
    expect(contenders.map((each) => each.name)).toEqual([stranger, name(5)])
    expect(contenders[0]?.stranger).toBe(true)
    expect(lineUp([stranger, name(5)], curator, 5, new Set([stranger])).contenders).toHaveLength(1)
    expect(lineUp([stranger, name(3)], curator, 3).contenders).toHaveLength(1)
  },
)

test('after the overflow a stranger’s number is read with its sign', () => {
  const own = -2_147_483_600
  expect(lineUp(['a__lock__-2147483601'], curator, own).contenders).toHaveLength(1)
  expect(lineUp(['a__lock__-2147483599'], curator, own).contenders).toHaveLength(0)
  expect(lineUp(['a__lock__2147483647'], curator, own).contenders).toHaveLength(1)
})

test.each(['1763637264123', 'file-123456789', 'x-2147483648'])(
  '%s does not end in a sequence number',
  (stranger) => {
    expect(lineUp([stranger], curator, 2_000_000_000).contenders).toEqual([])
  },
)
