/**
 * Time, in one place. Everything in latchkey that waits or measures does it through a {@link Clock}, so that a
 * simulation can replay a whole cluster from a seed.
 *
 * Two notions of time, never mixed: `now()` is monotonic and decides every timeout and every expiry; `wall()` is
 * the calendar and is only ever written into data (ctime, logs).
 */
export interface Timer {
  /** Stops the timer. Idempotent; a timer that has fired or been cancelled does nothing. */
  cancel(): void
}

export interface Clock {
  /** Monotonic milliseconds, with a fraction. Only differences mean anything. */
  now(): number
  /** Milliseconds since the Unix epoch. May step in both directions. */
  wall(): number
  /** Calls `fn` once, `ms` milliseconds from now, never before, however long that is. */
  setTimer(ms: number, fn: () => void): Timer
  /** Calls `fn` at the end of the current tick, after the promise continuations that are already queued. */
  defer(fn: () => void): void
}

/** The largest delay that `setTimeout` takes; beyond it Node fires at once. */
export const MAX_TIMER_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(ms, fn) {
    if (ms <= MAX_TIMER_MS) {
      const handle = setTimeout(fn, Math.max(ms, 0))
      return { cancel: () => clearTimeout(handle) }
    }
    let rest: Timer = systemClock.setTimer(MAX_TIMER_MS, () => {
      rest = systemClock.setTimer(ms - MAX_TIMER_MS, fn)
    })
    return { cancel: () => rest.cancel() }
  },
  defer: (fn) => process.nextTick(fn),
}
