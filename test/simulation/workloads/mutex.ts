/** Many who take turns with a mutex. */
import { Mutex, type DialectName } from 'latchkey'
import { FencedStore } from '../fenced-store.js'
import { take, use } from '../lock-turn.js'
import { MutexChecker } from '../mutex-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/locks/simulated'

class MutexPlay implements Play {
  readonly paths = [PATH]
  readonly checkers: readonly MutexChecker[]
  readonly #stage: Stage
  readonly #dialect: DialectName
  readonly #store = new FencedStore()

  constructor(stage: Stage, dialect: DialectName) {
    this.#stage = stage
    this.#dialect = dialect
    this.checkers = [new MutexChecker(stage, PATH)]
  }

  async turn(task: Task): Promise<void> {
    const stage = this.#stage
    const mutex = task.once(
      'mutex',
      () => new Mutex(task.zk, PATH, { dialect: this.#dialect, id: 'simulated', localQueue: false }),
    )
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

function mutexWith(name: string, dialect: DialectName): Workload {
  return { name, begin: (stage) => new MutexPlay(stage, dialect) }
}

export const mutex = mutexWith('mutex', 'curator')
export const mutexOfKazoo = mutexWith('mutex-kazoo', 'kazoo')
