/**
 * One value in one znode, changed by compare-and-set: what counters and shared values are made of.
 *
 *   path                   persistent; the value's bytes in somebody's format
 *   path/_op_<uuid>        of each writer, while it writes (operation-marker.ts)
 *
 * Protocol: a change is a function of the value. The cell reads the value, applies the function, and writes the result at
 * the version that it read; if others were faster, it starts over after a pause with jitter.
 *
 * Invariants:
 * - A change is applied at most once. A write whose reply is lost is looked up by its marker before anything else is
 *   written; what can't be looked up (the session ended with the marker) rejects with outcome `unknown`, unless the
 *   value itself proves that it was not written.
 * - A repeated write can't be doubled by the first one coming in late: it has the same bytes and is at the same version,
 *   so one of the two fails, and after a failure the marker is asked again.
 * - An answer that writes nothing ("it is not what you expected") is given from a read in sync with the leader.
 *
 * Speed: the value and version of our own last write are kept, so that a writer who is alone sends one request for a
 * change, the write. After a conflict the next change reads first. Changes that come in while one is under way are
 * written together: each is applied in its turn to what the one before it left, and one transaction carries the last value.
 * With `lockPath`, a change that has lost several times queues up for a mutex there (Curator's PromotedToLock).
 */
import type { Acl } from '../../src/api/acl.js'
import { ConnectionLossError, TimeoutError } from '../../src/api/errors.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { abortable, neverSignal, quietController, sleep } from '../../src/runtime/abort.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { Attempt, awaitWithin, type WaitOptions } from '../kernel/attempt.js'
import type { ItemCodec } from '../kernel/codec.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import { dialects } from '../kernel/dialect.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry, isUnknown } from '../kernel/failure.js'
import { first } from '../kernel/line.js'
import type { Place } from '../kernel/place.js'
import { CellAccess, type Base, type Reading, type Sent, type WrittenAs } from './cell-access.js'
import { bytesOf, decodeOrThrow } from './decode.js'

export interface CellSpec<T> {
  readonly zk: Zk
  readonly path: string
  readonly codec: ItemCodec<T>
  /** What a missing znode, or one without data, stands for; none: that is an error. */
  readonly initial?: { readonly value: T } | undefined
  readonly acl?: readonly Acl[] | undefined
  /** Resolves lost replies by a marker. Else by the value, where that can tell. */
  readonly markers: boolean
  /** Changes that wait are written together. */
  readonly combine: boolean
  /** Where changes that lose too often take a mutex. */
  readonly lockPath?: string | undefined
}

export interface Current<T> {
  /** Throws if the data is no such value: who does not ask for it, as a set does not, is not told. */
  readonly value: T
  /** Undefined if there is no znode, or if the value is what an earlier change of the same transaction left. */
  readonly as: WrittenAs | undefined
}

/** What to write, if anything, and what to answer. */
export interface Step<T, A> {
  readonly write?: { readonly value: T }
  /** @param as - the state of the znode after the write, or as it was read. */
  readonly answer: (as: WrittenAs | undefined) => A
}

interface Job<T> {
  readonly step: (current: Current<T>) => Step<T, unknown>
  readonly canBeCancelled: boolean
  readonly done: Deferred<unknown>
  cancelled: boolean
  /** A write of it may have reached the server. */
  sent: boolean
}

interface Batch<T> {
  readonly jobs: readonly Job<T>[]
  /** Aborts when nobody waits for any of them any more; none if there is one that can't be cancelled. */
  readonly controller: AbortController | undefined
}

interface Plan {
  /** Undefined: nothing to write. */
  readonly data: Uint8Array | undefined
  readonly settle: (as: WrittenAs | undefined) => void
}

/** So many lost races make a change take the mutex, if there is one. */
const CONFLICTS_BEFORE_LOCK = 3
/** Pauses are counted in what a write takes, which is how long the others need to get done; but in no less than this. */
const SHORTEST_MS = 1
/**
 * Who lost keeps out of the way for some writes: a refused write costs the servers as much as one that is applied, and a writer
 * who is alone for a moment needs no read. With four writers that made 1.3 times as many changes a second as trying again at
 * once. It grows evenly, not by doubling, so that who has lost more often is not left behind by those who have just come.
 */
const PAUSE_WRITES = 3
const LONGEST_PAUSE_MS = 100

export class Cell<T> {
  readonly #spec: CellSpec<T>
  readonly #access: CellAccess
  readonly #queue: Job<T>[] = []
  #batch: Batch<T> | undefined
  #running = false

