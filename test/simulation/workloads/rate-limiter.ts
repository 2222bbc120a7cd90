/** Takers of one or more permits of a rate that all processes share. */
import { RateLimiter } from 'latchkey'
import { take } from '../lock-turn.js'
import { RateChecker } from '../rate-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/rates/simulated'

class RatePlay implements Play {
  readonly paths = [PATH]
  readonly checkers: readonly RateChecker[]
  /** The marker of the process, and one that is being deleted. */
  readonly znodesPerProcess = 2
  readonly #stage: Stage
  readonly #options: { readonly permits: number; readonly intervalMs: number; readonly batch: number }

  constructor(stage: Stage, batch: number) {
    this.#stage = stage
    this.#options = { permits: 6, intervalMs: 300, batch }
    this.checkers = [new RateChecker(stage, { path: PATH, ...this.#options })]
  }

  #limiter(task: Task): RateLimiter {
    return task.once('limiter', () => new RateLimiter(task.zk, PATH, this.#options))
  }

  async turn(task: Task): Promise<void> {
    const limiter = this.#limiter(task)
    const count = 1 + task.below(task.below(3) === 0 ? 4 : 2)
    const operation = task.process.invoke('acquire', count)
    const taken = await take(task, this.#stage, operation, async (limits, patience) => {
      if (patience === 'try') return (await limiter.tryAcquire(count, limits)) ? count : undefined
      await limiter.acquire(count, limits)
      return count
    })
    if (taken !== undefined) operation.ok(taken)
    await task.process.sleep(task.below(20))
  }

  async finish(task: Task): Promise<void> {
    await this.#limiter(task).close()
  }
}

function rateLimiterWith(name: string, batch: number): Workload {
  return { name, begin: (stage) => new RatePlay(stage, batch) }
}

export const rateLimiter = rateLimiterWith('rate-limiter', 1)
export const rateLimiterInBatches = rateLimiterWith('rate-limiter-batches', 3)
