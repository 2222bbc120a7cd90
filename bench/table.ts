/** The results as Markdown: a table a scenario, with ratios against the probe taken round by round. */
import type { Header } from './header.js'
import type { Results, Sample } from './run.js'
import type { Scenario } from './scenarios.js'
import { median, spread } from './statistics.js'

const LIMIT = 'lean-probe'

export type MeasuredKey = 'opsPerSecond' | 'cpuUs' | 'p50Us'

export function headerText(header: Header): string {
  const pairs = Object.entries(header.versions).map(([name, version]) => `${name} ${version}`)
  const lacking = Object.entries(header.missing).map(([name, reason]) => `${name} is missing: ${reason}`)
  return [
    `${header.date}, commit ${header.commit}, Node ${header.node}`,
    `${header.machine}; load ${header.load} before the start`,
    `against ${header.servers}`,
    `${header.rounds} rounds after ${header.warmUp} to warm up, scale ${header.scale}; ${pairs.join(', ')}`,
    ...lacking,
  ]
    .map((line) => `- ${line}`)
    .join('\n')
}

export function scenarioText(scenario: Scenario, { samples, gaps }: Results): string {
  const mine = samples.filter((sample) => sample.scenario === scenario.name)
  const names = [...new Set(mine.map(({ subject }) => subject))]
  const rows = names.map((name) => row(name, mine))
  const without = gaps.filter((gap) => gap.scenario === scenario.name)
  return [
    `### ${scenario.title}`,
    '',
    '| subject | ops/s | × probe | CPU µs/op | × probe | p50 µs | p99 µs | requests/op | spread |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    ...without.map(({ subject, reason }) => `| ${subject} | ${reason} | | | | | | | |`),
  ].join('\n')
}

function row(name: string, samples: readonly Sample[]): string {
  const own = samples.filter(({ subject }) => subject === name)
  const of = (key: 'opsPerSecond' | 'cpuUs' | 'p50Us' | 'p99Us' | 'requests'): number[] =>
    own.map((sample) => sample[key])
  const cells = [
    name,
    round(median(of('opsPerSecond'))),
    ratioText(samples, name, LIMIT, 'opsPerSecond'),
    median(of('cpuUs')).toFixed(1),
    ratioText(samples, name, LIMIT, 'cpuUs'),
    round(median(of('p50Us'))),
    round(median(of('p99Us'))),
    median(of('requests')).toFixed(2),
    `${(spread(of('opsPerSecond')) * 100).toFixed(0)}%`,
  ]
  return `| ${cells.join(' | ')} |`
}

const round = (value: number): string => Math.round(value).toLocaleString('en')

function ratioText(
  samples: readonly Sample[],
  name: string,
  base: string,
  key: 'opsPerSecond' | 'cpuUs',
): string {
  const value = ratio(samples, name, base, key)
  return value === undefined ? '' : value.toFixed(2)
}

/** The median of the ratios of each round: what slows a round down slows both. Undefined if one did not run. */
export function ratio(
  samples: readonly Sample[],
  name: string,
  base: string,
  key: MeasuredKey,
): number | undefined {
  const ratios = samples
    .filter(({ subject }) => subject === name)
    .flatMap((sample) => {
      const other = samples.find(({ subject, round }) => subject === base && round === sample.round)
      return other === undefined ? [] : [sample[key] / other[key]]
    })
  return ratios.length === 0 ? undefined : median(ratios)
}
