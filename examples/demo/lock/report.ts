/** What is said of the lock at the end. */
import type { Audit } from './audit.js'
import type { Verdict } from '../act.js'
import type { Fleet } from '../fleet.js'
import type { Grant, Kill } from './kill-holder.js'

export interface Run {
  readonly fleet: Fleet
  readonly kill: Kill
  /** The first grant after the kill. */
  readonly next: Grant
  readonly counter: number
  readonly sessionTimeoutMs: number
  readonly audit: Audit
}

function percentile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
  return `${value.toFixed(1)} ms`
}

/** How the counter and the acquisitions add up. */
function account({ turns, cutOff }: Audit, counter: number): string {
  if (cutOff === undefined) return `${counter}, and ${turns.length} acquisitions`
  if (cutOff.written)
    return `${counter}, and ${turns.length} acquisitions (the last one of the killed worker had just written)`
  return `${counter}, and ${turns.length} acquisitions, of which 1 was killed before its write`
}

export function verdictOf({ fleet, kill, next, counter, sessionTimeoutMs, audit }: Run): Verdict {
  const handOvers = [...audit.handOversMs].sort((a, b) => a - b)
  const turnsOf = (number: number): number =>
    audit.turns.filter(({ begin }) => begin.worker === number).length
  const rows: [string, string][] = fleet.workers.map((worker) => [
    `worker ${worker.number}`,
    `${turnsOf(worker.number)} acquisitions${worker === kill.worker ? ', then SIGKILL' : ''}`,
  ])
  rows.push(
    [
      'hand-over',
      `p50 ${percentile(handOvers, 0.5)}, p99 ${percentile(handOvers, 0.99)}, max ${percentile(handOvers, 1)}`,
    ],
    [
      'after SIGKILL',
      `next grant in ${((next.atUs - kill.atUs) / 1000).toFixed(0)} ms (session timeout ${sessionTimeoutMs} ms)`,
    ],
    [
      'fencing tokens',
      `${audit.turns[0]?.begin.fence} … ${kill.fence} (killed), ${next.fence} … ${audit.turns.at(-1)?.begin.fence}`,
    ],
    ['counter', account(audit, counter)],
  )
  const claim = 'No increment was lost, and every fencing token is larger than the one before.'
  return { rows, problems: audit.problems, claim }
}
