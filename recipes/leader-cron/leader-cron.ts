/**
 * Cron jobs that run in one process at a time: in the one that leads.
 *
 *   path/leader/_c_<uuid>-latch-<sequence>   a LeaderLatch: who may start runs
 *   path/jobs/<name>                         what was started: the newest due time, and the last runs
 *
 * A run starts only after its start was written, in a transaction that checks the leader's znode and that the due time is
 * newer than any before. So each due time runs at most once across the cluster: a leader that was deposed without noticing
 * can't start one. It may not run at all: if nobody leads then and the policy skips what is late, or if the leader dies
 * between writing and running. A task that ignores its `signal` may still be at work when another leader starts the next.
 *
 * All processes should schedule the same jobs: only those of the leader are run.
 */
import type { Acl } from '../../src/api/acl.js'
import { ClosedError, hasCode, UnsupportedError } from '../../src/api/errors.js'
import { joinPath, validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable, checkTimeout, onAbort, quietController } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkOneOf, encodeName } from '../kernel/check.js'
import { beforeRetry } from '../kernel/failure.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import type { LossPolicy } from '../kernel/loss-policy.js'
import { LeaderLatch, type LatchState } from '../leadership/leader-latch.js'
import type { Leadership } from '../leadership/leadership.js'
import { asAbandoned, CronJob, type CronTask, type MisfirePolicy, type OverlapPolicy } from './cron-job.js'
import { JobLedger } from './job-ledger.js'
import { noRecord, type JobRecord, type RunOutcome, type RunRecord } from './job-record.js'
import { Schedule } from './schedule.js'

export interface LeaderCronOptions {
  /** Who we are, for the history. Default: host name and process id. */
  readonly id?: string | undefined
  /** For our znodes and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /** When leadership counts as lost while the connection is: `deadline` (default) or `suspended`, at once. */
  readonly lossPolicy?: LossPolicy | undefined
  /** How many runs of each job are kept: 1 to 100. Default: 20. */
  readonly history?: number | undefined
}

export interface CronScheduleOptions {
  /** What the job is called on the server, the same in all processes. Default: the pattern. */
  readonly name?: string | undefined
  /** An IANA zone. Default: `UTC`, so that all hosts agree. */
  readonly timezone?: string | undefined
  /** For a due time that is late by more than `graceMs`: `skip` it (default), or `run-once` for all that were missed. */
  readonly misfire?: MisfirePolicy | undefined
  /** How late a run may begin and still be on time, in milliseconds. Default: 5,000. */
  readonly graceMs?: number | undefined
  /**
   * While an earlier run goes on in this process: `skip` (default) what falls due, `queue` one run behind it, or `allow`
   * them side by side.
   */
  readonly overlap?: OverlapPolicy | undefined
}

export interface CronCloseOptions extends WaitOptions {
  /** What becomes of the runs under way: `abort` (default) their signals, or let them `finish`. Both are waited for. */
  readonly mode?: 'abort' | 'finish' | undefined
}

/** A run as the history has it. */
export interface CronRunInfo {
  readonly id: string
  readonly due: Date
  readonly startedAt: Date
  readonly endedAt: Date | undefined
  readonly by: string
  readonly fencingToken: bigint
  /** `abandoned`: the leadership under which it began ended before its end was written. */
  readonly outcome: RunOutcome
  /** What the task threw, shortened. */
  readonly error: string | undefined
}

export interface CronJobInfo {
  readonly name: string
  readonly pattern: string
  readonly timezone: string
  /** Scheduled in this process too. */
  readonly isLocal: boolean
  /** Undefined if it is never due again. */
  readonly next: Date | undefined
  readonly last: CronRunInfo | undefined
  /** The newest first. */
  readonly runs: readonly CronRunInfo[]
}

interface Reign {
  readonly leadership: Leadership
  readonly over: AbortController
  readonly stop: AbortController
  readonly unlisten: () => void
}

export class LeaderCron implements AsyncDisposable {
  readonly path: string
  readonly #zk: Zk
  readonly #latch: LeaderLatch
  readonly #acl: readonly Acl[] | undefined
  readonly #history: number
  readonly #jobs = new Map<string, CronJob>()
  readonly #removed = new Set<CronJob>()
  #reign: Reign | undefined
  #closed: Promise<void> | undefined

