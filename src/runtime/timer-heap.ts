/**
 * Armed timers in order of their due time, ties in order of creation: a binary heap. A cancelled timer stays in it
 * without its function until it comes up, or until such make up half of the heap: most timers are limits of calls that
 * end well before.
 */
import type { Timer } from './clock.js'

export interface DueTimer {
  readonly due: number
  readonly fn: () => void
}

/** Below this a heap is not worth cleaning. */
const MIN_CLEAN = 1024

class Entry implements Timer {
  readonly due: number
  readonly order: number
  readonly #heap: TimerHeap
  fn: (() => void) | undefined

  constructor(heap: TimerHeap, due: number, order: number, fn: () => void) {
    this.#heap = heap
    this.due = due
    this.order = order
    this.fn = fn
  }

  cancel(): void {
    if (this.fn === undefined) return
    this.fn = undefined
    this.#heap.cancelled()
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}

export class TimerHeap {
  #entries: Entry[] = []
  #order = 0
  #armed = 0

  /** Timers that are neither fired nor cancelled. */
  get size(): number {
    return this.#armed
  }

  add(due: number, fn: () => void): Timer {
    const entry = new Entry(this, due, this.#order++, fn)
    this.#armed++
    this.#entries.push(entry)
    this.#up(this.#entries.length - 1, entry)
    return entry
  }

  /** Takes out the first, if it is due by `target`. */
  takeNext(target: number): DueTimer | undefined {
    for (;;) {
      const first = this.#entries[0]
      if (first === undefined || (first.due > target && first.fn !== undefined)) return undefined
      this.#removeFirst()
      const { due, fn } = first
      if (fn === undefined) continue
      first.fn = undefined
      this.#armed--
      return { due, fn }
    }
  }

  /** @internal One of the entries has lost its function. */
  cancelled(): void {
    this.#armed--
    const { length } = this.#entries
    if (length < MIN_CLEAN || this.#armed * 2 > length) return
    // A sorted array is a heap.
    this.#entries = this.#entries
      .filter(({ fn }) => fn !== undefined)
      .sort((a, b) => a.due - b.due || a.order - b.order)
  }

  #removeFirst(): void {
    const last = this.#entries.pop()
    if (last !== undefined && this.#entries.length > 0) this.#down(last)
  }

  #up(from: number, entry: Entry): void {
    const entries = this.#entries
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = entries[parentAt]
      if (parent === undefined || !isBefore(entry, parent)) break
      entries[at] = parent
      at = parentAt
    }
    entries[at] = entry
  }

  #down(entry: Entry): void {
    const entries = this.#entries
    const { length } = entries
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= length) break
      const right = entries[childAt + 1]
      let child = entries[childAt]
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        child = right
        childAt++
      }
      if (child === undefined || !isBefore(child, entry)) break
      entries[at] = child
      at = childAt
    }
    entries[at] = entry
  }
}
