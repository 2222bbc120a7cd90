/** A clock whose end of the tick is a call: nothing is scheduled, so a million ticks take a second. Timers never fire. */
import type { Clock } from '../../src/runtime/clock.js'

export class ManualClock implements Clock {
  #now = 1
  #deferred: (() => void)[] = []

  now(): number {
    return this.#now
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now
  }

  setTimer(): { cancel: () => void } {
    return { cancel: () => undefined }
  }

  defer(fn: () => void): void {
    this.#deferred.push(fn)
  }

  /** The end of the tick, and of those that it causes. */
  endTick(): void {
    this.#now++
    for (let turn = 0; this.#deferred.length > 0; turn++) {
      if (turn > 100) throw new Error('ticks that cause ticks without end')
      const due = this.#deferred
      this.#deferred = []
      for (const fn of due) fn()
    }
  }
}
