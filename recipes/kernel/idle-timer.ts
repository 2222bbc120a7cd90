/**
 * Tells when something has not been used for a while. What is used often rests after each use: there is one timer for many rests,
 * and when it fires it looks how long the last one has lasted.
 */
import type { Clock, Timer } from '../../src/runtime/clock.js'

export interface IdleTimerOptions {
  readonly clock: Pick<Clock, 'now' | 'setTimer'>
  readonly idleMs: number
  readonly onIdle: () => void
}

export class IdleTimer {
  readonly #options: IdleTimerOptions
  /** Since when it rests; undefined while it is in use. */
  #since: number | undefined
  #timer: Timer | undefined

  constructor(options: IdleTimerOptions) {
    this.#options = options
  }

  /** It is in use. */
  wake(): void {
    this.#since = undefined
  }

  /** It is not in use for now. */
  rest(): void {
    const { clock, idleMs } = this.#options
    this.#since = clock.now()
    if (this.#timer === undefined) this.#wait(idleMs)
  }

  /** For good, or until it rests again. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #wait(ms: number): void {
    const { clock, idleMs, onIdle } = this.#options
    this.#timer = clock.setTimer(ms, () => {
      this.#timer = undefined
      if (this.#since === undefined) return
      const leftMs = this.#since + idleMs - clock.now()
      if (leftMs > 0) this.#wait(leftMs)
      else onIdle()
    })
  }
}
