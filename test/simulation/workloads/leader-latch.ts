/** Processes that lead one after the other: a latch each, which now and then hands leadership on or is closed. */
import { hasCode, LeaderLatch, type Leadership } from 'latchkey'
import { MutexChecker } from '../mutex-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/leaders/simulated'

class LatchPlay implements Play {
  readonly paths = [PATH]
  readonly counted = 'lead'
  readonly checkers: readonly MutexChecker[]
  readonly #stage: Stage

  constructor(stage: Stage) {
    this.#stage = stage
    this.checkers = [new MutexChecker(stage, PATH)]
  }

  async turn(task: Task): Promise<void> {
    const { process, zk, below } = task
    const latch = new LeaderLatch(zk, PATH, { id: process.name })
    const operation = process.invoke('lead')
    const askedMs = this.#stage.cluster.clock.now()
    const limits = below(8) === 0 ? { timeoutMs: 1 + below(2_000) } : {}
    try {
      await latch.start(limits)
      for (let round = 0; round <= below(3); round++) {
        const leadership = await latch.waitForLeadership(limits)
        if (round === 0) operation.ok()
        await this.#lead(task, latch, leadership, askedMs)
      }
    } catch (error) {
      operation.fail('gave up')
      // A leadership may be lost between two looks at it; the latch itself never fails here.
      if (!hasCode(error, 'TIMEOUT') || latch.state.status === 'failed')
        this.#stage.violate('only what is documented is thrown', String(error))
    }
    await latch.close({ mode: below(2) === 0 ? 'silent' : 'notify' })
    if (latch.isLeader) this.#stage.violate('a closed latch leads no more', process.name)
  }

  async #lead(task: Task, latch: LeaderLatch, leadership: Leadership, askedMs: number): Promise<void> {
    const { process, below } = task
    const { path: znode, fencingToken: token, signal } = leadership
    const grant = { path: PATH, znode, token, mode: 'write', askedMs, blind: false }
    const belief = process.invoke('hold', grant)
    const told = (): void => belief.info('lost')
    if (signal.aborted) told()
    else signal.addEventListener('abort', told, { once: true })
    await process.sleep(below(40) === 0 ? below(400) : below(20))
    if (latch.isLeader && signal.aborted)
      this.#stage.violate('a lost leadership is none', `${process.name} has lost token ${token}`)
    signal.removeEventListener('abort', told)
    belief.ok()
    await leadership.release()
  }
}

export const leaderLatch: Workload = { name: 'leader-latch', begin: (stage) => new LatchPlay(stage) }
