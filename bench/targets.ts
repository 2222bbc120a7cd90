/** What was promised, and whether this run keeps it. */
import type { Sample } from './run.js'
import { ratio, type MeasuredKey } from './table.js'

interface Promised {
  readonly scenario: string
  readonly what: string
  readonly against: string
  readonly key: MeasuredKey
  readonly atMost?: number
  readonly atLeast?: number
}

const promised: readonly Promised[] = [
  { scenario: 'get-64', what: 'CPU', against: 'lean-probe', key: 'cpuUs', atMost: 1.25 },
  { scenario: 'get-64', what: 'CPU', against: 'node-zookeeper-client', key: 'cpuUs', atMost: 0.5 },
  { scenario: 'get-64', what: 'CPU', against: 'npm zookeeper', key: 'cpuUs', atMost: 0.25 },
  { scenario: 'get-64', what: 'throughput', against: 'lean-probe', key: 'opsPerSecond', atLeast: 0.95 },
  { scenario: 'set-64', what: 'throughput', against: 'lean-probe', key: 'opsPerSecond', atLeast: 0.95 },
  {
    scenario: 'create-delete-64',
    what: 'throughput',
    against: 'lean-probe',
    key: 'opsPerSecond',
    atLeast: 0.95,
  },
  // Taking 1.05 times as long.
  { scenario: 'mutex-free', what: 'rate', against: 'lean-probe', key: 'opsPerSecond', atLeast: 1 / 1.05 },
  { scenario: 'mutex-free', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 1.3 },
  { scenario: 'mutex-biased', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 100 },
  { scenario: 'semaphore-free', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 1.3 },
  { scenario: 'semaphore-16', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 1.3 },
  { scenario: 'queue-1x1', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 5 },
  { scenario: 'queue-1x1', what: 'rate', against: 'kazoo', key: 'opsPerSecond', atLeast: 10 },
  { scenario: 'queue-1x1-64', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 5 },
  { scenario: 'queue-1x1-64', what: 'rate', against: 'kazoo', key: 'opsPerSecond', atLeast: 10 },
  { scenario: 'queue-4x4', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 5 },
  { scenario: 'queue-4x4', what: 'rate', against: 'kazoo', key: 'opsPerSecond', atLeast: 10 },
  { scenario: 'counter-free', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 1.3 },
  { scenario: 'counter-4', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 1.3 },
  { scenario: 'barrier-2', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 1.3 },
  { scenario: 'barrier-8', what: 'rate', against: 'curator', key: 'opsPerSecond', atLeast: 1.3 },
  { scenario: 'leader-hand-over', what: 'time (p50)', against: 'curator', key: 'p50Us', atMost: 1 / 1.3 },
]

export function targetsText(samples: readonly Sample[]): string {
  const lines = promised.flatMap(({ scenario, what, against, key, atMost, atLeast }) => {
    const mine = samples.filter((sample) => sample.scenario === scenario)
    const value = ratio(mine, 'latchkey', against, key)
    if (value === undefined) return []
    const met = value <= (atMost ?? Infinity) && value >= (atLeast ?? 0)
    const bound = atMost === undefined ? `≥ ${(atLeast ?? 0).toFixed(2)}` : `≤ ${atMost.toFixed(2)}`
    return [
      `| ${scenario} | ${what} against ${against} | ${bound} | ${value.toFixed(2)} | ${met ? 'yes' : '**no**'} |`,
    ]
  })
  if (lines.length === 0) return ''
  return [
    '### Targets',
    '',
    '| scenario | what | target | measured | met |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}
