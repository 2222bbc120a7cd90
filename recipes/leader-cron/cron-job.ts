/**
 * One job, as its process runs it while it leads: waits for the next due time, writes its start, runs the task, writes
 * its end.
 *
 * Due times are instants on the calendar. It is the leader's wall clock that says when one has come; the record's cursor
 * says which have been started. So when the wall clock steps back, an hour that is lived again has nothing due in it, and
 * when it steps forward, what was stepped over is late. A timer is never longer than `RECHECK_MS`, as steps are not told.
 *
 * Of several due times that have come since the cursor only the last is looked at: it is on time, or it is late (a misfire)
 * and the policy decides. The others are never run.
 */
import type { CheckResult, Transaction, TransactionResult, Zk } from '../../src/api/zk.js'
import { abortable, onAbort, quietController, sleep } from '../../src/runtime/abort.js'
import type { Leadership } from '../leadership/leadership.js'
import type { JobLedger } from './job-ledger.js'
import { errorText, type JobRecord, type RunRecord } from './job-record.js'
import type { Schedule } from './schedule.js'

/** What to do with a due time that is late: the process was down, or leadership changed hands. */
export type MisfirePolicy = 'skip' | 'run-once'
/** What to do with a due time that comes while an earlier run of the same job goes on in this process. */
export type OverlapPolicy = 'skip' | 'queue' | 'allow'

/** What a task is told of its run. */
export interface CronRun {
  readonly job: string
  readonly id: string
  /** When it should have begun. */
  readonly due: Date
  /** Aborts when leadership is lost or the scheduler is closed: another process may start the next run. */
  readonly signal: AbortSignal
  /** Of the leadership that it began under. */
  readonly fencingToken: bigint
  /** Adds a check to a transaction: it commits only while we lead. */
  guard<R extends readonly TransactionResult[]>(
    transaction: Transaction<R>,
  ): Transaction<readonly [...R, CheckResult]>
}

export type CronTask = (run: CronRun) => unknown

export interface JobSpec {
  readonly name: string
  readonly schedule: Schedule
  readonly task: CronTask
  readonly misfire: MisfirePolicy
  readonly overlap: OverlapPolicy
  readonly graceMs: number
  readonly history: number
  readonly by: string
}

/** A time of leading, seen by the jobs. */
export interface Tenure {
  readonly leadership: Leadership
  /** Aborts when no run may be started any more. */
  readonly over: AbortSignal
  /** Aborts when those that run should end. */
  readonly stop: AbortSignal
}

const RECHECK_MS = 10_000

export class CronJob {
  readonly spec: JobSpec
  readonly ledger: JobLedger
  readonly #zk: Zk
  readonly #running = new Set<Promise<void>>()
  readonly #removed = quietController()

  constructor(zk: Zk, spec: JobSpec, ledger: JobLedger) {
    this.#zk = zk
    this.spec = spec
    this.ledger = ledger
  }

  /** Starts nothing any more. */
  remove(): void {
    this.#removed.abort()
  }

  /** Resolves when no run goes on. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  /** Runs what falls due, until the tenure is over or the job removed. Never rejects. */
  async lead(tenure: Tenure): Promise<void> {
    const over = quietController()
    const unlisten = [tenure.over, this.#removed.signal].map((signal) =>
      onAbort(signal, (reason) => over.abort(reason)),
    )
    try {
      await this.#follow({ ...tenure, over: over.signal })
    } catch (error) {
      if (over.signal.aborted || !tenure.leadership.isHeld) return
      this.#say('error', 'this job is not run any more, until leadership changes', { error })
    } finally {
      for (const stop of unlisten) stop()
    }
  }

  async #follow(tenure: Tenure): Promise<void> {
    const { clock } = this.#zk.runtime
    const { over } = tenure
    let position = (await this.#open(tenure)).cursor
    for (;;) {
      over.throwIfAborted()
      const now = clock.wall()
      const latest = this.spec.schedule.latest(position, now)
      if (latest !== undefined) {
        position = await this.#due(position, latest, tenure)
        continue
      }
      const next = this.spec.schedule.next(position) ?? Infinity
      // At least a millisecond: what is left over from rounding could be too little for a timer to get anywhere.
      await sleep(clock, Math.min(Math.max(1, next - now), RECHECK_MS), over)
    }
  }

