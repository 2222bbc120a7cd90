/** Many who take turns with a mutex: each on its own, or through the line of their process, also in biased mode. */
import { Mutex, type DialectName, type MutexOptions } from 'latchkey'
import { BiasChecker, type BiasBounds } from '../bias-checker.js'
import { FencedStore } from '../fenced-store.js'
import { LocalOrderChecker } from '../local-order-checker.js'
import { take, use } from '../lock-turn.js'
import { MutexChecker } from '../mutex-checker.js'
import type { Checker, Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/locks/simulated'
/** Small, so that terms end by each of them. */
const BIAS = { maxHolds: 12, maxMs: 400, idleMs: 30 }

class MutexPlay implements Play {
  readonly paths = [PATH]
  readonly checkers: readonly Checker[]
  /** Through the line of the process one at a time; in biased mode that one may be kept, with nobody who holds it. */
  readonly znodesPerProcess: number
  readonly znodesPerTask: number
  readonly #stage: Stage
  readonly #options: MutexOptions
  readonly #store = new FencedStore()

  constructor(stage: Stage, options: MutexOptions, bounds?: BiasBounds) {
    const isLocal = options.localQueue !== false
    this.#stage = stage
    this.#options = { id: 'simulated', ...options }
    this.znodesPerProcess = isLocal ? 1 : 0
    this.znodesPerTask = isLocal ? 0 : 1
    const mutex = bounds === undefined ? new MutexChecker(stage, PATH) : new BiasChecker(stage, PATH, bounds)
    this.checkers = isLocal ? [mutex, new LocalOrderChecker(stage)] : [mutex]
  }

  async turn(task: Task): Promise<void> {
    const stage = this.#stage
    // In biased mode they take turns with pauses: else another process would always wait.
    if (this.#options.biased !== undefined && task.below(4) === 0) await task.process.sleep(task.below(400))
    const mutex = task.once('mutex', () => new Mutex(task.zk, PATH, this.#options))
    const askedMs = stage.cluster.clock.now()
    const operation = task.process.invoke('acquire')
    const hold = await take(task, stage, operation, async (options, patience) =>
      patience === 'wait' ? mutex.acquire(options) : mutex.tryAcquire(options),
    )
    if (hold === undefined) return task.process.sleep(1 + task.below(20))
    const { path: znode, fencingToken: token } = hold
    operation.ok()
    await use(task, stage, hold, [{ path: PATH, znode, token, mode: 'write', askedMs }], this.#store)
  }
}

function mutexWith(name: string, weight: number, dialect: DialectName): Workload {
  return { name, weight, begin: (stage) => new MutexPlay(stage, { dialect, localQueue: false }) }
}

export const mutex = mutexWith('mutex', 8, 'curator')
export const mutexOfKazoo = mutexWith('mutex-kazoo', 3, 'kazoo')

export const mutexOfManyTasks: Workload = {
  name: 'mutex-local',
  weight: 3,
  processes: 4,
  tasks: 6,
  begin: (stage) => new MutexPlay(stage, {}),
}

export const mutexBiased: Workload = {
  name: 'mutex-biased',
  weight: 3,
  processes: 3,
  tasks: 3,
  faultEveryMs: 250,
  begin: (stage) => new MutexPlay(stage, { biased: BIAS }, BIAS),
}
