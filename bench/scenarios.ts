/** What is run, how often and how much of it at once. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** One of workloads.ts. */
  readonly workload: string
  readonly operations: number
  readonly inFlight: number
}

export type BenchName = 'client' | 'mutex' | 'semaphore' | 'leader'

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
