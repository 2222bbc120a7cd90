/** Readers, writers, and writers that become readers. */
import { hasCode, ReadWriteLock, type Hold, type ReadWriteDialectName, type WriteHold } from 'latchkey'
import { FencedStore } from '../fenced-store.js'
import { take, use } from '../lock-turn.js'
import { ReadWriteChecker } from '../read-write-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/locks/shared'

class ReadWritePlay implements Play {
  readonly paths = [PATH]
  readonly checkers: readonly ReadWriteChecker[]
  readonly #stage: Stage
  readonly #dialect: ReadWriteDialectName
  readonly #store = new FencedStore()

  constructor(stage: Stage, dialect: ReadWriteDialectName) {
    this.#stage = stage
    this.#dialect = dialect
    this.checkers = [new ReadWriteChecker(stage, PATH)]
  }

  async turn(task: Task): Promise<void> {
    const options = { dialect: this.#dialect, id: 'simulated' }
    const lock = task.once('lock', () => new ReadWriteLock(task.zk, PATH, options))
    await (task.below(5) < 3 ? this.#read(task, lock) : this.#write(task, lock))
  }

  async #read(task: Task, { readLock }: ReadWriteLock): Promise<void> {
    const askedMs = this.#stage.cluster.clock.now()
    const operation = task.process.invoke('acquire', 'read')
    const hold = await take(task, this.#stage, operation, async (options, patience) =>
      patience === 'wait' ? readLock.acquire(options) : readLock.tryAcquire(options),
    )
    if (hold === undefined) return task.process.sleep(1 + task.below(20))
    operation.ok()
    await this.#use(task, hold, 'read', askedMs)
  }

  async #write(task: Task, { writeLock }: ReadWriteLock): Promise<void> {
    const askedMs = this.#stage.cluster.clock.now()
    const operation = task.process.invoke('acquire', 'write')
    const hold = await take(task, this.#stage, operation, async (options, patience) =>
      patience === 'wait' ? writeLock.acquire(options) : writeLock.tryAcquire(options),
    )
    if (hold === undefined) return task.process.sleep(1 + task.below(20))
    operation.ok()
    if (task.below(4) > 0) return this.#use(task, hold, 'write', askedMs)
    await this.#downgrade(task, hold)
  }

  async #use(task: Task, hold: Hold, mode: 'read' | 'write', askedMs: number): Promise<void> {
    const { path: znode, fencingToken: token } = hold
    const grant = { path: PATH, znode, token, mode, askedMs }
    await use(task, this.#stage, hold, [grant], mode === 'write' ? this.#store : undefined)
  }

  /** Believed to be held for reading at least, all the time. */
  async #downgrade(task: Task, hold: WriteHold): Promise<void> {
    const askedMs = this.#stage.cluster.clock.now()
    const operation = task.process.invoke('downgrade', hold.path)
    const limits = task.below(4) === 0 ? { timeoutMs: 1 + task.below(50) } : {}
    try {
      const read = await hold.downgrade(limits)
      operation.ok(read.path)
      await this.#use(task, read, 'read', askedMs)
    } catch (error) {
      operation.fail()
      if (!hasCode(error, 'LOCK_LOST', 'TIMEOUT')) throw error
      await hold.release()
    }
  }
}

function lockWith(name: string, weight: number, dialect: ReadWriteDialectName): Workload {
  return { name, weight, begin: (stage) => new ReadWritePlay(stage, dialect) }
}

export const readWriteLock = lockWith('read-write-lock', 6, 'curator')
export const readWriteLockOfKazoo = lockWith('read-write-lock-kazoo', 3, 'kazoo')
