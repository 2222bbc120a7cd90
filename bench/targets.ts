/** What was promised, and whether a run keeps it. */
import { promised, type Promised } from './promises.js'
import type { Sample } from './records.js'
import { ratio } from './table.js'
import { median } from './statistics.js'

export interface Verdict {
  readonly scenario: string
  readonly what: string
  readonly target: string
  readonly measured: string
  readonly met: boolean
}

export function verdictsOn(samples: readonly Sample[]): Verdict[] {
  return promised.flatMap((each) => {
    const value = valueOf(each, samples)
    if (value === undefined) return []
    const { atMost, atLeast, digits = 2 } = each
    return [
      {
        scenario: each.scenario,
        what: each.what,
        target: atMost === undefined ? `≥ ${(atLeast ?? 0).toFixed(digits)}` : `≤ ${atMost.toFixed(digits)}`,
        measured: value.toFixed(digits),
        met: value <= (atMost ?? Infinity) && value >= (atLeast ?? 0),
      },
    ]
  })
}

function valueOf(each: Promised, samples: readonly Sample[]): number | undefined {
  const { subject = 'latchkey', against, key, of } = each
  const mine = samples.filter(({ scenario }) => scenario === each.scenario)
  const own = mine.filter((sample) => sample.subject === subject)
  if (own.length === 0) return undefined
  if (of !== undefined) return median(own.map(of))
  if (against === undefined || key === undefined) return undefined
  if (each.inScenario === undefined) return ratio(mine, subject, against, key)
  // Of two scenarios, whose rounds were not interleaved: of the medians.
  const other = samples.filter((sample) => sample.scenario === each.inScenario && sample.subject === against)
  if (other.length === 0) return undefined
  return median(own.map((sample) => sample[key])) / median(other.map((sample) => sample[key]))
}

/** Promised, and in none of these. */
export function unmeasured(verdicts: readonly Verdict[]): string[] {
  return promised
    .filter(
      ({ scenario, what }) => !verdicts.some((each) => each.scenario === scenario && each.what === what),
    )
    .map(({ scenario, what }) => `${scenario} (${what})`)
}

export function verdictsText(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return ''
  return [
    '| scenario | what | target | measured | met |',
    '| --- | --- | --- | --- | --- |',
    ...verdicts.map(
      ({ scenario, what, target, measured, met }) =>
        `| ${scenario} | ${what} | ${target} | ${measured} | ${met ? 'yes' : '**no**'} |`,
    ),
  ].join('\n')
}
