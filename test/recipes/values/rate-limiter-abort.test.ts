import { RateLimiter, type Zk } from 'latchkey'
import { abortSweep } from '../abort-sweep.js'
import { PATH } from './rate-stage.js'

/** Longer than a sweep: what is taken stays taken. */
const LIMIT = { permits: 2, intervalMs: 600_000 }

const nothingToGiveBack = { release: async (): Promise<void> => Promise.resolve() }

async function acquire(zk: Zk, count: number, signal?: AbortSignal): Promise<typeof nothingToGiveBack> {
  await new RateLimiter(zk, PATH, LIMIT).acquire(count, { signal })
  return nothingToGiveBack
}

abortSweep('an acquire of what is there', {
  paths: [PATH],
  start: async (zk, signal) => acquire(zk, 1, signal),
})

abortSweep('a try', {
  paths: [PATH],
  start: async (zk, signal) => {
    await new RateLimiter(zk, PATH, LIMIT).tryAcquire(1, { signal })
    return nothingToGiveBack
  },
})

abortSweep('a wait for the next window', {
  paths: [PATH],
  start: async (zk, signal) => acquire(zk, 1, signal),
  ahead: async (zk) => acquire(zk, 2),
})
