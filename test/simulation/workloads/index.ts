/** Every recipe that is simulated. A new one is a file here and a line in this list. */
import type { Workload } from '../workload.js'
import { countDownLatch } from './count-down-latch.js'
import { counter, counterWithLock, counterWithoutMarkers } from './counter.js'
import { doubleBarrier, doubleBarrierOfCurator } from './double-barrier.js'
import { leaderCron } from './leader-cron.js'
import { leaderElection } from './leader-election.js'
import { leaderLatch } from './leader-latch.js'
import { multiLock } from './multi-lock.js'
import { mutex, mutexBiased, mutexOfKazoo, mutexOfManyTasks } from './mutex.js'
import { mutexReentrant } from './mutex-reentrant.js'
import { queue } from './queue.js'
import { rateLimiter, rateLimiterInBatches } from './rate-limiter.js'
import { readWriteLock, readWriteLockOfKazoo } from './read-write-lock.js'
import { semaphore, semaphoreOfCurator, semaphoreOfKazoo, semaphoreResized } from './semaphore.js'

export const workloads: readonly Workload[] = [
  mutex,
  mutexOfKazoo,
  mutexOfManyTasks,
  mutexBiased,
  mutexReentrant,
  readWriteLock,
  readWriteLockOfKazoo,
  semaphore,
  semaphoreResized,
  semaphoreOfCurator,
  semaphoreOfKazoo,
  multiLock,
  leaderLatch,
  leaderElection,
  leaderCron,
  queue,
  counter,
  counterWithoutMarkers,
  counterWithLock,
  doubleBarrier,
  doubleBarrierOfCurator,
  countDownLatch,
  rateLimiter,
  rateLimiterInBatches,
]

export function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name)
  if (found !== undefined) return found
  throw new TypeError(
    `no recipe is called ${name}; there are: ${workloads.map((each) => each.name).join(', ')}`,
  )
}