  /** The record, which the first leader to see the job makes: nothing that was due before is late. */
  async #open({ leadership, over }: Tenure): Promise<JobRecord> {
    const { schedule } = this.spec
    const { pattern, timezone } = schedule
    const cursor = this.#zk.runtime.clock.wall()
    const found = await this.ledger.read(over)
    const made = await this.ledger.change(
      {
        edit: (record) => {
          if (record === undefined) return { cursor, pattern, timezone, runs: [] }
          const isSame = record.pattern === pattern && record.timezone === timezone
          return isSame ? undefined : { ...record, pattern, timezone }
        },
        isIn: (record) => record.pattern === pattern && record.timezone === timezone,
        guard: leadership,
      },
      over,
    )
    const record = made ?? found ?? { cursor, pattern, timezone, runs: [] }
    if (record.cursor > cursor + RECHECK_MS) {
      const message = 'its last run was due in the future by our clock: nothing is due until then'
      this.#say('warn', message, { lastDue: new Date(record.cursor) })
    }
    return record
  }

  /** A due time has come since `position`. Gives where to go on from. */
  async #due(position: number, latest: number, tenure: Tenure): Promise<number> {
    const { misfire, overlap, graceMs, schedule } = this.spec
    const { clock } = this.#zk.runtime
    let due = latest
    if (this.#running.size > 0 && overlap !== 'allow') {
      if (overlap === 'skip') {
        this.#say('info', 'skipped a run: an earlier one goes on', { due: new Date(due) })
        return due
      }
      await abortable(this.idle(), tenure.over)
      // Meanwhile others may have fallen due: one run for all of them.
      due = schedule.latest(position, clock.wall()) ?? latest
    } else if (misfire === 'skip' && clock.wall() - due > graceMs) {
      this.#say('info', 'skipped a run: it is late', { due: new Date(due) })
      return due
    }
    try {
      return await this.#start(due, tenure)
    } catch (error) {
      if (tenure.over.aborted || !tenure.leadership.isHeld) throw error
      this.#say('error', 'a run was not started: its start could not be written', {
        due: new Date(due),
        error,
      })
      return due
    }
  }

  async #start(due: number, tenure: Tenure): Promise<number> {
    const { leadership, over } = tenure
    const { by, history, schedule } = this.spec
    const { clock, random } = this.#zk.runtime
    const { pattern, timezone } = schedule
    const run: RunRecord = {
      id: random.uuid(),
      due,
      startedAt: clock.wall(),
      by,
      fencingToken: String(leadership.fencingToken),
      outcome: 'running',
    }
    let cursor = due
    const record = await this.ledger.change(
      {
        edit: (known) => {
          cursor = Math.max(due, known?.cursor ?? 0)
          if (known !== undefined && known.cursor >= due) return undefined
          const runs = [run, ...(known?.runs ?? []).map((each) => asAbandoned(each, run))].slice(0, history)
          return { cursor: due, pattern, timezone, runs }
        },
        isIn: ({ runs }) => runs.some(({ id }) => id === run.id),
        guard: leadership,
      },
      over,
    )
    // Undefined: another leader has started it, or a later one, already.
    if (record !== undefined) this.#launch(run, tenure)
    return cursor
  }

  #launch(run: RunRecord, tenure: Tenure): void {
    const running = this.#run(run, tenure).finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #run(run: RunRecord, { leadership, stop }: Tenure): Promise<void> {
    const { name, task } = this.spec
    const { id, due } = run
    let outcome: Pick<RunRecord, 'outcome' | 'error'> = { outcome: 'done' }
    try {
      // It took until now to know that the start was written; if we lead no more, it did not begin in time.
      stop.throwIfAborted()
      await task({
        job: name,
        id,
        due: new Date(due),
        signal: stop,
        fencingToken: leadership.fencingToken,
        guard: (transaction) => leadership.guard(transaction),
      })
    } catch (error) {
      outcome = { outcome: 'failed', error: errorText(error) }
      this.#say('error', 'a run has failed', { run: id, due: new Date(due), error })
    }
    await this.#end(run, outcome)
  }

  /** Not under the guard: what it says is true whoever leads now, and it changes nothing but the run's own entry. */
  async #end(run: RunRecord, outcome: Pick<RunRecord, 'outcome' | 'error'>): Promise<void> {
    const endedAt = this.#zk.runtime.clock.wall()
    const giveUp = quietController()
    try {
      await this.ledger.change(
        {
          edit: (record) => {
            if (!record?.runs.some(({ id }) => id === run.id)) return undefined
            const runs = record.runs.map((each) =>
              each.id === run.id ? { ...each, ...outcome, endedAt } : each,
            )
            return { ...record, runs }
          },
          isIn: ({ runs }) => runs.some(({ id, endedAt: ended }) => id === run.id && ended !== undefined),
        },
        giveUp.signal,
      )
    } catch (error) {
      this.#say('warn', 'the end of a run could not be written', { run: run.id, error })
    }
  }

  #say(level: 'info' | 'warn' | 'error', message: string, fields: object): void {
    this.#zk.logger[level]({ path: this.ledger.path, job: this.spec.name, ...fields }, message)
  }
}

/** What runs under an earlier leadership has no known end. */
export function asAbandoned(run: RunRecord, { fencingToken }: Pick<RunRecord, 'fencingToken'>): RunRecord {
  return run.outcome === 'running' && run.fencingToken !== fencingToken
    ? { ...run, outcome: 'abandoned' }
    : run
}
