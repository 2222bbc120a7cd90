/** What is run, how often and how much of it at once. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** One of workloads.ts. */
  readonly workload: string
  readonly operations: number
  /** Of the other clients, where an operation takes them a hundred times as long. Default: as many. */
  readonly peersOperations?: number
  /** In each process. */
  readonly inFlight: number
  /** How many processes share the operations, each with its own connection. Default 1. */
  readonly processes?: number
  /** How many more take from the queue what those put. */
  readonly consumers?: number
  /** What its plot shows. Default `rate`; `time` where an operation is waited for. */
  readonly shows?: 'rate' | 'time'
}

export type BenchName =
  | 'client'
  | 'watch'
  | 'mutex'
  | 'contention'
  | 'semaphore'
  | 'leader'
  | 'fail-over'
  | 'queue'
  | 'counter'
  | 'barrier'
  | 'server'
  | 'memory'
  | 'context'

export const scenarios: Readonly<Record<BenchName, readonly Scenario[]>> = {
  client: [
    { name: 'get-64', title: 'getData, 64 in flight', workload: 'get', operations: 30_000, inFlight: 64 },
    { name: 'get-1', title: 'getData, one at a time', workload: 'get', operations: 3_000, inFlight: 1 },
    {
      name: 'mix-90-64',
      title: '90% getData, 10% setData, 64 in flight',
      workload: 'mix-90',
      operations: 10_000,
      inFlight: 64,
    },
    {
      name: 'mix-50-64',
      title: '50% getData, 50% setData, 64 in flight',
      workload: 'mix-50',
      operations: 6_000,
      inFlight: 64,
    },
    { name: 'set-1', title: 'setData, one at a time', workload: 'set', operations: 500, inFlight: 1 },
    { name: 'set-64', title: 'setData, 64 in flight', workload: 'set', operations: 6_000, inFlight: 64 },
    {
      name: 'create-delete-64',
      title: 'create + delete, 64 pairs in flight',
      workload: 'create-delete',
      operations: 3_000,
      inFlight: 64,
    },
    {
      name: 'create-delete-1',
      title: 'create + delete, one pair at a time',
      workload: 'create-delete',
      operations: 400,
      inFlight: 1,
    },
  ],
  mutex: [
    { name: 'mutex-free', title: 'free: acquire + release', workload: 'mutex', operations: 500, inFlight: 1 },
    {
      name: 'mutex-not-awaited',
      title: 'free: release not awaited before the next acquire',
      workload: 'mutex-not-awaited',
      operations: 500,
      inFlight: 1,
    },
    {
      name: 'mutex-8',
      title: '8 contenders in one process',
      workload: 'mutex',
      operations: 800,
      inFlight: 8,
    },
    {
      name: 'mutex-64',
      title: '64 contenders in one process',
      workload: 'mutex',
      operations: 800,
      inFlight: 64,
    },
    {
      name: 'mutex-biased',
      title: 'the same process again, nobody else: biased where it can be',
      workload: 'mutex-again',
      operations: 40_000,
      peersOperations: 400,
      inFlight: 1,
    },
    {
      name: 'mutex-biased-64',
      title: '64 contenders in one process, nobody else: biased where it can be',
      workload: 'mutex-again',
      operations: 40_000,
      peersOperations: 400,
      inFlight: 64,
    },
  ],
  // A write by one session, its event at another.
  watch: [
    {
      name: 'watch-1',
      title: 'setData → event at another session, one at a time',
      workload: 'watch',
      operations: 300,
      inFlight: 1,
      shows: 'time',
    },
    {
      name: 'watch-1000',
      title: '1,000 znodes watched, all are set: until the last event',
      workload: 'watch-all',
      operations: 1_000,
      inFlight: 1_000,
    },
  ],
  // Each process acquires and releases again and again.
  contention: [
    {
      name: 'delete-event',
      title: 'a delete until its event at another session, to compare with',
      workload: 'delete-event',
      operations: 300,
      inFlight: 1,
    },
    ...[2, 16, 64].map((processes) => ({
      name: `contention-${processes}`,
      title: `${processes} processes, one lock`,
      workload: 'mutex-shared',
      operations: processes === 2 ? 200 : processes === 16 ? 320 : 384,
      inFlight: 1,
      processes,
    })),
  ],
  // How long nobody leads once the leader's process is killed.
  'fail-over': [
    {
      name: 'fail-over',
      title: 'leader killed (SIGKILL) → next leader, session timeout 4,000 ms, tick 2,000 ms',
      workload: 'lead',
      operations: 1,
      inFlight: 1,
      processes: 2,
      shows: 'time',
    },
  ],
  // The same client, other servers.
  server: [
    {
      name: 'server-start',
      title: 'start, until it takes connections',
      workload: 'start',
      operations: 1,
      inFlight: 1,
      shows: 'time',
    },
    {
      name: 'server-get-64',
      title: 'getData, 64 in flight',
      workload: 'get',
      operations: 20_000,
      inFlight: 64,
    },
    {
      name: 'server-get-1',
      title: 'getData, one at a time',
      workload: 'get',
      operations: 2_000,
      inFlight: 1,
    },
    {
      name: 'server-set-64',
      title: 'setData, 64 in flight',
      workload: 'set',
      operations: 6_000,
      inFlight: 64,
    },
    {
      name: 'server-mutex',
      title: 'free mutex: acquire + release',
      workload: 'mutex',
      operations: 500,
      inFlight: 1,
    },
  ],
  // Locks that promise something else: see docs/benchmarks.md before comparing.
  context: [
    {
      name: 'context-free',
      title: 'free: acquire + release, beside locks that promise something else',
      workload: 'mutex',
      operations: 300,
      inFlight: 1,
    },
    {
      name: 'context-8',
      title: '8 contenders in one process, beside a lock that promises something else',
      workload: 'mutex',
      operations: 200,
      inFlight: 8,
    },
  ],
  // What is weighed is in weighings.ts.
  memory: [],
  // Of 4 permits, one each.
  semaphore: [
    {
      name: 'semaphore-free',
      title: 'free: acquire one of 4 permits + release',
      workload: 'semaphore',
      operations: 500,
      inFlight: 1,
    },
    {
      name: 'semaphore-4',
      title: '4 contenders in one process, a permit for each',
      workload: 'semaphore',
      operations: 800,
      inFlight: 4,
    },
    {
      name: 'semaphore-16',
      title: '16 contenders in one process, 4 permits',
      workload: 'semaphore',
      operations: 800,
      inFlight: 16,
    },
  ],
  // An operation is an item that was put, taken and acknowledged. Latencies are those of a put.
  queue: [
    {
      name: 'queue-1x1-serial',
      title: '1 producer, 1 consumer, one item at a time in each',
      workload: 'queue',
      operations: 200,
      inFlight: 1,
      consumers: 1,
    },
    {
      name: 'queue-1x1',
      title: '1 producer, 1 consumer, 16 items at a time in each',
      workload: 'queue',
      operations: 500,
      inFlight: 16,
      consumers: 1,
    },
    {
      name: 'queue-1x1-64',
      title: '1 producer, 1 consumer, 64 items at a time in each',
      workload: 'queue',
      operations: 1_000,
      inFlight: 64,
      consumers: 1,
    },
    {
      name: 'queue-4x4',
      title: '4 producers, 4 consumers, 16 items at a time in each',
      workload: 'queue',
      operations: 800,
      inFlight: 16,
      processes: 4,
      consumers: 4,
    },
    {
      name: 'queue-16x16',
      title: '16 producers, 16 consumers, 4 items at a time in each',
      workload: 'queue',
      operations: 960,
      inFlight: 4,
      processes: 16,
      consumers: 16,
    },
  ],
  counter: [
    {
      name: 'counter-free',
      title: 'increment, nobody else',
      workload: 'counter',
      operations: 400,
      inFlight: 1,
    },
    {
      name: 'counter-4',
      title: 'increment, 4 processes at once',
      workload: 'counter',
      operations: 400,
      inFlight: 1,
      processes: 4,
    },
  ],
  // All enter, then all leave, each round on a path of its own.
  barrier: [
    {
      name: 'barrier-2',
      title: '2 members enter and leave',
      workload: 'barrier',
      operations: 60,
      inFlight: 2,
    },
    {
      name: 'barrier-8',
      title: '8 members enter and leave',
      workload: 'barrier',
      operations: 30,
      inFlight: 8,
    },
    {
      name: 'barrier-64',
      title: '64 members enter and leave',
      workload: 'barrier',
      operations: 8,
      inFlight: 64,
    },
  ],
  leader: [
    {
      name: 'delete',
      title: 'a delete, to compare with',
      workload: 'delete',
      operations: 200,
      inFlight: 1,
    },
    {
      name: 'leader-hand-over',
      title: 'leader close → next leader (two sessions, the next one stands by)',
      workload: 'leader-hand-over',
      operations: 200,
      inFlight: 1,
    },
  ],
}