  constructor(spec: CellSpec<T>) {
    const { codec, initial, zk } = spec
    this.#spec = spec
    const markers = spec.markers && zk.supports('transactions')
    this.#access = new CellAccess({
      ...spec,
      markers,
      initial: () => initial && bytesOf(codec, initial.value),
    })
  }

  /** The value now, in sync with the leader: at least as new as the call. */
  async read(options: WaitOptions): Promise<Current<T>> {
    const { zk, path } = this.#spec
    using attempt = new Attempt(zk, 'read', path, options)
    const { signal } = attempt
    for (let repetition = 1; ; repetition++) {
      try {
        attempt.stage = 'waiting for a connection'
        const { generation } = await beforeRetry(zk, repetition, signal)
        attempt.stage = 'reading the value'
        return this.current(await this.#access.readInSync({ signal, generation }))
      } catch (error) {
        signal.throwIfAborted()
        throwUnlessPassing(error)
      }
    }
  }

  /** @throws NoNodeError if there is none, and no initial value. */
  current(reading: Reading): Current<T> {
    return new Decodable(this.#spec, reading)
  }

  /**
   * Applies `step` to the value and resolves with its answer once that is certain. `step` may be called several times;
   * what it throws rejects this call only.
   *
   * @throws ConnectionLossError with outcome `unknown`: see the invariants. TimeoutError, with outcome `unknown` if a
   * write was under way. The reason of the signal: then too a write that was under way may be applied.
   */
  async change<A>(what: string, step: (current: Current<T>) => Step<T, A>, options: WaitOptions): Promise<A> {
    const { zk, path } = this.#spec
    using attempt = new Attempt(zk, what, path, options)
    attempt.signal.throwIfAborted()
    attempt.stage = 'waiting for its turn or for the answer of the server'
    const canBeCancelled = attempt.signal !== neverSignal
    const job: Job<T> = { step, canBeCancelled, done: deferred(), cancelled: false, sent: false }
    this.#queue.push(job)
    if (!this.#running) void this.#run()
    try {
      return (await abortable(job.done.promise, attempt.signal)) as A
    } catch (error) {
      if (!attempt.signal.aborted) throw error
      this.#cancel(job)
      if (!job.sent || error !== attempt.signal.reason || !(error instanceof TimeoutError)) throw error
      throw new TimeoutError(error.message, { path, outcome: 'unknown' })
    }
  }

  /** Takes back what this handle keeps on the server, its marker. It is made again when needed. */
  async close(options?: WaitOptions): Promise<void> {
    const { zk, path } = this.#spec
    await awaitWithin(zk, 'close', path, options, async () => this.#access.close())
  }

  #cancel(job: Job<T>): void {
    job.cancelled = true
    const index = this.#queue.indexOf(job)
    if (index >= 0) this.#queue.splice(index, 1)
    if (this.#batch?.jobs.every(({ cancelled }) => cancelled) === true)
      this.#batch.controller?.abort(new Error('nobody waits for this change any more'))
  }

  async #run(): Promise<void> {
    this.#running = true
    // What is asked for in one turn goes out together.
    if (this.#spec.combine) await Promise.resolve()
    while (this.#queue.length > 0) {
      const jobs = this.#queue.splice(0, this.#spec.combine ? this.#queue.length : 1)
      const canBeLeft = jobs.every(({ canBeCancelled }) => canBeCancelled)
      this.#batch = { jobs, controller: canBeLeft ? quietController() : undefined }
      try {
        await this.#carryOut(this.#batch)
      } catch (error) {
        for (const { done } of jobs) done.reject(error)
      }
      this.#batch = undefined
    }
    this.#running = false
    this.#access.rest()
  }

  async #carryOut(batch: Batch<T>): Promise<void> {
    const { signal } = batch.controller ?? { signal: neverSignal }
    const course: Course = {
      signal,
      place: undefined,
      lost: undefined,
      conflicts: 0,
      writeMs: 0,
      failures: 0,
      inSync: false,
    }
    try {
      while (!(await this.#advance(batch, course)));
    } catch (error) {
      if (signal.aborted) this.#access.forget() // Perhaps with a write on its way: its marker is of no use any more.
      if (course.lost === undefined || isUnknown(error)) throw error
      throw this.#unknown(error)
    } finally {
      void course.place?.leave()
    }
  }

  /** One try. True when all is settled. */
  async #advance(batch: Batch<T>, course: Course): Promise<boolean> {
    const { signal } = course
    try {
      const session = await this.#session(course)
      if (course.lost !== undefined && (await this.#resolveLost(batch, course, course.lost, session)))
        return true
      const base = course.lost?.sent.base ?? (await this.#access.base(session, course.inSync, signal))
      const plan = course.lost?.plan ?? this.#plan(batch, base)
      if (plan.data === undefined) {
        if (base.inSync) plan.settle(base.as)
        course.inSync = true
        return base.inSync
      }
      for (const job of batch.jobs) job.sent = true
      const { clock } = this.#spec.zk.runtime
      const sentAt = clock.now()
      const end = await this.#access.write(base, plan.data, signal)
      course.writeMs = clock.now() - sentAt
      if (end.how === 'applied') plan.settle(end.as)
      else if (end.how === 'conflict') await this.#pause(course)
      else {
        course.lost = { sent: end.sent, plan }
        course.failures++
      }
      return end.how === 'applied'
    } catch (error) {
      signal.throwIfAborted()
      throwUnlessPassing(error)
      course.failures++
      return false
    }
  }

  async #session({ failures, signal }: Course): Promise<Session> {
    const { zk } = this.#spec
    if (failures === 0 && zk.state === 'connected' && zk.session !== undefined) return zk.session
    return beforeRetry(zk, failures, signal)
  }

  /** True if the batch is settled: the write was applied after all, or nobody can tell. */
  async #resolveLost(
    batch: Batch<T>,
    course: Course,
    { sent, plan }: Lost,
    session: Session,
  ): Promise<boolean> {
    const end = await this.#access.resolve(sent, session, course.signal)
    if (end.how === 'applied') plan.settle(end.as)
    if (end.how === 'unknown') for (const { done } of batch.jobs) done.reject(this.#unknown())
    if (end.how === 'dead') course.lost = undefined
    return end.how === 'applied' || end.how === 'unknown'
  }

  /** Lets each change have its turn on what the one before it left. */
  #plan({ jobs }: Batch<T>, base: Base): Plan {
    const { codec } = this.#spec
    let current: Current<T> = this.current(base)
    let data: Uint8Array | undefined
    const answers: ((written: WrittenAs | undefined) => void)[] = []
    for (const { step, done, cancelled } of jobs) {
      if (cancelled) continue
      try {
        const { write, answer } = step(current)
        if (write !== undefined) {
          data = bytesOf(codec, write.value)
          current = { value: write.value, as: undefined }
        }
        answers.push((written) => done.resolve(answer(written)))
      } catch (error) {
        answers.push(() => done.reject(error))
      }
    }
    return { data, settle: (written) => answers.forEach((answer) => answer(written)) }
  }

  async #pause(course: Course): Promise<void> {
    const { zk, path, lockPath, acl } = this.#spec
    course.conflicts++
    course.failures = 0
    course.inSync = false
    if (course.place !== undefined) return
    if (lockPath !== undefined && course.conflicts >= CONFLICTS_BEFORE_LOCK) {
      using attempt = new Attempt(zk, 'lock for', path, { signal: course.signal })
      const dialect = dialects.curator
      course.place = await new ContenderQueue({ zk, container: lockPath, dialect, data: '', acl }).wait(
        first,
        attempt,
      )
      return
    }
    const pauseMs = Math.max(SHORTEST_MS, course.writeMs) * (PAUSE_WRITES + course.conflicts)
    const jitter = 0.5 + zk.runtime.random.next()
    await sleep(zk.runtime.clock, Math.min(pauseMs, LONGEST_PAUSE_MS) * jitter, course.signal)
  }

  #unknown(cause?: unknown): ConnectionLossError {
    const { path } = this.#spec
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    const message = `${path}: the reply to a write got lost, and what became of it can not be found out${why}`
    return new ConnectionLossError(message, { path, cause })
  }
}

/** Decoded when it is asked for. A class: an object literal with a getter took 4% of an increment's CPU to make. */
class Decodable<T> implements Current<T> {
  readonly as: WrittenAs | undefined
  readonly #spec: CellSpec<T>
  readonly #data: Buffer | undefined
  #decoded: { readonly value: T } | undefined

  constructor(spec: CellSpec<T>, { data, as }: Reading) {
    this.#spec = spec
    this.#data = data
    this.as = as
  }

  get value(): T {
    this.#decoded ??= { value: decodeOrThrow(this.#spec, this.#data) }
    return this.#decoded.value
  }
}

/** Where the work on a batch stands. */
interface Course {
  readonly signal: AbortSignal
  /** In the queue for the mutex, once it was taken. */
  place: Place | undefined
  /** A write that may have been applied. */
  lost: Lost | undefined
  conflicts: number
  /** What our last write took. */
  writeMs: number
  failures: number
  inSync: boolean
}

interface Lost {
  readonly sent: Sent
  readonly plan: Plan
}
