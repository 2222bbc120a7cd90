import { expect, test } from 'vitest'
import { linesOf, runsIn } from '../../bench/records.js'
import { header, samplesOf } from './results.js'

test('what is written is read back, run by run', () => {
  const samples = samplesOf('get-64', 'latchkey', [1, 2])
  const gap = { kind: 'gap', scenario: 'get-64', subject: 'curator', reason: 'why' } as const
  const weight = {
    kind: 'weight',
    scenario: 'memory-watches',
    subject: 'latchkey',
    round: 0,
    count: 10,
    bytes: 20,
  } as const
  const text = linesOf([header, ...samples, gap]) + linesOf([{ ...header, commit: 'bbbbbbb' }, weight])
  expect(runsIn(text)).toEqual([
    { header, samples, gaps: [gap], counts: [], weights: [] },
    { header: { ...header, commit: 'bbbbbbb' }, samples: [], gaps: [], counts: [], weights: [weight] },
  ])
})

test('results without a header are refused', () => {
  expect(() => runsIn(linesOf(samplesOf('get-64', 'latchkey', [1])))).toThrow('before any header')
})
