/** Members that begin and end together; some give up while they wait. */
import { DoubleBarrier, hasCode, type BarrierPass, type DoubleBarrierDialectName } from 'latchkey'
import { DoubleBarrierChecker } from '../double-barrier-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/barriers/simulated'
const MEMBERS = 3

class GivingUp extends Error {}

class DoubleBarrierPlay implements Play {
  readonly paths = [PATH]
  readonly counted = 'enter'
  readonly checkers: readonly DoubleBarrierChecker[]
  readonly #stage: Stage
  readonly #dialect: DoubleBarrierDialectName

  constructor(stage: Stage, dialect: DoubleBarrierDialectName) {
    this.#stage = stage
    this.#dialect = dialect
    this.checkers = [new DoubleBarrierChecker(stage, PATH, MEMBERS, dialect === 'native')]
  }

  async turn(task: Task): Promise<void> {
    const { process, zk, below } = task
    const barrier = task.once(
      'barrier',
      () => new DoubleBarrier(zk, PATH, { members: MEMBERS, dialect: this.#dialect }),
    )
    const pass = await this.#enter(task, barrier)
    if (pass === undefined) return process.sleep(1 + below(20))
    const signal = below(2) === 0 ? pass.signal : undefined // The first look at it sets a watch.
    if (below(2) === 0) await process.sleep(below(below(20) === 0 ? 3_000 : 30))
    if (below(16) === 0 || signal?.aborted === true) await pass.withdraw()
    else await this.#leave(task, pass)
  }

  /** Everybody gives up some time: in the end too few come. */
  async #enter(task: Task, barrier: DoubleBarrier): Promise<BarrierPass | undefined> {
    const { process, below } = task
    const operation = process.invoke('enter')
    const abort = new AbortController()
    const afterMs = below(8) === 0 ? below(30) : 1_000 + below(2_000)
    const byTime = below(2) === 0
    const { clock } = process.runtime
    const timer = clock.setTimer(byTime ? 600_000 : afterMs, () => abort.abort(new GivingUp('enough')))
    try {
      const pass = await barrier.enter(byTime ? { timeoutMs: afterMs + 1 } : { signal: abort.signal })
      operation.ok({ path: pass.path, round: pass.round })
      return pass
    } catch (error) {
      operation.fail('gave up')
      if (!(error instanceof GivingUp) && !hasCode(error, 'TIMEOUT')) throw error
      return undefined
    } finally {
      timer.cancel()
    }
  }

  async #leave({ process, below }: Task, pass: BarrierPass): Promise<void> {
    const operation = process.invoke('leave')
    try {
      await pass.leave({ timeoutMs: below(8) === 0 ? 1 + below(50) : 10_000 })
      operation.ok({ path: pass.path, round: pass.round })
    } catch (error) {
      operation.fail('gone')
      if (!hasCode(error, 'LOCK_LOST', 'TIMEOUT'))
        this.#stage.violate('only what is documented is thrown', String(error))
    }
  }
}

function barrierWith(name: string, dialect: DoubleBarrierDialectName): Workload {
  return { name, begin: (stage) => new DoubleBarrierPlay(stage, dialect) }
}

export const doubleBarrier: Workload = { ...barrierWith('double-barrier', 'native'), faultEveryMs: 150 }

/** As many tasks as members: this layout knows no rounds, and those of the next would count for the one before. */
export const doubleBarrierOfCurator: Workload = {
  ...barrierWith('double-barrier-curator', 'curator'),
  weight: 0.5,
  processes: MEMBERS,
  tasks: 1,
}
