/** What the demo says at the end. */
import type { Audit } from './audit.js'
import type { Fleet, Grant } from './fleet.js'
import type { Kill } from './kill-holder.js'

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

export function printReport({ fleet, kill, next, counter, sessionTimeoutMs, audit }: Run): void {
  const handOvers = [...audit.handOversMs].sort((a, b) => a - b)
  const turnsOf = (number: number): number =>
    audit.turns.filter(({ begin }) => begin.worker === number).length
  const rows: [string, string][] = fleet.workers.map((worker) => [
    `worker ${worker.number}`,
    `${turnsOf(worker.number)} acquisitions${worker.killed ? ', then SIGKILL' : ''}`,
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
  console.log(`\n${rows.map(([name, value]) => `  ${name.padEnd(15)} ${value}`).join('\n')}\n`)
  for (const problem of audit.problems.slice(0, 20)) console.log(`  wrong: ${problem}`)
  console.log(
    audit.problems.length === 0
      ? 'No increment was lost, and every fencing token is larger than the one before.'
      : `${audit.problems.length} problems: the lock failed.`,
  )
}
