/** Where another client is ahead of ours: by rate, CPU or median latency. What is within the spread is said to be so. */
import { markdownTable } from './markdown.js'
import { reasons } from './reasons.js'
import type { Run, Sample } from './records.js'
import { median } from './statistics.js'
import { ratios, type MeasuredKey } from './table.js'

export interface Loss {
  readonly scenario: string
  readonly peer: string
  readonly what: string
  /** Ours over theirs, the median of the rounds. */
  readonly ratio: number
  /** In some rounds ours was ahead. */
  readonly withinSpread: boolean
  readonly why: string
}

const KEYS: readonly (readonly [MeasuredKey, string, boolean])[] = [
  ['opsPerSecond', 'rate', true],
  ['p50Us', 'p50', false],
  ['cpuUs', 'CPU', false],
]

/** Not clients of their own, or not for use. */
const isPeer = (subject: string): boolean => !/^latchkey|^lean-probe$|server/.test(subject)

export function lossesIn({ samples }: Pick<Run, 'samples'>, names: readonly string[]): Loss[] {
  return names.flatMap((scenario) => {
    const mine = samples.filter((sample) => sample.scenario === scenario)
    const peers = [...new Set(mine.map(({ subject }) => subject))].filter(isPeer)
    return peers.flatMap((peer) => KEYS.flatMap((key) => lossTo(mine, scenario, peer, key)))
  })
}

function lossTo(
  samples: readonly Sample[],
  scenario: string,
  peer: string,
  [key, what, moreIsBetter]: (typeof KEYS)[number],
): Loss[] {
  const all = ratios(samples, 'latchkey', peer, key)
  const ahead = (value: number): boolean => (moreIsBetter ? value >= 1 : value <= 1)
  if (all.length === 0 || ahead(median(all))) return []
  const why = reasons[`${scenario} ${peer}`] ?? reasons[scenario] ?? 'not explained yet'
  return [{ scenario, peer, what, ratio: median(all), withinSpread: all.some(ahead), why }]
}

export function lossesText(losses: readonly Loss[]): string {
  if (losses.length === 0) return 'Nowhere in these runs.'
  return markdownTable(
    ['scenario', 'peer', 'in', 'ours ÷ theirs:', 'in every round', 'why'],
    losses.map(({ scenario, peer, what, ratio, withinSpread, why }) => [
      scenario,
      peer,
      what,
      ratio.toFixed(2),
      withinSpread ? 'no: within the spread' : 'yes',
      why,
    ]),
  )
}
