/** Changes of state, to whoever wants to know: listeners, iterators, and those who wait for a live session. */
import { ClosedError, TimeoutError } from '../api/errors.js'
import type { ZkError } from '../api/errors.js'
import type { CallOptions, Logger, Session, SessionState } from '../api/zk.js'
import { Deadline, onAbort } from '../runtime/abort.js'
import type { Clock } from '../runtime/clock.js'
import { deferred } from '../runtime/deferred.js'

type Listener = (state: SessionState, session: Session | undefined) => void

/** As much of the session as the feed reads. */
export interface StateSource {
  readonly state: SessionState
  readonly session: Session | undefined
  readonly closedWith: ZkError | undefined
  readonly lastFailure: unknown
}

export class StateFeed {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #listeners = new Set<Listener>()
  #source: StateSource | undefined

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  /** The session that is reported on; set once, before anything happens. */
  attach(source: StateSource): void {
    this.#source = source
  }

  publish(state: SessionState, session: Session | undefined): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(state, session)
      } catch (error) {
        this.#logger.error({ err: error, state }, 'a state listener threw')
      }
    }
  }

  /** Listeners registered: a leak check. */
  get size(): number {
    return this.#listeners.size
  }

  listen(listener: Listener): () => void {
    if (typeof listener !== 'function') throw new TypeError('listener must be a function')
    // A wrapper of its own, so that the same function may be registered twice and taken away once.
    const own: Listener = (state, session) => listener(state, session)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  async ready(options: CallOptions): Promise<Session> {
    return this.until((state) => state === 'connected', options)
  }

  /** Resolves with the session once the state is one of those asked for. */
  async until(wanted: (state: SessionState) => boolean, options: CallOptions): Promise<Session> {
    const source = this.#source
    const check = (): Session | undefined => {
      if (source?.closedWith !== undefined) throw source.closedWith
      if (source?.state === 'closed') throw new ClosedError()
      return source !== undefined && wanted(source.state) ? source.session : undefined
    }
    using deadline = new Deadline(this.#clock, options, () => this.#timeout(options.timeoutMs))
    deadline.throwIfOver()
    const now = check()
    if (now !== undefined) return now
    return await this.#wait(check, deadline.signal) // Not before: leaving this scope disposes the deadline.
  }

  async #wait(check: () => Session | undefined, signal: AbortSignal): Promise<Session> {
    const waiting = deferred<Session>()
    const unlisten = this.listen(() => {
      try {
        const session = check()
        if (session !== undefined) waiting.resolve(session)
      } catch (error) {
        waiting.reject(error)
      }
    })
    const unabort = onAbort(signal, (reason) => waiting.reject(reason))
    try {
      return await waiting.promise
    } finally {
      unlisten()
      unabort()
    }
  }

  #timeout(timeoutMs: number | undefined): TimeoutError {
    const cause = this.#source?.lastFailure
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    return new TimeoutError(`no live session within ${timeoutMs} ms${why}`, { cause })
  }

  async *states(signal: AbortSignal | undefined): AsyncIterableIterator<SessionState> {
    let wake = deferred<undefined>()
    const unlisten = this.listen(() => wake.resolve(undefined))
    const unabort = onAbort(signal, () => wake.resolve(undefined))
    try {
      let last: SessionState | undefined
      while (signal?.aborted !== true) {
        const state = this.#source?.state ?? 'closed'
        if (state !== last) yield (last = state)
        if (state === 'closed') return
        // A change while the reader was busy is seen at once; several are one.
        if (this.#source?.state !== last) continue
        await wake.promise
        wake = deferred<undefined>()
      }
    } finally {
      unlisten()
      unabort()
    }
  }
}
