import { expect, test } from 'vitest'
import { changesBetween, changesText } from '../../bench/compare.js'
import { runOf, samplesOf } from './results.js'

const probe = (rates: readonly number[]): ReturnType<typeof samplesOf> =>
  samplesOf('get-64', 'lean-probe', rates)
const ours = (rates: readonly number[]): ReturnType<typeof samplesOf> =>
  samplesOf('get-64', 'latchkey', rates)

test('a machine twice as slow changes nothing', () => {
  const base = runOf([...ours([90, 100, 110]), ...probe([100, 100, 100])])
  const run = runOf([...ours([45, 50, 55]), ...probe([50, 50, 50])])
  const changes = changesBetween(base, run)
  expect(changes.map(({ verdict }) => verdict)).toEqual(changes.map(() => 'within the spread'))
  expect(changes.find(({ what }) => what.startsWith('rate'))).toMatchObject({ before: 1, after: 1 })
})

test('what is beyond all rounds of the other is told, with its direction', () => {
  const base = runOf([...ours([90, 100, 110]), ...probe([100, 100, 100])])
  const run = runOf([...ours([140, 150, 160]), ...probe([100, 100, 100])])
  const verdict = (what: string, changes = changesBetween(base, run)): string | undefined =>
    changes.find((change) => change.what === what)?.verdict
  expect(verdict('rate ÷ lean-probe')).toBe('better')
  expect(verdict('p50 ÷ lean-probe')).toBe('better')
  expect(verdict('requests')).toBe('within the spread')
  expect(verdict('rate ÷ lean-probe', changesBetween(run, base))).toBe('worse')
})

test('the reference is one that took part in both runs', () => {
  const curator = samplesOf('get-64', 'curator', [50, 50, 50])
  const base = runOf([...ours([100, 100, 100]), ...probe([100, 100, 100]), ...curator])
  const run = runOf([...ours([100, 100, 100]), ...curator])
  expect(changesBetween(base, run).map(({ what }) => what)).toContain('rate ÷ curator')
})

test('without a scenario in common it says so', () => {
  const base = runOf(ours([1]))
  const run = runOf(samplesOf('set-64', 'latchkey', [1]))
  expect(changesText(base, run)).toContain('no scenario and reference in common')
})
