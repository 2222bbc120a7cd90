/**
 * Which runs the page shows: for each scenario the newest one that measured it with every subject that could be
 * run. Runs of chosen subjects (`--subjects`) are kept in the history and not shown.
 */
import type { Run } from './records.js'

export interface Chosen {
  readonly run: Run
  /** Scenarios, `waiters` for the counts, and `requests` for the costs. */
  readonly names: readonly string[]
}

export const WAITERS = 'waiters'
export const REQUESTS = 'requests'

/** The newest first. */
export function chooseRuns(runs: readonly Run[]): Chosen[] {
  const shown = new Set<string>()
  const chosen: Chosen[] = []
  for (const run of runs.filter(({ header }) => header.subjects === undefined).toReversed()) {
    const names = namesIn(run).filter((name) => !shown.has(name))
    for (const name of names) shown.add(name)
    if (names.length > 0) chosen.push({ run, names })
  }
  return chosen
}

function namesIn({ samples, counts, weights, costs = [] }: Run): string[] {
  const names = [...samples, ...weights].map(({ scenario }) => scenario)
  return [
    ...new Set([...names, ...(counts.length > 0 ? [WAITERS] : []), ...(costs.length > 0 ? [REQUESTS] : [])]),
  ]
}
