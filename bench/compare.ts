/**
 * What changed between two runs of a bench. Not times, which drift with the machine: ratios against the reference of the
 * same run (the probe, else a peer), and counts of requests. A difference is one only where each median is beyond all
 * rounds of the other; else it is within the spread.
 */
import type { Run, Sample } from './records.js'
import { differs, median } from './statistics.js'
import { ratios, referenceOf, type MeasuredKey } from './table.js'

export interface Change {
  readonly scenario: string
  readonly subject: string
  readonly what: string
  readonly before: number
  readonly after: number
  readonly verdict: 'better' | 'worse' | 'within the spread'
}

const KEYS: readonly (readonly [MeasuredKey, string, 'more' | 'less'])[] = [
  ['opsPerSecond', 'rate', 'more'],
  ['p50Us', 'p50', 'less'],
  ['p99Us', 'p99', 'less'],
  ['cpuUs', 'CPU', 'less'],
]

/** A ping more or less in a round of requests. */
const NOTHING = 0.01

export function changesBetween(base: Run, run: Run): Change[] {
  const scenarios = [...new Set(run.samples.map(({ scenario }) => scenario))]
  return scenarios.flatMap((scenario) => {
    const before = base.samples.filter((sample) => sample.scenario === scenario)
    const after = run.samples.filter((sample) => sample.scenario === scenario)
    const ours = [...new Set(after.map(({ subject }) => subject))].filter((name) =>
      name.startsWith('latchkey'),
    )
    return ours.flatMap((subject) => [
      ...againstReference(scenario, subject, before, after),
      ...requestsOf(scenario, subject, before, after),
    ])
  })
}

function againstReference(
  scenario: string,
  subject: string,
  before: readonly Sample[],
  after: readonly Sample[],
): Change[] {
  // One that took part in both.
  const reference = referenceOf(before.filter((one) => after.some((other) => other.subject === one.subject)))
  if (reference === undefined || reference === subject) return []
  return KEYS.flatMap(([key, what, better]) => {
    const name = `${what} ÷ ${reference}`
    const values = [ratios(before, subject, reference, key), ratios(after, subject, reference, key)] as const
    return changeOf({ scenario, subject, what: name }, values, better)
  })
}

function requestsOf(
  scenario: string,
  subject: string,
  before: readonly Sample[],
  after: readonly Sample[],
): Change[] {
  const of = (samples: readonly Sample[]): number[] =>
    samples.filter((sample) => sample.subject === subject).map(({ requests }) => requests)
  return changeOf({ scenario, subject, what: 'requests' }, [of(before), of(after)], 'less')
}

function changeOf(
  what: Pick<Change, 'scenario' | 'subject' | 'what'>,
  [before, after]: readonly [readonly number[], readonly number[]],
  better: 'more' | 'less',
): Change[] {
  if (before.length === 0 || after.length === 0) return []
  const [was, is] = [median(before), median(after)]
  const improved = better === 'more' ? is > was : is < was
  const isSame = Math.abs(is / was - 1) < NOTHING || !differs(before, after)
  const verdict = isSame ? 'within the spread' : improved ? 'better' : 'worse'
  return [{ ...what, before: was, after: is, verdict }]
}

export function changesText(base: Run, run: Run): string {
  const changes = changesBetween(base, run)
  const title = `### ${run.header.bench}: ${name(base)} → ${name(run)}`
  if (changes.length === 0) return `${title}\n\nThese runs have no scenario and reference in common.`
  return [
    title,
    '',
    '| scenario | subject | what | before | after | change | |',
    '| --- | --- | --- | ---: | ---: | ---: | --- |',
    ...changes.map(
      ({ scenario, subject, what, before, after, verdict }) =>
        `| ${scenario} | ${subject} | ${what} | ${before.toFixed(2)} | ${after.toFixed(2)} | ${percent(after / before - 1)} | ${verdict} |`,
    ),
  ].join('\n')
}

const name = ({ header }: Run): string =>
  `${header.commit} (${header.date.slice(0, 16)}, load ${header.load})`
const percent = (share: number): string => `${share < 0 ? '' : '+'}${(share * 100).toFixed(0)}%`
