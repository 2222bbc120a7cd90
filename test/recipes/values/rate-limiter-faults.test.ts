import { RateLimiter, type Zk } from 'latchkey'
import { faultMatrix, type Stage } from '../fault-matrix.js'
import { PATH, RateWatch } from './rate-stage.js'

const LIMIT = { permits: 4, intervalMs: 1_000 }

type Play = (limiter: RateLimiter, rival: RateLimiter, watch: RateWatch, stage: Stage) => Promise<void>

/** Whatever is struck, every acquire is served in the end, and no window gives more than it has. */
function scenario(play: Play, options: { batch?: number } = {}) {
  return async (stage: Stage): Promise<void> => {
    const { cluster, zk, rivals } = stage
    const limiter = new RateLimiter(zk, PATH, { ...LIMIT, ...options })
    const rival = new RateLimiter(rivals[0], PATH, LIMIT)
    const watch = new RateWatch(cluster, LIMIT)
    await play(limiter, rival, watch, stage)
    watch.check()
    await cluster.until(Promise.all([limiter.close(), rival.close()]))
  }
}

const three: Play = async (limiter, _, watch, { cluster }) => {
  for (let i = 0; i < 3; i++) await cluster.until(watch.take(limiter))
}

const scenarios = {
  'three in a row': scenario(three),
  'three in a row, in batches': scenario(three, { batch: 2 }),

  'six at once, of four': scenario(async (limiter, _, watch, { cluster }) => {
    await cluster.until(Promise.all([1, 1, 1, 1, 1, 1].map(async (count) => watch.take(limiter, count))))
  }),

  'against another': scenario(async (limiter, rival, watch, { cluster }) => {
    const one = async (of: RateLimiter): Promise<void> => {
      for (let i = 0; i < 4; i++) await watch.take(of, 1 + (i % 2))
    }
    await cluster.until(Promise.all([one(limiter), one(rival)]))
  }),

  'a try in a window that is full': scenario(async (limiter, rival, watch, { cluster }) => {
    await cluster.until(watch.take(rival, 4))
    await cluster.until(watch.try(limiter))
  }),

  missing: scenario(async (limiter, _, watch, { cluster, rivals }) => {
    await cluster.until(rivals[1].delete(PATH))
    await cluster.until(watch.take(limiter, 2))
  }),
}

async function next(zk: Zk): Promise<void> {
  const limiter = new RateLimiter(zk, PATH, LIMIT)
  await limiter.acquire()
  await limiter.close()
}

faultMatrix({ name: 'rate limiter', paths: [PATH], next, scenarios })
