/** Locking code that calls other locking code: acquires inside of `run`, three deep, on one znode. */
import { hasCode, LockLostError, Mutex, type Hold, type WaitOptions } from 'latchkey'
import { FencedStore } from '../fenced-store.js'
import { use } from '../lock-turn.js'
import { MutexChecker } from '../mutex-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/locks/simulated'

interface Turn {
  readonly task: Task
  readonly mutex: Mutex
  readonly askedMs: number
  readonly scope: number
}

class ReentrantPlay implements Play {
  readonly paths = [PATH]
  readonly checkers: readonly MutexChecker[]
  /** Through the line of the process, one at a time. */
  readonly znodesPerProcess = 1
  readonly znodesPerTask = 0
  readonly #stage: Stage
  readonly #store = new FencedStore()

  constructor(stage: Stage) {
    this.#stage = stage
    this.checkers = [new MutexChecker(stage, PATH)]
  }

  async turn(task: Task): Promise<void> {
    const mutex = task.once('mutex', () => new Mutex(task.zk, PATH, { id: 'simulated', reentrant: true }))
    const askedMs = this.#stage.cluster.clock.now()
    const operation = task.process.invoke('acquire')
    const turn = { task, mutex, askedMs, scope: operation.id }
    const limits: WaitOptions = task.below(6) === 0 ? { timeoutMs: 1 + task.below(200) } : {}
    const outcome: { begun: boolean } = { begun: false }
    try {
      await mutex.run(async (hold) => {
        outcome.begun = true
        operation.ok()
        await this.#within(turn, hold, 2)
      }, limits)
    } catch (error) {
      if (!outcome.begun) operation.fail('gave up')
      const isMeant = outcome.begun ? error instanceof LockLostError : hasCode(error, 'TIMEOUT')
      if (!isMeant) this.#stage.violate('only what is documented is thrown', String(error))
      await task.process.sleep(1 + task.below(20))
    }
  }

  /** The outer one is held while the inner ones are used, and then on its own. */
  async #within(turn: Turn, hold: Hold, depth: number): Promise<void> {
    const { task, mutex, askedMs, scope } = turn
    const { path: znode, fencingToken: token } = hold
    const outer = task.process.invoke('hold', { ...this.#grant(hold, askedMs, scope), blind: false })
    const told = (): void => outer.info('lost')
    if (hold.signal.aborted) told()
    else hold.signal.addEventListener('abort', told, { once: true })
    try {
      for (let round = 0; round < 2; round++) {
        if (task.below(2) === 0) await task.process.sleep(task.below(20))
        const inner = task.below(2) === 0 ? await mutex.acquire() : await mutex.tryAcquire()
        if (inner === undefined || inner.path !== znode || inner.fencingToken !== token) {
          this.#stage.violate('inside it is let in on the same znode', `${inner?.path} in ${znode}`)
          return
        }
        if (depth > 1 && task.below(2) === 0) await this.#within(turn, inner, depth - 1)
        else await use(task, this.#stage, inner, [this.#grant(inner, askedMs, scope)], this.#store)
        await inner.release()
      }
    } finally {
      hold.signal.removeEventListener('abort', told)
      outer.ok()
    }
  }

  #grant({ path: znode, fencingToken: token }: Hold, askedMs: number, scope: number) {
    return { path: PATH, znode, token, mode: 'write' as const, askedMs, scope }
  }
}

export const mutexReentrant: Workload = {
  name: 'mutex-reentrant',
  weight: 2,
  processes: 4,
  tasks: 3,
  begin: (stage) => new ReentrantPlay(stage),
}
