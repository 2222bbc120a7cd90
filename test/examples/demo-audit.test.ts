import { expect, test } from 'vitest'
import { audit } from '../../examples/demo/audit.js'
import type { Entry } from '../../examples/demo/counter.js'

/** A turn of `worker` with a token that counts up, at 10 ms each. */
function turn(worker: number, fence: number, from: number, atUs = fence * 10_000): [Entry, Entry] {
  return [
    { kind: 'begin', worker, fence: String(fence), from, atUs },
    { kind: 'end', worker, fence: String(fence), to: from + 1, atUs: atUs + 9_000 },
  ]
}

const cutShort = (worker: number, fence: number, from: number): Entry => turn(worker, fence, from)[0]

test('turns one after the other are right', () => {
  const findings = audit([...turn(1, 5, 0), ...turn(2, 6, 1), ...turn(1, 7, 2)], 3)
  expect(findings.problems).toEqual([])
  expect(findings.turns).toHaveLength(3)
  expect(findings.handOversMs).toEqual([1, 1])
})

test('a turn that the kill cut off before its write counts for nothing', () => {
  const { problems, cutOff, handOversMs } = audit(
    [...turn(1, 5, 0), cutShort(2, 6, 1), ...turn(3, 7, 1)],
    2,
    2,
  )
  expect(problems).toEqual([])
  expect(cutOff?.written).toBe(false)
  expect(handOversMs).toEqual([1])
})

test('a turn that the kill cut off after its write counts', () => {
  const { problems, cutOff } = audit([...turn(1, 5, 0), cutShort(2, 6, 1), ...turn(3, 7, 2)], 3, 2)
  expect(problems).toEqual([])
  expect(cutOff?.written).toBe(true)
})

test('a kill between the end of a turn and its release cuts nothing off, and is no ordinary hand-over', () => {
  const { problems, cutOff, handOversMs } = audit([...turn(2, 5, 0), ...turn(3, 900, 1)], 2, 2)
  expect(problems).toEqual([])
  expect(cutOff).toBeUndefined()
  expect(handOversMs).toEqual([])
})

test.each<[string, readonly Entry[], number, number | undefined]>([
  ['an increment is lost', [...turn(1, 5, 0), ...turn(2, 6, 0)], 1, undefined],
  ['the counter has been changed at the end', turn(1, 5, 0), 2, undefined],
  [
    'two turns overlap',
    [cutShort(1, 5, 0), cutShort(2, 6, 0), turn(1, 5, 0)[1], turn(2, 6, 0)[1]],
    1,
    undefined,
  ],
  ['a token comes twice', [...turn(1, 5, 0), ...turn(2, 5, 1)], 2, undefined],
  ['a token goes back', [...turn(1, 6, 0), ...turn(2, 5, 1)], 2, undefined],
  ['a worker that was not killed left a turn open', [cutShort(1, 5, 0), ...turn(2, 6, 0)], 1, 2],
  ['the killed worker left two turns open', [cutShort(2, 5, 0), cutShort(2, 6, 0), ...turn(1, 7, 0)], 1, 2],
  [
    'the write of the killed worker came after the next turn began',
    [cutShort(2, 5, 0), ...turn(1, 6, 0)],
    2,
    2,
  ],
  ['the first turn did not find 0', turn(1, 5, 3), 4, undefined],
])('it finds out when %s', (_, journal, counter, killed) => {
  expect(audit(journal, counter, killed).problems).not.toEqual([])
})
