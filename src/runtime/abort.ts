/**
 * Giving up: a caller's `AbortSignal` and a time limit, folded into one {@link Deadline} that is made once per call
 * and passed down, so that the limit bounds the whole call and never starts again on a retry.
 *
 * Every listener that is added to a user's signal is removed again: a signal may live as long as the process.
 */
import { setMaxListeners } from 'node:events'
import type { Clock, Timer } from './clock.js'

export interface DeadlineOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

const nothing = (): void => undefined

/** Throws `RangeError` or `TypeError` unless `timeoutMs` is a number of milliseconds ≥ 0 (Infinity allowed). */
export function checkTimeout(timeoutMs: unknown, name = 'timeoutMs'): void {
  if (timeoutMs === undefined) return
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
    throw new TypeError(
      `${name} must be a number of milliseconds, got ${typeof timeoutMs === 'number' ? 'NaN' : typeof timeoutMs}`,
    )
  }
  if (timeoutMs < 0) throw new RangeError(`${name} must not be negative, got ${timeoutMs}`)
}

/** Throws `TypeError` unless `signal` is an AbortSignal or left out. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new TypeError(`signal must be an AbortSignal, got ${typeof signal}`)
}

/**
 * Those who listen to one signal, behind one listener of its own. A caller may give one signal to any number of calls: Node
 * warns of a leak at the eleventh listener of a signal, and looks through all of them at each one more (10,000 waiters on
 * one signal held up the event loop for five seconds).
 */
class Audience {
  readonly #signal: AbortSignal
  readonly #listeners = new Set<{ readonly fn: (reason: unknown) => void }>()
  readonly #listener: (() => void) | undefined

  /** @param isOurs - its controller calls {@link dispatch}: there is no listener to add and remove. */
  constructor(signal: AbortSignal, isOurs: boolean) {
    this.#signal = signal
    audiences.set(signal, this)
    if (isOurs) return
    this.#listener = () => this.dispatch()
    signal.addEventListener('abort', this.#listener, { once: true })
  }

  add(fn: (reason: unknown) => void): () => void {
    const entry = { fn }
    this.#listeners.add(entry)
    return () => {
      if (this.#listeners.delete(entry) && this.#listeners.size === 0) this.#disband()
    }
  }

  dispatch(): void {
    audiences.delete(this.#signal)
    for (const { fn } of this.#listeners) {
      try {
        fn(this.#signal.reason)
      } catch (error) {
        // As an EventTarget does: the others are told all the same.
        process.nextTick(() => {
          throw error
        })
      }
    }
  }

  #disband(): void {
    if (this.#listener === undefined || this.#signal.aborted) return
    this.#signal.removeEventListener('abort', this.#listener)
    audiences.delete(this.#signal)
  }
}

const audiences = new WeakMap<AbortSignal, Audience>()

/**
 * Of a signal that we make: it may have any number of listeners without a warning, and those of {@link onAbort} are told
 * without an event. One call with a time limit listens some ten times: that was a sixth of what it took a mutex.
 */
class QuietController extends AbortController {
  readonly #audience: Audience

  constructor() {
    super()
    setMaxListeners(0, this.signal)
    this.#audience = new Audience(this.signal, true)
  }

  override abort(reason?: unknown): void {
    if (this.signal.aborted) return
    super.abort(reason)
    this.#audience.dispatch()
  }
}

/** An AbortController for internal signals that may have any number of listeners without a warning. */
export function quietController(): AbortController {
  return new QuietController()
}

/**
 * The signal of calls without a limit: it never aborts, so nobody need listen to it, and nobody does. Most acquires of
 * a lock have no limit, and a controller with its listeners for each was a quarter of the CPU of acquire + release
 * (67 → 48 µs against the embedded server).
 */
export const neverSignal: AbortSignal = quietController().signal

/** Calls `fn` once with the signal's reason when it aborts (at once if it has). Returns the way to stop listening. */
export function onAbort(signal: AbortSignal | undefined, fn: (reason: unknown) => void): () => void {
  if (signal === undefined || signal === neverSignal) return nothing
  if (signal.aborted) {
    fn(signal.reason)
    return nothing
  }
  const audience = audiences.get(signal) ?? new Audience(signal, false)
  return audience.add(fn)
}

/**
 * The bound on one whole call. `onTimeout` makes the error for a limit that ran out; an abort gives the signal's own
 * reason. Dispose it when the call ends: that removes the listener and the timer.
 */
export class Deadline implements Disposable {
  /** Aborts when the caller's signal does or the time is up; its reason is what to reject with. */
  readonly signal: AbortSignal
  /** On the monotonic clock, in milliseconds; Infinity without a limit. */
  readonly at: number
  readonly #clock: Clock
  readonly #timer: Timer | undefined
  readonly #unlisten: () => void

  constructor(clock: Clock, options: DeadlineOptions, onTimeout: () => unknown) {
    checkTimeout(options.timeoutMs)
    checkSignal(options.signal)
    this.#clock = clock
    const limit = options.timeoutMs ?? Infinity
    this.at = clock.now() + limit
    if (limit === Infinity && (options.signal === undefined || options.signal === neverSignal)) {
      this.signal = neverSignal
      this.#timer = undefined
      this.#unlisten = nothing
      return
    }
    const controller = quietController()
    this.signal = controller.signal
    this.#unlisten = onAbort(options.signal, (reason) => controller.abort(reason))
    this.#timer = Number.isFinite(limit)
      ? clock.setTimer(limit, () => controller.abort(onTimeout()))
      : undefined
  }

  /** Milliseconds left, never negative; Infinity without a limit. */
  get remainingMs(): number {
    return Math.max(0, this.at - this.#clock.now())
  }

  throwIfOver(): void {
    this.signal.throwIfAborted()
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
    this.#unlisten()
  }
}

/**
 * Settles as `promise` does, or rejects with the signal's reason if that comes first. The promise itself goes on:
 * whoever started the work stays responsible for it, and a late rejection of it is not unhandled.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined || signal === neverSignal) return promise
  return new Promise<T>((resolve, reject) => {
    const unlisten = onAbort(signal, reject)
    promise.then(
      (value) => {
        unlisten()
        resolve(value)
      },
      (error: unknown) => {
        unlisten()
        reject(error) // eslint-disable-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it came
      },
    )
  })
}

/** Waits `ms` on the given clock; rejects with the signal's reason when it aborts, and clears the timer. */
export async function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  return new Promise<void>((resolve, reject) => {
    const timer = clock.setTimer(ms, () => {
      unlisten()
      resolve()
    })
    const unlisten = onAbort(signal, (reason) => {
      timer.cancel()
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- an abort reason is the caller's own value
      reject(reason)
    })
  })
}
