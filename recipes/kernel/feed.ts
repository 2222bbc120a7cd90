/**
 * Changes of one value, to whoever wants to know: listeners, who are told of each, and iterators, who see the newest
 * and never queue up what they have missed. What a listener throws is logged, never rethrown.
 */
import type { Logger } from '../../src/api/zk.js'
import { onAbort } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'

export class Feed<T> {
  readonly #logger: Logger
  readonly #listeners = new Set<(value: T) => void>()
  /** Waiters and iterators, who look again at each change and at the end. */
  readonly #wakers = new Set<() => void>()
  #value: T
  #ended = false
  #endIsShown = true

  constructor(logger: Logger, value: T) {
    this.#logger = logger
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  /** A change. Ignored after the end. */
  publish(value: T): void {
    if (this.#ended) return
    this.#value = value
    this.#tell()
  }

  /** The last change. `silent`: nobody is told; iterators just end, waiters see the value. */
  end(value: T, how: 'told' | 'silent' = 'told'): void {
    if (this.#ended) return
    this.#value = value
    this.#ended = true
    this.#endIsShown = how === 'told'
    if (how === 'told') this.#tell()
    else this.#wake()
    this.#listeners.clear()
  }

  #tell(): void {
    const value = this.#value
    for (const listener of [...this.#listeners]) {
      try {
        listener(value)
      } catch (error) {
        this.#logger.error({ error }, 'a listener threw')
      }
    }
    this.#wake()
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker()
  }

  /** Calls `listener` at each change, in order. Returns the way to stop. */
  listen(listener: (value: T) => void): () => void {
    if (typeof listener !== 'function') throw new TypeError('listener must be a function')
    // A wrapper of its own, so that the same function may be registered twice and taken away once.
    const own = (value: T): void => listener(value)
    if (!this.#ended) this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Resolves with what `select` finds in the value, now or at a change; rejects with what it throws, or on abort. */
  async until<S>(select: (value: T) => S | undefined, signal: AbortSignal): Promise<S> {
    signal.throwIfAborted()
    const now = select(this.#value)
    if (now !== undefined) return now
    const waiting = deferred<S>()
    const look = (): void => {
      try {
        const found = select(this.#value)
        if (found !== undefined) waiting.resolve(found)
      } catch (error) {
        waiting.reject(error)
      }
    }
    this.#wakers.add(look)
    const unlisten = onAbort(signal, (reason) => waiting.reject(reason))
    try {
      return await waiting.promise
    } finally {
      this.#wakers.delete(look)
      unlisten()
    }
  }

  /** The value now, then the newest after each change. Ends after the last one, or when `signal` aborts. */
  async *values(signal: AbortSignal | undefined): AsyncIterableIterator<T> {
    let wake = deferred<undefined>()
    const waker = (): void => wake.resolve(undefined)
    this.#wakers.add(waker)
    const unlisten = onAbort(signal, waker)
    try {
      let shown: { readonly value: T } | undefined
      while (signal?.aborted !== true) {
        if (this.#ended && !this.#endIsShown) return
        const value = this.#value
        if (shown?.value !== value) {
          shown = { value }
          yield value
          continue // A change while the reader was busy is seen at once; several are one.
        }
        if (this.#ended) return
        await wake.promise
        wake = deferred<undefined>()
      }
    } finally {
      this.#wakers.delete(waker)
      unlisten()
    }
  }
}
