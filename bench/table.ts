/** The results as Markdown: a table a scenario, with ratios against its reference taken round by round. */
import { REQUESTS, WAITERS } from './choose.js'
import type { Header } from './header.js'
import type { Run, Sample } from './records.js'
import type { Scenario } from './scenarios.js'
import { median, spread } from './statistics.js'

/** What ratios are taken against: the first of these that took part. The probe is the limit, the others are peers. */
const REFERENCES = ['lean-probe', 'one real server', 'curator', 'kazoo', 'node-zookeeper-client']

export type MeasuredKey = 'opsPerSecond' | 'cpuUs' | 'p50Us' | 'p99Us' | 'requests'

export function referenceOf(samples: readonly Sample[]): string | undefined {
  return REFERENCES.find((name) => samples.some(({ subject }) => subject === name))
}

/** What is counted needs no rounds. */
function roundsText({ bench, rounds, warmUp }: Header): string {
  if (bench === REQUESTS || bench === WAITERS) return 'counted once'
  return `${rounds} rounds after ${warmUp} to warm up`
}

export function headerText(header: Header): string {
  const pairs = Object.entries(header.versions).map(([name, version]) => `${name} ${version}`)
  const lacking = Object.entries(header.missing).map(([name, reason]) => `${name} is missing: ${reason}`)
  const after = header.loadAfter === undefined ? '' : `, ${header.loadAfter} at the end`
  const what = pairs.length === 0 ? '' : `; ${pairs.join(', ')}`
  return [
    `${header.date}, commit ${header.commit}, Node ${header.node}`,
    `${header.machine}; load ${header.load} before the start${after}`,
    `against ${header.servers}`,
    `${roundsText(header)}, scale ${header.scale}${what}`,
    ...lacking,
  ]
    .map((line) => `- ${line}`)
    .join('\n')
}

export function scenarioText(scenario: Scenario, { samples, gaps }: Pick<Run, 'samples' | 'gaps'>): string {
  const mine = samples.filter((sample) => sample.scenario === scenario.name)
  const base = referenceOf(mine)
  const against = base === undefined ? '' : `× ${base === 'lean-probe' ? 'probe' : base}`
  const names = [...new Set(mine.map(({ subject }) => subject))]
  const without = gaps.filter((gap) => gap.scenario === scenario.name)
  return [
    `#### ${scenario.title}`,
    '',
    `| subject | ops/s | ${against} | CPU µs/op | ${against} | p50 µs | p99 µs | requests/op | spread |`,
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...names.map((name) => row(name, mine, base)),
    ...without.map(({ subject, reason }) => `| ${subject} | ${reason} | | | | | | | |`),
  ].join('\n')
}

function row(name: string, samples: readonly Sample[], base: string | undefined): string {
  const own = samples.filter(({ subject }) => subject === name)
  const of = (key: MeasuredKey): number[] => own.map((sample) => sample[key])
  const rate = median(of('opsPerSecond'))
  const cells = [
    name,
    rate < 10 ? rate.toFixed(2) : round(rate),
    ratioText(samples, name, base, 'opsPerSecond'),
    unlessNone(median(of('cpuUs')), 1),
    ratioText(samples, name, base, 'cpuUs'),
    round(median(of('p50Us'))),
    round(median(of('p99Us'))),
    unlessNone(median(of('requests')), 2),
    `${(spread(of('opsPerSecond')) * 100).toFixed(0)}%`,
  ]
  return `| ${cells.join(' | ')} |`
}

/** Zero is what was not counted. */
const unlessNone = (value: number, digits: number): string => (value === 0 ? '' : value.toFixed(digits))

export const round = (value: number): string => Math.round(value).toLocaleString('en')

function ratioText(
  samples: readonly Sample[],
  name: string,
  base: string | undefined,
  key: MeasuredKey,
): string {
  const value = base === undefined ? undefined : ratio(samples, name, base, key)
  return value === undefined ? '' : value.toFixed(2)
}

/** Of one scenario, round by round: what slows a round down slows both. Empty if one did not run, or was not counted. */
export function ratios(
  samples: readonly Sample[],
  name: string,
  base: string,
  key: MeasuredKey,
): readonly number[] {
  return samples
    .filter(({ subject }) => subject === name)
    .flatMap((sample) => {
      const other = samples.find(({ subject, round }) => subject === base && round === sample.round)
      return other === undefined ? [] : [sample[key] / other[key]]
    })
    .filter(Number.isFinite)
}

/** The median of those. Undefined if one did not run. */
export function ratio(
  samples: readonly Sample[],
  name: string,
  base: string,
  key: MeasuredKey,
): number | undefined {
  const all = ratios(samples, name, base, key)
  return all.length === 0 ? undefined : median(all)
}
