/**
 * A clock that stands still until told to move. Timers fire in order of their due time, ties in order of creation;
 * between two timers all promise continuations run, so that code sees the same interleaving on every run.
 *
 * Not obvious: how it knows that all continuations have run. Node runs `process.nextTick` callbacks only when the queue
 * of microtasks is empty. So each step ends by asking, in a microtask, for the next step in a tick: whatever was queued
 * before or meanwhile comes first. That is ten times as cheap as a turn of the event loop; one of those comes now
 * and then all the same, so that Node gets to look at rejections and at its other work.
 */
import type { Clock, Timer } from './clock.js'
import { TimerHeap } from './timer-heap.js'

/** Steps between two turns of the event loop. */
const STEPS_PER_TURN = 256

/** `then` on it is a microtask; Node's `queueMicrotask` makes an AsyncResource besides. */
const SETTLED = Promise.resolve()

/**
 * Times are multiples of 1/1024 ms, rounded up, so that differences are exact. Else a timer for `due - now` could fall a
 * rounding error short of `due`, and whoever arms the rest would do so for ever, as time stands still meanwhile.
 */
function onGrid(time: number): number {
  return Math.ceil(time * 1024) / 1024
}

export class VirtualClock implements Clock {
  #now = 0
  #wall: number
  readonly #timers = new TimerHeap()
  #deferred: (() => void)[] = []
  #drives = 0

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
    return this.#timers.add(onGrid(this.#now + Math.max(ms, 0)), fn)
  }

  defer(fn: () => void): void {
    if (this.#drives > 0) this.#deferred.push(fn)
    else process.nextTick(fn)
  }

  /** How many timers are armed: a leak check for tests. */
  get pending(): number {
    return this.#timers.size
  }

  /** Moves time forward by `ms`, firing what falls due on the way, and lets everything settle. */
  async advance(ms: number): Promise<void> {
    const target = onGrid(this.#now + ms)
    await this.#drive(target, () => false)
    this.#moveTo(Math.max(this.#now, target))
  }

  /**
   * Moves time from timer to timer until `isOver` says so, which is asked before each. Resolves with false if nothing is
   * left to wait for, or if `limitMs` have passed.
   */
  async advanceUntil(isOver: () => boolean, limitMs = Infinity): Promise<boolean> {
    return this.#drive(limitMs === Infinity ? Infinity : onGrid(this.#now + limitMs), isOver)
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

  async #drive(target: number, isOver: () => boolean): Promise<boolean> {
    this.#drives++
    let turns = 0
    try {
      return await new Promise<boolean>((resolve, reject) => {
        const relay = (): void => process.nextTick(step)
        const step = (): void => {
          try {
            if (this.#deferred.length > 0) this.#runDeferred()
            else if (isOver()) return resolve(true)
            else if (!this.#fireNext(target)) return resolve(false)
          } catch (error) {
            return reject(error) // eslint-disable-line @typescript-eslint/prefer-promise-reject-errors -- as a timer threw it
          }
          if (++turns % STEPS_PER_TURN === 0) setImmediate(step)
          else void SETTLED.then(relay)
        }
        setImmediate(step)
      })
    } finally {
      this.#drives--
    }
  }

  #runDeferred(): void {
    for (let i = 0; i < this.#deferred.length; i++) this.#deferred[i]?.()
    this.#deferred = []
  }

  #fireNext(target: number): boolean {
    const next = this.#timers.takeNext(target)
    if (next === undefined) return false
    // After a stall it is overdue: time never goes back.
    if (next.due > this.#now) this.#moveTo(next.due)
    next.fn()
    return true
  }
}
