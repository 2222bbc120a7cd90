/**
 * How many items a consumer will want in the next moment: as many as it took in the last one. By that much more of a pack is
 * claimed than is asked for just now, as what it asks for comes in drops, and taking a pack apart for the sake of one drop costs
 * everybody more than the few milliseconds that the others lie ready.
 */
import type { Clock } from '../../src/runtime/clock.js'

const MOMENT_MS = 10

export class Appetite {
  readonly #clock: Pick<Clock, 'now'>
  #items = 0
  #at = -Infinity

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** An item was handed out. */
  fed(): void {
    this.#items = this.#now() + 1
    this.#at = this.#clock.now()
  }

  /** Items. */
  get next(): number {
    return Math.floor(this.#now())
  }

  /** What is not asked for within that goes back. In milliseconds. */
  get patienceMs(): number {
    return 2 * MOMENT_MS
  }

  /** Fades evenly, so that at a steady rate it is what comes in a moment. */
  #now(): number {
    return this.#items * Math.exp((this.#at - this.#clock.now()) / MOMENT_MS)
  }
}
