/** Latches, one after the other, that are counted down under ids which some say twice, and waited for. */
import { CountDownLatch, hasCode } from 'latchkey'
import { LatchChecker } from '../latch-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/latches/simulated'
const COUNT = 12

class GivingUp extends Error {}

class LatchPlay implements Play {
  readonly paths = [PATH]
  readonly counted = 'countDown'
  /** Nothing of a latch is ephemeral. */
  readonly znodesPerTask = 0
  readonly checkers: readonly LatchChecker[]
  readonly #stage: Stage
  /** Number of the latch that is in use. */
  #latest = 0
  #ids = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.checkers = [new LatchChecker(stage, PATH, COUNT)]
  }

  async turn(task: Task): Promise<void> {
    const { process, zk, below } = task
    const number = this.#latest
    const latch = new CountDownLatch(zk, `${PATH}/${number}`, { count: COUNT })
    const abort = new AbortController()
    const timer = process.runtime.clock.setTimer(below(8) === 0 ? below(30) : 2_000 + below(1_000), () =>
      abort.abort(new GivingUp('enough')),
    )
    const limits = below(8) === 0 ? { timeoutMs: 1 + below(200) } : { signal: abort.signal }
    try {
      if (below(4) === 0) await this.#wait(task, latch, limits)
      else await this.#countDown(task, latch, number, limits)
    } catch (error) {
      if (!(error instanceof GivingUp) && !hasCode(error, 'TIMEOUT'))
        this.#stage.violate('only what is documented is thrown', String(error))
    } finally {
      timer.cancel()
    }
    if (below(2) === 0) await process.sleep(below(400))
  }

  async #wait({ process }: Task, latch: CountDownLatch, limits: object): Promise<void> {
    const operation = process.invoke('wait', latch.path)
    try {
      await latch.wait(limits)
    } catch (error) {
      operation.fail(latch.path)
      throw error
    }
    operation.ok(latch.path)
  }

  async #countDown(
    { process, below }: Task,
    latch: CountDownLatch,
    number: number,
    limits: object,
  ): Promise<void> {
    // One id in four was said before, with the same number: as a worker does that begins anew.
    const id = below(4) === 0 && this.#ids > 0 ? this.#ids - below(Math.min(this.#ids, 4)) : ++this.#ids
    const by = 1 + (id % 3)
    const value = { path: latch.path, id: String(id), by }
    const operation = process.invoke('countDown', value)
    try {
      const left = await latch.countDown(by, { ...limits, id: String(id) })
      operation.ok({ ...value, left })
      if (left === 0) this.#latest = Math.max(this.#latest, number + 1)
    } catch (error) {
      operation.info(value)
      throw error
    }
  }
}

export const countDownLatch: Workload = {
  name: 'count-down-latch',
  faultEveryMs: 120,
  begin: (stage) => new LatchPlay(stage),
}
