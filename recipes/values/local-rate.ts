/** A rate of this process alone: windows by its own monotonic clock; nothing is sent. */
import type { Clock } from '../../src/runtime/clock.js'
import type { RateAnswer, RateAsk, RateSource } from './rate-source.js'
import type { RateLimit } from './rate-window.js'

export class LocalRate implements RateSource {
  readonly #clock: Clock
  readonly #limit: RateLimit
  #begin = -Infinity
  #used = 0

  constructor(clock: Clock, limit: RateLimit) {
    this.#clock = clock
    this.#limit = limit
  }

  async ask({ least, wanted }: RateAsk): Promise<RateAnswer> {
    this.#turn()
    const left = this.#limit.permits - this.#used
    const granted = left >= least ? Math.min(wanted, left) : 0
    this.#used += granted
    const overAtMs = this.#begin + this.#limit.intervalMs
    return { begin: this.#begin, granted, untilMs: overAtMs, free: left - granted, overAtMs }
  }

  async free(): Promise<number> {
    this.#turn()
    return this.#limit.permits - this.#used
  }

  async close(): Promise<void> {}

  #turn(): void {
    const now = this.#clock.now()
    if (now < this.#begin + this.#limit.intervalMs) return
    this.#begin = now
    this.#used = 0
  }
}
