/** One item in a worker's hands: the handler's run, and what follows from its end. */
import { hasCode, TimeoutError } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable, onAbort, quietController, sleep } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import type { Delivery } from '../queue/delivery.js'
import { backoffMs, type BackoffOptions } from './backoff.js'
import type { Emitter } from './emitter.js'

/** What a handler is told besides the item. */
export interface Job<T> {
  readonly id: string
  /** From 1. */
  readonly attempt: number
  /** Why the attempt before failed. */
  readonly lastError: string | undefined
  /** Aborts when the claim is lost, the time is over or the worker was killed; its reason says which. */
  readonly signal: AbortSignal
  /** For `guard()`, and for an `ack({ with })` by the handler itself: the worker then leaves it at that. */
  readonly delivery: Delivery<T>
  /** Says how far it is: to listeners here, and on the server to whoever asks for the queue's `claims()`. */
  progress(value: unknown): Promise<void>
}

interface Told {
  readonly id: string
  readonly attempt: number
}

export interface WorkerEvents<T> {
  /** The handler begins. */
  readonly active: Told & { readonly item: T }
  /** Done and acknowledged. */
  readonly completed: Told & { readonly item: T }
  /** The handler failed, or ran out of time; another attempt follows in `delayMs`. */
  readonly retrying: Told & { readonly item: T; readonly error: unknown; readonly delayMs: number }
  /** The last attempt failed; the item is among the dead letters. */
  readonly dead: Told & { readonly item: T; readonly error: unknown }
  /** Given back unfinished, as the worker stops or was killed. */
  readonly returned: Told & { readonly item: T }
  /** The item was lost while it was worked on: another worker has it or will. */
  readonly lost: Told & { readonly item: T; readonly error: unknown }
  readonly progress: Told & { readonly value: unknown }
  /** What nobody else is told. Without a listener it is only logged. */
  readonly error: { readonly error: unknown; readonly id?: string }
}

export interface JobSpec<T> {
  readonly zk: Zk
  readonly handler: (item: T, job: Job<T>) => unknown
  readonly options: {
    readonly attempts: number
    readonly backoff?: BackoffOptions | undefined
    readonly timeoutMs?: number | undefined
  }
  readonly events: Emitter<WorkerEvents<T>>
  readonly keepsAttempts: boolean
  readonly stopping: AbortSignal
  readonly killed: AbortSignal
}

type End =
  | { readonly how: 'done' }
  | { readonly how: 'killed' }
  | { readonly how: 'lost'; readonly error: unknown }
  | { readonly how: 'failed'; readonly error: unknown }

export class JobRun<T> {
  readonly #spec: JobSpec<T>
  readonly #delivery: Delivery<T>
  readonly #handled = deferred<undefined>()
  #attempt: number

  constructor(spec: JobSpec<T>, delivery: Delivery<T>) {
    this.#spec = spec
    this.#delivery = delivery
    this.#attempt = delivery.attempt
  }

  get #told(): Told & { readonly item: T } {
    const { id, item } = this.#delivery
    return { id, attempt: this.#attempt, item }
  }

  /** Resolves when no handler runs any more, and what follows from its end is on its way to the server. */
  async handled(): Promise<void> {
    await this.#handled.promise
  }

  /** Rejects only with what the server refuses, or a loss that was told already. */
  async toEnd(): Promise<void> {
    try {
      await this.#toEnd()
    } finally {
      this.#handled.resolve(undefined)
    }
  }

  async #toEnd(): Promise<void> {
    const { events, options, keepsAttempts } = this.#spec
    for (;;) {
      // A consumer before us crashed at the last attempt.
      if (this.#attempt > options.attempts) {
        const lastError = this.#delivery.lastError ?? 'none: its worker died'
        return this.#giveUp(new Error(`attempt ${this.#attempt - 1} was the last; its error: ${lastError}`))
      }
      const end = await this.#run()
      if (end.how === 'done') return this.#settle(async () => this.#delivery.ack(), 'completed')
      if (end.how === 'killed') return this.#settle(async () => this.#delivery.nack(), 'returned')
      if (end.how === 'lost') return events.emit('lost', { ...this.#told, error: end.error })
      if (this.#attempt >= options.attempts) return this.#giveUp(end.error)
      const delayMs = backoffMs(options.backoff ?? {}, this.#attempt, this.#spec.zk.runtime.random)
      events.emit('retrying', { ...this.#told, error: end.error, delayMs })
      if (keepsAttempts) return this.#settle(async () => this.#delivery.nack({ delayMs, error: end.error }))
      if (!(await this.#pause(delayMs))) return this.#settle(async () => this.#delivery.nack(), 'returned')
      this.#attempt++
    }
  }

  async #giveUp(error: unknown): Promise<void> {
    await this.#settle(async () => this.#delivery.deadLetter(error))
    if (!this.#delivery.signal.aborted) this.#spec.events.emit('dead', { ...this.#told, error })
  }

  /** Tells a loss as an event. */
  async #settle(settle: () => Promise<void>, then?: 'completed' | 'returned'): Promise<void> {
    const settling = settle()
    this.#handled.resolve(undefined)
    try {
      await settling
    } catch (error) {
      if (hasCode(error, 'LOCK_LOST')) this.#spec.events.emit('lost', { ...this.#told, error })
      throw error
    }
    if (then !== undefined) this.#spec.events.emit(then, this.#told)
  }

  /** False if it was cut short. */
  async #pause(ms: number): Promise<boolean> {
    const { zk, stopping } = this.#spec
    const cut = quietController()
    const unlisten = [onAbort(stopping, () => cut.abort()), onAbort(this.#delivery.signal, () => cut.abort())]
    try {
      await sleep(zk.runtime.clock, ms, cut.signal)
      return true
    } catch {
      return false
    } finally {
      for (const stop of unlisten) stop()
    }
  }

  async #run(): Promise<End> {
    const { zk, handler, options, events, killed } = this.#spec
    const { item, signal: lost } = this.#delivery
    const controller = quietController()
    const { timeoutMs } = options
    const abort = (reason: unknown): void => controller.abort(reason)
    const unlisten = [onAbort(lost, abort), onAbort(killed, abort)]
    const timeout = (): void =>
      abort(
        new TimeoutError(`the handler was not done within ${timeoutMs} ms`, { path: this.#delivery.path }),
      )
    const timer =
      timeoutMs === undefined || timeoutMs === Infinity
        ? undefined
        : zk.runtime.clock.setTimer(timeoutMs, timeout)
    events.emit('active', this.#told)
    try {
      // Through a promise, so that a handler that throws at once fails like any other.
      const handled = Promise.resolve().then(async () => handler(item, this.#job(controller.signal)))
      await abortable(handled, controller.signal)
      return { how: 'done' }
    } catch (error) {
      if (lost.aborted) return { how: 'lost', error: lost.reason }
      if (killed.aborted) return { how: 'killed' }
      return { how: 'failed', error }
    } finally {
      timer?.cancel()
      for (const stop of unlisten) stop()
    }
  }

  #job(signal: AbortSignal): Job<T> {
    const delivery = this.#delivery
    return {
      id: delivery.id,
      attempt: this.#attempt,
      lastError: delivery.lastError,
      signal,
      delivery,
      progress: async (value) => {
        this.#spec.events.emit('progress', { id: delivery.id, attempt: this.#attempt, value })
        await delivery.progress(value)
      },
    }
  }
}
