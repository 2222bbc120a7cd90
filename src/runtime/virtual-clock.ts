/**
 * A clock that stands still until told to move. Timers fire in order of their due time, ties in order of creation;
 * between two timers all promise continuations run, so that code sees the same interleaving on every run.
 */
import type { Clock, Timer } from './clock.js'

/**
 * Times are multiples of 1/1024 ms, rounded up, so that differences are exact. Else a timer for `due - now` could fall a
 * rounding error short of `due`, and whoever arms the rest would do so for ever, as time stands still meanwhile.
 */
function onGrid(time: number): number {
  return Math.ceil(time * 1024) / 1024
}

interface Entry {
  readonly due: number
  readonly order: number
  readonly fn: () => void
}

export class VirtualClock implements Clock {
  #now = 0
  #wall: number
  #order = 0
  readonly #timers = new Set<Entry>()

  /** @param wallMs - what `wall()` shows at the start, in milliseconds since the epoch. */
  constructor(wallMs = 1_700_000_000_000) {
    this.#wall = wallMs
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#wall
  }

  /** Steps the calendar only, as an operator or NTP would. No timer may notice. */
  stepWall(ms: number): void {
    this.#wall += ms
  }

  setTimer(ms: number, fn: () => void): Timer {
    const entry: Entry = { due: onGrid(this.#now + Math.max(ms, 0)), order: this.#order++, fn }
    this.#timers.add(entry)
    return { cancel: () => void this.#timers.delete(entry) }
  }

  defer(fn: () => void): void {
    process.nextTick(fn)
  }

  /** How many timers are armed: a leak check for tests. */
  get pending(): number {
    return this.#timers.size
  }

  /** Moves time forward by `ms`, firing what falls due on the way, and lets everything settle. */
  async advance(ms: number): Promise<void> {
    const target = onGrid(this.#now + ms)
    await settle()
    for (let next = this.#next(target); next !== undefined; next = this.#next(target)) {
      this.#moveTo(Math.max(this.#now, next.due)) // After a stall it is overdue: time never goes back.
      this.#timers.delete(next)
      next.fn()
      await settle()
    }
    this.#moveTo(target)
  }

  /** Moves straight to `ms` later and only then fires what fell due: a stalled event loop. */
  async stall(ms: number): Promise<void> {
    this.#moveTo(onGrid(this.#now + ms))
    await this.advance(0)
  }

  #moveTo(time: number): void {
    this.#wall += time - this.#now
    this.#now = time
  }

  #next(target: number): Entry | undefined {
    let best: Entry | undefined
    for (const entry of this.#timers) {
      if (entry.due > target) continue
      if (
        best === undefined ||
        entry.due < best.due ||
        (entry.due === best.due && entry.order < best.order)
      ) {
        best = entry
      }
    }
    return best
  }
}

/** Lets every queued promise continuation and deferred call run. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
}
