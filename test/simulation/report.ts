/** What a campaign says at its end. */
import type { CampaignResult, Tally } from './campaign.js'
import { emptyTally } from './campaign.js'

const HOUR_MS = 3_600_000

/** Of all recipes together. */
export function total({ tallies }: CampaignResult): Tally {
  const sum = emptyTally()
  for (const tally of tallies.values()) {
    sum.runs += tally.runs
    sum.acquisitions += tally.acquisitions
    sum.simulatedMs += tally.simulatedMs
    sum.cpuMs += tally.cpuMs
    for (const [kind, count] of tally.faults) sum.faults.set(kind, (sum.faults.get(kind) ?? 0) + count)
  }
  return sum
}

export function faultsOf({ faults }: Tally): number {
  return [...faults.values()].reduce((sum, count) => sum + count, 0)
}

/** Acquisitions per second of one core. */
export function rateOf({ acquisitions, cpuMs }: Tally): number {
  return cpuMs === 0 ? 0 : (acquisitions / cpuMs) * 1000
}

function row(name: string, tally: Tally): string {
  const cells = [
    tally.runs,
    tally.acquisitions,
    faultsOf(tally),
    Math.round(tally.simulatedMs / HOUR_MS),
    Math.round(rateOf(tally)),
  ]
  return `${name.padEnd(24)}${cells.map((cell) => cell.toLocaleString('en').padStart(14)).join('')}`
}

/** That not all was run, and how much was. */
export function cutOff({ planned, left }: CampaignResult): string {
  return `cut off by its time limit (or ten failures): ${planned - left} of ${planned} runs`
}

export function reportOf(result: CampaignResult): string {
  const heads = ['runs', 'acquisitions', 'faults', 'hours', 'per core, /s']
  const all = total(result)
  const kinds = [...all.faults]
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`)
  return [
    `${'recipe'.padEnd(24)}${heads.map((head) => head.padStart(14)).join('')}`,
    ...[...result.tallies].map(([recipe, tally]) => row(recipe, tally)),
    row('all', all),
    `faults: ${kinds.join(', ')}`,
    `${result.failures.length} violations`,
    ...(result.left > 0 ? [cutOff(result)] : []),
  ].join('\n')
}
