/** Takers of two or three of four locks at once, among takers of one. */
import { MultiLock } from 'latchkey'
import { take, use } from '../lock-turn.js'
import { MutexChecker } from '../mutex-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATHS = ['/multi/a', '/multi/b', '/multi/c', '/multi/d'] as const

class MultiLockPlay implements Play {
  readonly paths = PATHS
  readonly znodesPerTask = 3
  readonly checkers: readonly MutexChecker[]
  readonly #stage: Stage

  constructor(stage: Stage) {
    this.#stage = stage
    this.checkers = PATHS.map((path) => new MutexChecker(stage, path))
  }

  async turn(task: Task): Promise<void> {
    const start = task.below(PATHS.length)
    const wanted = Array.from(
      { length: 1 + task.below(3) },
      (_, i) => PATHS[(start + i) % PATHS.length] ?? '',
    )
    const askedMs = this.#stage.cluster.clock.now()
    const operation = task.process.invoke('acquire', wanted)
    const lock = new MultiLock(task.zk, wanted)
    const hold = await take(task, this.#stage, operation, async (options, patience) =>
      patience === 'wait' ? lock.acquire(options) : lock.tryAcquire(options),
    )
    if (hold === undefined) return task.process.sleep(1 + task.below(20))
    operation.ok()
    const grants = [...hold.fencingTokens].map(([path, token]) => {
      const znode = this.#znode(path, token)
      return { path, znode, token, mode: 'write' as const, askedMs }
    })
    await use(task, this.#stage, hold, grants)
  }

  /** A multi-hold tells its tokens; the server's view knows whose they are. */
  #znode(path: string, token: bigint): string {
    const checker = this.checkers[PATHS.indexOf(path as (typeof PATHS)[number])]
    const znode = checker?.znodeOf(token)
    if (znode === undefined) throw new Error(`nobody has made a znode with the czxid ${token} below ${path}`)
    return znode
  }
}

export const multiLock: Workload = {
  name: 'multi-lock',
  weight: 2,
  begin: (stage) => new MultiLockPlay(stage),
}
