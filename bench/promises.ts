/** The targets, as ratios within one run. */
import type { Sample } from './records.js'
import type { MeasuredKey } from './table.js'

export interface Promised {
  readonly scenario: string
  readonly what: string
  /** Default `latchkey`. */
  readonly subject?: string
  /** The ratio of `key` to that of this subject … */
  readonly against?: string
  /** … in the same scenario, unless another is named. */
  readonly inScenario?: string
  readonly key?: MeasuredKey
  /** Instead of a ratio. */
  readonly of?: (sample: Sample) => number
  readonly atMost?: number
  readonly atLeast?: number
  /** After the point. Default 2. */
  readonly digits?: number
}

const rate = (scenario: string, against: string, atLeast: number): Promised => ({
  scenario,
  what: `rate against ${against}`,
  against,
  key: 'opsPerSecond',
  atLeast,
})

const cpu = (against: string, atMost: number): Promised => ({
  scenario: 'get-64',
  what: `CPU against ${against}`,
  against,
  key: 'cpuUs',
  atMost,
})

export const promised: readonly Promised[] = [
  cpu('lean-probe', 1.25),
  cpu('node-zookeeper-client', 0.5),
  cpu('npm zookeeper', 0.25),
  rate('get-64', 'lean-probe', 0.95),
  rate('set-64', 'lean-probe', 0.95),
  rate('create-delete-64', 'lean-probe', 0.95),
  // Taking 1.05 times as long.
  rate('mutex-free', 'lean-probe', 1 / 1.05),
  rate('mutex-free', 'curator', 1.3),
  {
    scenario: 'mutex-not-awaited',
    what: "rate against curator's free lock",
    against: 'curator',
    inScenario: 'mutex-free',
    key: 'opsPerSecond',
    atLeast: 1.8,
  },
  rate('mutex-biased', 'curator', 100),
  rate('contention-16', 'curator', 1.8),
  {
    scenario: 'contention-16',
    what: "rate against the probe's delete → event",
    against: 'lean-probe',
    inScenario: 'delete-event',
    key: 'opsPerSecond',
    // Taking 1.2 times as long.
    atLeast: 1 / 1.2,
  },
  rate('semaphore-free', 'curator', 1.3),
  rate('semaphore-16', 'curator', 1.3),
  rate('queue-1x1', 'curator', 5),
  rate('queue-1x1', 'kazoo', 10),
  rate('queue-1x1-64', 'curator', 5),
  rate('queue-1x1-64', 'kazoo', 10),
  rate('queue-4x4', 'curator', 5),
  rate('queue-4x4', 'kazoo', 10),
  rate('counter-free', 'curator', 1.3),
  rate('counter-4', 'curator', 1.3),
  rate('barrier-2', 'curator', 1.3),
  rate('barrier-8', 'curator', 1.3),
  {
    scenario: 'leader-hand-over',
    what: 'time (p50) against curator',
    against: 'curator',
    key: 'p50Us',
    atMost: 1 / 1.3,
  },
  {
    scenario: 'fail-over',
    what: 'ticks beyond the session timeout',
    of: ({ p50Us }) => (p50Us / 1e3 - 4_000) / 2_000,
    atMost: 2,
  },
  {
    scenario: 'server-get-64',
    subject: 'embedded server',
    what: 'rate against one real server',
    against: 'one real server',
    key: 'opsPerSecond',
    atLeast: 3,
  },
  {
    scenario: 'server-set-64',
    subject: 'embedded server',
    what: 'rate against one real server',
    against: 'one real server',
    key: 'opsPerSecond',
    atLeast: 3,
  },
  {
    scenario: 'server-start',
    subject: 'embedded server',
    what: 'milliseconds from the call until it takes connections',
    of: ({ p50Us }) => p50Us / 1e3,
    atMost: 50,
    digits: 0,
  },
  {
    scenario: 'leader-hand-over',
    what: 'time (p50) against a delete',
    against: 'latchkey',
    inScenario: 'delete',
    key: 'p50Us',
    atMost: 1.5,
  },
]
