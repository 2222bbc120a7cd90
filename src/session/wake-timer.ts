/** One timer for whatever is due next. Moved only to an earlier time: one that fires too early looks and is set again. */
import type { Clock, Timer } from '../runtime/clock.js'

export class WakeTimer {
  readonly #clock: Clock
  readonly #wake: (lateMs: number) => void
  #timer: Timer | undefined
  #due = Infinity

  /** @param wake - told by how much the timer was late: what held up the process held up this. */
  constructor(clock: Clock, wake: (lateMs: number) => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** When it will fire; Infinity: not at all. */
  get due(): number {
    return this.#due
  }

  arm(due: number): void {
    if (this.#due <= due) return
    this.stop()
    this.#due = due
    this.#timer = this.#clock.setTimer(due - this.#clock.now(), () => {
      this.#due = Infinity
      this.#wake(this.#clock.now() - due)
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#due = Infinity
  }
}
