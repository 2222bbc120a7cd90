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
    const beliefs = this.#believe(task, latch, askedMs)
    const limits = below(8) === 0 ? { timeoutMs: 1 + below(2_000) } : {}
    try {
      await latch.start(limits)
      for (let round = 0; round <= below(3); round++) {
        const leadership = await latch.waitForLeadership(limits)
        if (round === 0) operation.ok()
        await this.#lead(task, latch, leadership)
        beliefs.end()
        await leadership.release()
      }
    } catch (error) {
      operation.fail('gave up')
      // A leadership may be lost between two looks at it; the latch itself never fails here.
      if (!hasCode(error, 'TIMEOUT') || latch.state.status === 'failed')
        this.#stage.violate('only what is documented is thrown', String(error))
    }
    beliefs.end()
    await latch.close({ mode: below(2) === 0 ? 'silent' : 'notify' })
    beliefs.end()
    if (latch.isLeader) this.#stage.violate('a closed latch leads no more', process.name)
  }

  /** Each leadership that the latch tells of is believed in, whether it is used or not, until it is lost or given back. */
  #believe({ process }: Task, latch: LeaderLatch, askedMs: number): { end: () => void } {
    let end = (): void => undefined
    latch.on('state', (state) => {
      end()
      const leadership = state.status === 'started' ? state.leadership : undefined
      if (leadership === undefined) return
      const { path: znode, fencingToken: token, signal } = leadership
      const belief = process.invoke('hold', {
        path: PATH,
        znode,
        token,
        mode: 'write',
        askedMs,
        blind: false,
      })
      const told = (): void => {
        end = () => undefined
        belief.info('lost')
      }
      end = () => {
        end = () => undefined
        signal.removeEventListener('abort', told)
        belief.ok()
      }
      if (signal.aborted) told()
      else signal.addEventListener('abort', told, { once: true })
    })
    return { end: () => end() }
  }

  async #lead({ process, below }: Task, latch: LeaderLatch, leadership: Leadership): Promise<void> {
    const { fencingToken, signal } = leadership
    await process.sleep(below(40) === 0 ? below(400) : below(20))
    // It may lead again by then, with another znode.
    const now = latch.leadership
    if (signal.aborted && now !== undefined && now.fencingToken <= fencingToken)
      this.#stage.violate(
        'a lost leadership is none',
        `${process.name} has lost token ${fencingToken}, and leads by ${now.fencingToken}`,
      )
  }
}

export const leaderLatch: Workload = {
  name: 'leader-latch',
  weight: 2,
  begin: (stage) => new LatchPlay(stage),
}
