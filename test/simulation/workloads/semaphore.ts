/** Takers of one or more permits of a limit that is fixed, or changed while it is in use. */
import { hasCode, Semaphore, type Lease, type SemaphoreDialectName } from 'latchkey'
import { take, use } from '../lock-turn.js'
import { SemaphoreChecker } from '../semaphore-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/semaphores/simulated'
const LIMIT_PATH = '/semaphores/limit'
/** At the start, and at most. */
const PERMITS = 4

class SemaphorePlay implements Play {
  readonly paths = [PATH]
  readonly checkers: readonly SemaphoreChecker[]
  readonly znodesPerTask: number
  readonly #stage: Stage
  readonly #dialect: SemaphoreDialectName
  readonly #isShared: boolean

  constructor(stage: Stage, dialect: SemaphoreDialectName, isShared: boolean) {
    this.#stage = stage
    this.#dialect = dialect
    this.#isShared = isShared
    // Leases, a permit each, and the lock on the way to them.
    this.znodesPerTask = dialect === 'native' ? 1 : PERMITS + 1
    const limitPath = isShared ? LIMIT_PATH : undefined
    this.checkers = [new SemaphoreChecker(stage, { path: PATH, dialect, permits: PERMITS, limitPath })]
  }

  async turn(task: Task): Promise<void> {
    const permits = this.#isShared ? { path: LIMIT_PATH, initial: PERMITS } : PERMITS
    const options = { permits, dialect: this.#dialect, id: 'simulated' }
    const semaphore = task.once('semaphore', () => new Semaphore(task.zk, PATH, options))
    if (this.#isShared && task.below(60) === 0) await this.#resize(task, semaphore)
    const wanted = 1 + task.below(task.below(3) === 0 ? PERMITS : 2)
    const askedMs = this.#stage.cluster.clock.now()
    const operation = task.process.invoke('acquire', wanted)
    const lease = await take(task, this.#stage, operation, async (limits, patience) =>
      patience === 'wait' ? semaphore.acquire(wanted, limits) : semaphore.tryAcquire(wanted, limits),
    )
    if (lease === undefined) return task.process.sleep(1 + task.below(20))
    operation.ok()
    await this.#use(task, lease, askedMs)
  }

  async #use(task: Task, lease: Lease, askedMs: number): Promise<void> {
    const { fencingToken: token, permits } = lease
    const { znodes } = lease
    const [znode] = znodes
    if (znode === undefined) throw new Error('a lease has a znode')
    // A return of a single permit replaces the znode: then what it says of itself is no more what the server has.
    if (permits > 1 && task.below(8) === 0) await lease.releaseOne().catch(ignoreLoss)
    else
      await use(task, this.#stage, lease, [
        { path: PATH, znode, znodes, token, mode: 'permits', permits, askedMs },
      ])
    await lease.release()
  }

  /** The last that resizes leaves enough for everybody. */
  async #resize(task: Task, semaphore: Semaphore): Promise<void> {
    const lower = 1 + task.below(PERMITS)
    const operation = task.process.invoke('resize', lower)
    try {
      await semaphore.resize(lower, { timeoutMs: 5_000 })
      await task.process.sleep(task.below(50))
      operation.ok()
    } catch (error) {
      operation.info()
      if (!hasCode(error, 'TIMEOUT', 'CONNECTION_LOSS')) throw error
    }
    while (!(await raise(semaphore)));
  }
}

async function raise(semaphore: Semaphore): Promise<boolean> {
  try {
    await semaphore.resize(PERMITS)
    return true
  } catch (error) {
    if (hasCode(error, 'CONNECTION_LOSS')) return false
    throw error
  }
}

function ignoreLoss(error: unknown): void {
  if (!hasCode(error, 'LOCK_LOST')) throw error
}

function semaphoreWith(
  name: string,
  weight: number,
  dialect: SemaphoreDialectName,
  isShared: boolean,
): Workload {
  return {
    name,
    weight,
    faultEveryMs: 450,
    begin: (stage) => new SemaphorePlay(stage, dialect, isShared),
  }
}

export const semaphore = semaphoreWith('semaphore', 4, 'native', false)
export const semaphoreResized = semaphoreWith('semaphore-resized', 2, 'native', true)
export const semaphoreOfCurator = semaphoreWith('semaphore-curator', 1.5, 'curator', true)
export const semaphoreOfKazoo = semaphoreWith('semaphore-kazoo', 1.5, 'kazoo', false)