  /**
   * @param path - the parent of what is written. Missing parents are made when needed.
   * @throws TypeError, RangeError for bad arguments; UnsupportedError if the client has no transactions.
   */
  constructor(zk: Zk, path: string, options: LeaderCronOptions = {}) {
    validatePath(path)
    const { history = 20, ...latch } = options
    if (!Number.isInteger(history) || history < 1 || history > 100)
      throw new RangeError(`history must be an integer from 1 to 100, got ${history}`)
    if (!zk.supports('transactions'))
      throw new UnsupportedError(
        'UNSUPPORTED',
        'LeaderCron needs transactions, which this driver has not: use the built-in client',
      )
    this.#latch = new LeaderLatch(zk, joinPath(path, 'leader'), latch)
    this.path = path
    this.#zk = zk
    this.#acl = options.acl
    this.#history = history
    this.#latch.on('state', (state) => this.#onState(state))
  }

  /** Of the latch beneath: whether we take part, and lead. */
  get state(): LatchState {
    return this.#latch.state
  }

  /** Whether the runs are started here. See {@link LeaderLatch.isLeader}. */
  get isLeader(): boolean {
    return this.#latch.isLeader
  }

  /** Calls `listener` at each change of {@link state}, in order. Returns the way to stop. What it throws is logged. */
  on(event: 'state', listener: (state: LatchState) => void): () => void {
    return this.#latch.on(event, listener)
  }

