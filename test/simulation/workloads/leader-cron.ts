/**
 * Schedulers with a job of every second, in processes that crash, stall and lose their sessions: no due time runs twice,
 * each run that began was written before, and each that ended says so.
 */
import { LeaderCron, type CronRun } from 'latchkey'
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import type { Checker, Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/cron/simulated'
const JOB = `${PATH}/jobs/tick`

interface Begun {
  readonly id: string
  readonly due: number
}

class OnceChecker implements Checker {
  readonly #stage: Stage
  readonly #due = new Map<number, string>()
  /** Ids of the runs in each record that was written: a run that begins must be among them. */
  readonly #written = new Set<string>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  observe(event: SimulationEvent): void {
    if (event.source === 'server') {
      const { body } = event.transaction
      const changes = body.type === 'multi' ? body.changes : [body]
      for (const change of changes)
        if ((change.type === 'setData' || change.type === 'create') && change.path === JOB)
          for (const [, id] of String(change.data).matchAll(/"id":"([^"]+)"/g)) this.#written.add(id ?? '')
    } else if (event.source === 'process' && event.operation === 'run') this.#run(event)
  }

  #run({ type, value, process }: ProcessEvent): void {
    if (type !== 'invoke') return
    const { id, due } = value as Begun
    const other = this.#due.get(due)
    if (other !== undefined)
      this.#stage.violate(
        'a due time runs at most once',
        `${process}: ${new Date(due).toISOString()} ran as ${other} and ${id}`,
      )
    this.#due.set(due, id)
    if (!this.#written.has(id))
      this.#stage.violate('a start is written before the task runs', `${process}: run ${id} of ${due}`)
  }
}

class CronPlay implements Play {
  readonly paths = [`${PATH}/leader`]
  readonly counted = 'lead'
  readonly checkers: readonly Checker[]

  constructor(stage: Stage) {
    this.checkers = [new OnceChecker(stage)]
  }

  async turn({ process, zk, below }: Task): Promise<void> {
    const cron = new LeaderCron(zk, PATH, { id: process.name })
    const task = async ({ id, due }: CronRun): Promise<void> => {
      const run = process.invoke('run', { id, due: due.getTime() } satisfies Begun)
      await process.sleep(below(4) === 0 ? below(1_500) : below(20))
      run.ok()
    }
    const misfire = below(2) === 0 ? 'skip' : 'run-once'
    cron.schedule('* * * * * *', task, { name: 'tick', misfire, overlap: below(2) === 0 ? 'skip' : 'queue' })
    const lead = process.invoke('lead')
    const stop = cron.on('state', (state) => {
      if (state.status !== 'started' || state.leadership === undefined) return
      lead.ok()
      stop()
    })
    await cron.start()
    await process.sleep(100 + below(900))
    stop()
    if (!cron.isLeader) lead.fail('another one led')
    await cron.close({ mode: below(2) === 0 ? 'abort' : 'finish' })
  }
}

export const leaderCron: Workload = {
  name: 'leader-cron',
  weight: 0.2,
  begin: (stage) => new CronPlay(stage),
}
