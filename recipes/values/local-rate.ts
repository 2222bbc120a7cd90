/** A rate of this process alone: windows by its own monotonic clock; nothing is sent. */
import type { Clock } from '../../src/runtime/clock.js'
import type { RateAnswer, RateAsk, RateSource } from './rate-source.js'
import type { RateLimit } from './rate-window.js'

export class LocalRate implements RateSource {
  readonly #clock: Clock
  readonly #limit: RateLimit
  #begin = -Infinity
  /** What the window has left. */
  #free: number

  constructor(clock: Clock, limit: RateLimit) {
    this.#clock = clock
    this.#limit = limit
    this.#free = limit.burst ?? limit.permits
  }

  async ask({ least, wanted }: RateAsk): Promise<RateAnswer> {
    this.#turn()
    const granted = this.#free >= least ? Math.min(wanted, this.#free) : 0
    this.#free -= granted
    const overAtMs = this.#begin + this.#limit.intervalMs
    return { begin: this.#begin, granted, untilMs: overAtMs, free: this.#free, overAtMs }
  }

  async free(): Promise<number> {
    this.#turn()
    return this.#free
  }

  async close(): Promise<void> {}

  #turn(): void {
    const now = this.#clock.now()
    const { permits, intervalMs, burst = permits } = this.#limit
    const passed = Math.floor((now - this.#begin) / intervalMs)
    if (passed < 1) return
    this.#begin = now
    this.#free = Math.min(burst, this.#free + passed * permits)
  }
}
