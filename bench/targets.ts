/** What was promised, and whether a run keeps it. */
import { markdownTable } from './markdown.js'
import { promised, type Promised } from './promises.js'
import type { Sample } from './records.js'
import { ratios } from './table.js'
import { median } from './statistics.js'

export interface Verdict {
  readonly scenario: string
  readonly what: string
  readonly target: string
  readonly measured: string
  readonly met: boolean
  /** In each round alike. */
  readonly sure: boolean
}

export function verdictsOn(samples: readonly Sample[]): Verdict[] {
  return promised.flatMap((each) => {
    const values = valuesOf(each, samples)
    if (values.length === 0) return []
    const { scenario, what, atMost, atLeast, digits = 2 } = each
    const keeps = (value: number): boolean => value <= (atMost ?? Infinity) && value >= (atLeast ?? 0)
    const met = keeps(median(values))
    const target =
      atMost === undefined ? `≥ ${(atLeast ?? 0).toFixed(digits)}` : `≤ ${atMost.toFixed(digits)}`
    const measured = median(values).toFixed(digits)
    return [{ scenario, what, target, measured, met, sure: values.every((value) => keeps(value) === met) }]
  })
}

/** Round by round. Empty if it was not measured. */
function valuesOf(each: Promised, samples: readonly Sample[]): readonly number[] {
  const { subject = 'latchkey', against, key, of } = each
  const mine = samples.filter(({ scenario }) => scenario === each.scenario)
  const own = mine.filter((sample) => sample.subject === subject)
  if (of !== undefined) return own.map(of)
  if (against === undefined || key === undefined) return []
  if (each.inScenario === undefined) return ratios(mine, subject, against, key)
  // Of another scenario, whose rounds were not interleaved with these.
  const other = samples.filter((sample) => sample.scenario === each.inScenario && sample.subject === against)
  const base = median(other.map((sample) => sample[key]))
  return other.length === 0 ? [] : own.map((sample) => sample[key] / base)
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
  return markdownTable(
    ['scenario', 'what', 'target', 'measured', 'met'],
    verdicts.map(({ scenario, what, target, measured, met, sure }) => [
      scenario,
      what,
      target,
      measured,
      `${met ? 'yes' : '**no**'}${sure ? '' : ', within the spread'}`,
    ]),
  )
}
