/**
 * The way between one simulated process and the servers: latency drawn for each chunk, and each direction can be cut.
 *
 * A cut is what TCP makes of a partition: nothing arrives, nobody is told, and what was sent meanwhile comes when it
 * heals, in order, if the connection still stands. What was on its way already arrives.
 */
import type { Random } from '../../runtime/random.js'
import type { VirtualClock } from '../../runtime/virtual-clock.js'
import type { Lane, Route } from '../../transport/memory.js'
import type { ProcessClock } from './process-clock.js'

export type Direction = 'toServer' | 'toClient'

/** One way, in milliseconds: uniform between the two, and one in a hundred takes up to `slowest`. */
export interface Latency {
  readonly min: number
  readonly max: number
  readonly slowest: number
}

const ONE_IN = 100

export class Link implements Route {
  readonly #clock: VirtualClock
  readonly #process: () => ProcessClock
  readonly #random: Random
  readonly #latency: Latency
  readonly #cuts = { toServer: 0, toClient: 0 }
  readonly #waiting: Record<Direction, (() => void)[]> = { toServer: [], toClient: [] }
  #addedMs = 0

  /** @param process - who waits at the near end. */
  constructor(clock: VirtualClock, process: () => ProcessClock, random: Random, latency: Latency) {
    this.#clock = clock
    this.#process = process
    this.#random = random
    this.#latency = latency
  }

  lane(direction: Direction): Lane {
    let lastDue = 0
    const process = this.#process()
    const arrive =
      direction === 'toServer' ? (fn: () => void) => fn() : (fn: () => void) => process.arrive(fn)
    const carry = (fn: () => void): void => {
      const now = this.#clock.now()
      lastDue = Math.max(lastDue, now + this.#latencyMs())
      this.#clock.setTimer(lastDue - now, () => arrive(fn))
    }
    return (fn) => {
      if (this.#cuts[direction] > 0) this.#waiting[direction].push(() => carry(fn))
      else carry(fn)
    }
  }

  #latencyMs(): number {
    const { min, max, slowest } = this.#latency
    const drawn = this.#random.next() * ONE_IN
    const share = drawn % 1
    return this.#addedMs + (drawn < 1 ? max + share * (slowest - max) : min + share * (max - min))
  }

  /** Nothing gets through in one direction or both. */
  get isCut(): boolean {
    return this.#cuts.toServer + this.#cuts.toClient > 0
  }

  /** Nothing gets through in this direction until the function that it gives is called. */
  cut(direction: Direction): () => void {
    this.#cuts[direction]++
    let healed = false
    return () => {
      if (healed) return
      healed = true
      if (--this.#cuts[direction] > 0) return
      const waiting = this.#waiting[direction]
      this.#waiting[direction] = []
      for (const carry of waiting) carry()
    }
  }

  /** The machine is gone: what it would have sent again is gone with it. */
  forget(): void {
    this.#waiting.toServer = []
    this.#waiting.toClient = []
  }

  /** Everything takes so much longer until the function that it gives is called. */
  slow(ms: number): () => void {
    this.#addedMs += ms
    let healed = false
    return () => {
      if (!healed) this.#addedMs -= ms
      healed = true
    }
  }
}