  /**
   * Has `task` run at each time that `pattern` says (croner's: five fields, or six with seconds), in the process that
   * leads. What the task throws is written to the history and logged. May be called at any time before `close()`.
   *
   * @returns the way to take it back: nothing is started any more here; what runs goes on.
   * @throws TypeError, RangeError for a bad pattern, zone or policy, or a name that is taken.
   */
  schedule(pattern: string, task: CronTask, options: CronScheduleOptions = {}): () => void {
    const { name = pattern, timezone, misfire = 'skip', overlap = 'skip', graceMs = 5_000 } = options
    const schedule = new Schedule(pattern, timezone)
    if (typeof task !== 'function') throw new TypeError(`schedule needs a function, got ${typeof task}`)
    if (typeof name !== 'string' || name === '') throw new TypeError('name must be a non-empty string')
    if (this.#jobs.has(name)) throw new TypeError(`a job is called ${JSON.stringify(name)} already`)
    checkOneOf('misfire', misfire, ['skip', 'run-once'])
    checkOneOf('overlap', overlap, ['skip', 'queue', 'allow'])
    checkTimeout(graceMs, 'graceMs')
    if (this.#closed !== undefined) throw new TypeError('the scheduler is closed')
    const history = this.#history
    const spec = { name, schedule, task, misfire, overlap, graceMs, history, by: this.#latch.id }
    const job = new CronJob(this.#zk, spec, this.#ledgerOf(name))
    this.#jobs.set(name, job)
    this.#begin(job)
    return () => {
      if (this.#jobs.get(name) !== job) return
      this.#jobs.delete(name)
      job.remove()
      this.#removed.add(job)
      void job.idle().then(() => this.#removed.delete(job))
    }
  }

  #ledgerOf(name: string): JobLedger {
    return new JobLedger(this.#zk, joinPath(this.#jobsPath, nodeNameOf(name)), this.#acl)
  }

  get #jobsPath(): string {
    return joinPath(this.path, 'jobs')
  }

  /**
   * Takes part in leading. Resolves when our znode stands; from then on jobs run here whenever we lead.
   *
   * @throws as {@link LeaderLatch.start}.
   */
  async start(options: WaitOptions = {}): Promise<void> {
    await this.#latch.start(options)
  }

  #onState(state: LatchState): void {
    const leadership = state.status === 'started' ? state.leadership : undefined
    if (leadership === undefined || this.#closed !== undefined) return
    const [over, stop] = [quietController(), quietController()]
    const unlisten = onAbort(leadership.signal, (reason) => {
      over.abort(reason)
      stop.abort(reason)
    })
    this.#reign = { leadership, over, stop, unlisten }
    for (const job of this.#jobs.values()) this.#begin(job)
  }

  #begin(job: CronJob): void {
    const reign = this.#reign
    if (reign === undefined || reign.over.signal.aborted) return
    const { leadership, over, stop } = reign
    void job.lead({ leadership, over: over.signal, stop: stop.signal })
  }

  /**
   * Starts no more runs, waits for those under way and for what is written of them, then gives up leadership. For good.
   * May be called again.
   *
   * @param options - when the limit is over leadership is given up though runs go on, and it rejects with `TimeoutError` or the
   * signal's reason.
   */
  async close(options: CronCloseOptions = {}): Promise<void> {
    const { mode = 'abort', ...limits } = options
    checkOneOf('mode', mode, ['abort', 'finish'])
    using attempt = new Attempt(this.#zk, 'close', this.path, limits)
    attempt.stage = 'waiting for the runs under way'
    const reason = new ClosedError(`the scheduler on ${this.path} is closed`)
    this.#reign?.over.abort(reason)
    if (mode === 'abort') this.#reign?.stop.abort(reason)
    this.#closed ??= this.#idle()
    try {
      await abortable(this.#closed, attempt.signal)
    } catch (error) {
      this.#reign?.stop.abort(reason)
      void this.#latch.close()
      throw error
    }
    attempt.stage = 'waiting for the server to confirm it (the deletion goes on in the background)'
    await abortable(this.#latch.close(), attempt.signal)
  }

  async #idle(): Promise<void> {
    await Promise.all([...this.#jobs.values(), ...this.#removed].map(async (job) => job.idle()))
    this.#reign?.unlisten()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** All jobs that are known here or on the server, by name, with their last runs and the next due time. */
  async jobs(options: WaitOptions = {}): Promise<CronJobInfo[]> {
    using attempt = new Attempt(this.#zk, 'jobs', this.path, options)
    const { signal } = attempt
    attempt.stage = 'waiting for the list of jobs'
    const names = new Set([...this.#jobs.keys(), ...(await this.#namesOnServer(signal))])
    const leader = await this.#latch.leader({ signal })
    attempt.stage = 'reading the jobs'
    const found = await Promise.all(
      [...names].sort().map(async (name) => {
        const record = await this.#ledgerOf(name).read(signal)
        return this.#infoOf(name, record, String(leader?.fencingToken))
      }),
    )
    return found.filter((info) => info !== undefined)
  }

  async #namesOnServer(signal: AbortSignal): Promise<string[]> {
    for (let repetition = 0; ; repetition++) {
      try {
        if (repetition > 0) await beforeRetry(this.#zk, repetition, signal)
        const { children } = await this.#zk.children(this.#jobsPath, { signal })
        return children.map(nameIn).filter((name) => name !== undefined)
      } catch (error) {
        signal.throwIfAborted()
        if (hasCode(error, 'NO_NODE')) return []
        throwUnlessPassing(error)
      }
    }
  }

  #scheduleOf(name: string, { pattern, timezone }: JobRecord): Schedule {
    try {
      return new Schedule(pattern, timezone)
    } catch (cause) {
      throw noRecord(this.#ledgerOf(name).path, cause)
    }
  }

  #infoOf(name: string, record: JobRecord | undefined, fencingToken: string): CronJobInfo | undefined {
    const local = this.#jobs.get(name)
    const schedule = local?.spec.schedule ?? (record && this.#scheduleOf(name, record))
    if (schedule === undefined) return undefined
    const { pattern, timezone } = schedule
    const next = schedule.next(Math.max(this.#zk.runtime.clock.wall(), record?.cursor ?? 0))
    const runs = (record?.runs ?? []).map((run) => runInfo(asAbandoned(run, { fencingToken })))
    return {
      name,
      pattern,
      timezone,
      isLocal: local !== undefined,
      next: next === undefined ? undefined : new Date(next),
      last: runs[0],
      runs,
    }
  }
}

function runInfo({ id, due, startedAt, endedAt, by, fencingToken, outcome, error }: RunRecord): CronRunInfo {
  return {
    id,
    due: new Date(due),
    startedAt: new Date(startedAt),
    endedAt: endedAt === undefined ? undefined : new Date(endedAt),
    by,
    fencingToken: BigInt(fencingToken),
    outcome,
    error,
  }
}

/** Any name as that of a znode: no slash, and neither `.` nor `..`. */
function nodeNameOf(name: string): string {
  return encodeName('name', name).replace(/^\.+$/, (dots) => dots.replaceAll('.', '%2E'))
}

/** The job that a znode is of; undefined if no job of ours can be called so. */
function nameIn(child: string): string | undefined {
  try {
    const name = decodeURIComponent(child)
    return nodeNameOf(name) === child ? name : undefined
  } catch {
    return undefined
  }
}
