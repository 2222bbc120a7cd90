/**
 * Works through a queue: takes items, so many at a time, and runs a handler on each. Done: acknowledged. Failed: given
 * back for another attempt after a growing wait, and after the last one moved to the dead letters.
 *
 * Attempts and errors are kept with the items on the server, so they count across processes and crashes. In other
 * libraries' formats there is no place for them: there the attempts are made one after the other in this process, with
 * the claim kept.
 *
 * It installs no process signal handlers: call `stop()` from yours. A handler's error is never an unhandled rejection.
 */
import { hasCode } from '../../src/api/errors.js'
import { deferred } from '../../src/runtime/deferred.js'
import { abortable, checkTimeout, quietController } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import type { Delivery } from '../queue/delivery.js'
import type { WorkQueue } from '../queue/work-queue.js'
import { checkBackoff, type BackoffOptions } from './backoff.js'
import { Emitter } from './emitter.js'
import { JobRun, type Job, type WorkerEvents } from './job.js'

export type { Job, WorkerEvents } from './job.js'

export interface WorkerOptions {
  /** How many items at a time. Default 1. */
  readonly concurrency?: number | undefined
  /** How often an item is tried before it is a dead letter: p-retry's `retries` + 1. Default 5; Infinity allowed. */
  readonly attempts?: number | undefined
  /** The waits between attempts, as p-retry's. */
  readonly backoff?: BackoffOptions | undefined
  /** Bound on one run of the handler, in milliseconds. Default: none. */
  readonly timeoutMs?: number | undefined
  /** Begin at once. Default true; else call `start()`. */
  readonly autoStart?: boolean | undefined
}

const EVENTS: readonly (keyof WorkerEvents<unknown>)[] = [
  'active',
  'completed',
  'retrying',
  'dead',
  'returned',
  'lost',
  'progress',
  'error',
]

/** `idle` before the start; `stopping` while the last items are worked on. */
export type WorkerState = 'idle' | 'running' | 'stopping' | 'stopped'

export class Worker<T> implements AsyncDisposable {
  readonly queue: WorkQueue<T>
  readonly #handler: (item: T, job: Job<T>) => unknown
  readonly #options: Omit<WorkerOptions, 'concurrency' | 'attempts'> & {
    readonly concurrency: number
    readonly attempts: number
  }
  readonly #events: Emitter<WorkerEvents<T>>
  readonly #running = new Set<JobRun<T>>()
  /** Aborts when nothing more is to be taken. */
  readonly #stopTaking = quietController()
  /** Aborts when what runs is to end. */
  readonly #killed = quietController()
  readonly #ended = deferred<undefined>()
  #state: WorkerState = 'idle'

  /**
   * @param handler - what it returns does not matter, unless it rejects.
   * @throws TypeError, RangeError for a bad option.
   */
  constructor(queue: WorkQueue<T>, handler: (item: T, job: Job<T>) => unknown, options: WorkerOptions = {}) {
    const { concurrency = 1, attempts = 5, autoStart = true } = options
    if (typeof handler !== 'function') throw new TypeError(`a worker needs a function, got ${typeof handler}`)
    checkCount(concurrency, 'concurrency')
    if (attempts !== Infinity) checkCount(attempts, 'attempts')
    checkTimeout(options.timeoutMs)
    checkBackoff(options.backoff ?? {})
    this.queue = queue
    this.#handler = handler
    this.#options = { ...options, concurrency, attempts }
    this.#events = new Emitter<WorkerEvents<T>>(queue.zk.logger, EVENTS)
    if (autoStart) this.start()
  }

  get state(): WorkerState {
    return this.#state
  }

  /** How many handlers run now. */
  get active(): number {
    return this.#running.size
  }

  /** Calls `listener` at each such event, in order. Returns the way to stop. What it throws is logged. */
  on<K extends keyof WorkerEvents<T>>(name: K, listener: (event: WorkerEvents<T>[K]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /** Begins to take items. Once only. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'running'
    const lanes = Array.from({ length: this.#options.concurrency }, async () => this.#lane())
    void Promise.all(lanes).then(() => {
      this.#state = 'stopped'
      this.#ended.resolve(undefined)
    })
  }

  /**
   * Resolves when it has stopped, for whatever reason: `stop()`, `kill()`, or the end of the client.
   *
   * @throws TimeoutError, or the signal's reason; nothing else.
   */
  async done(options: WaitOptions = {}): Promise<void> {
    await this.#untilEnded('wait for the end', options)
  }

  /**
   * Takes no more, and resolves when what runs is done and settled. A wait for another attempt (other libraries' formats)
   * is cut short, and the item given back.
   *
   * @throws TimeoutError, or the signal's reason: it goes on stopping; `kill()` ends it.
   */
  async stop(options: WaitOptions = {}): Promise<void> {
    await this.#untilEnded('stop', options, () => this.#halt())
  }

  async #untilEnded(what: string, options: WaitOptions, begin: () => void = () => undefined): Promise<void> {
    using attempt = new Attempt(this.queue.zk, what, this.queue.path, options)
    attempt.stage = 'waiting for handlers to end'
    begin()
    await abortable(this.#ended.promise, attempt.signal)
  }

  /**
   * Takes no more, aborts the handlers' signals and gives their items back at once, without waiting for the handlers: one
   * that does not listen to its signal runs on beside whoever takes its item next. Resolves when all is given back.
   *
   * @throws TimeoutError, or the signal's reason: the giving back goes on in the background.
   */
  async kill(options: WaitOptions = {}): Promise<void> {
    await this.#untilEnded('kill', options, () => {
      this.#halt()
      this.#killed.abort(new Error('the worker was killed'))
    })
  }

  #halt(): void {
    if (this.#state === 'idle') {
      this.#state = 'stopped'
      this.#ended.resolve(undefined)
    }
    if (this.#state === 'running') this.#state = 'stopping'
    this.#stopTaking.abort(new Error('the worker stops'))
  }

  /** One of those that work side by side. The next item is taken while the last one's acknowledgement is under way. */
  async #lane(): Promise<void> {
    let settled: Promise<void> = Promise.resolve()
    for (;;) {
      let delivery: Delivery<T>
      try {
        delivery = await this.queue.take({ signal: this.#stopTaking.signal })
      } catch (error) {
        await settled
        if (this.#stopTaking.signal.aborted) return
        this.#events.emit('error', { error })
        // The client is closed, or the server refuses for good.
        this.queue.zk.logger.error(
          { path: this.queue.path, error },
          'a worker can take no more items and stops',
        )
        this.#halt()
        return
      }
      await settled
      const run = this.#runOf(delivery)
      settled = this.#work(run, delivery)
      await run.handled()
      this.#running.delete(run)
    }
  }

  #runOf(delivery: Delivery<T>): JobRun<T> {
    return new JobRun<T>(
      {
        zk: this.queue.zk,
        handler: this.#handler,
        options: this.#options,
        events: this.#events,
        keepsAttempts: this.queue.keepsAttempts,
        stopping: this.#stopTaking.signal,
        killed: this.#killed.signal,
      },
      delivery,
    )
  }

  async #work(run: JobRun<T>, delivery: Delivery<T>): Promise<void> {
    this.#running.add(run)
    try {
      await run.toEnd()
    } catch (error) {
      if (!hasCode(error, 'LOCK_LOST')) this.#events.emit('error', { error, id: delivery.id })
    }
  }

  /** As `stop()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

function checkCount(count: unknown, what: string): void {
  if (typeof count !== 'number') throw new TypeError(`${what} must be a number, got ${typeof count}`)
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`${what} must be an integer ≥ 1, got ${count}`)
}
