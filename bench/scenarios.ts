/** What is run, how often and how much of it at once. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** One of workloads.ts. */
  readonly workload: string
  readonly operations: number
  /** In each process. */
  readonly inFlight: number
  /** How many processes share the operations, each with its own connection. Default 1. */
  readonly processes?: number
  /** How many more take from the queue what those put. */
  readonly consumers?: number
  /** What its plot shows. Default `rate`; `time` where an operation is waited for. */
  readonly shows?: 'rate' | 'time'
}

export type BenchName = 'client' | 'mutex' | 'semaphore' | 'leader' | 'queue' | 'counter' | 'barrier'

export const scenarios: Readonly<Record<BenchName, readonly Scenario[]>> = {
  client: [
    { name: 'get-64', title: 'getData, 64 in flight', workload: 'get', operations: 30_000, inFlight: 64 },
    { name: 'get-1', title: 'getData, one at a time', workload: 'get', operations: 3_000, inFlight: 1 },
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
    // With few operations, as a peer takes milliseconds for each.
    {
      name: 'mutex-biased',
      title: 'the same process again, nobody else: biased where it can be',
      workload: 'mutex-again',
      operations: 2_000,
      inFlight: 1,
    },
    {
      name: 'mutex-biased-64',
      title: '64 contenders in one process, nobody else: biased where it can be',
      workload: 'mutex-again',
      operations: 2_000,
      inFlight: 64,
    },
  ],
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
