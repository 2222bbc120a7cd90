/** Requests between the caller and the wire: one entry a call, settled exactly once. */
import type { Operation } from '../protocol/operations.js'
import type { WatchListener } from '../api/zk.js'

export type WatchKind = 'data' | 'exist' | 'child' | 'persistent' | 'recursive'

export interface PendingWatch {
  /** As asked for; an `exist` on a znode that is there is kept by the server as `data`. */
  readonly kind: WatchKind
  readonly path: string
  readonly listener: WatchListener
}

/** When a batch of requests was handed to the socket; shared by all requests of one write. */
export interface Batch {
  sentAt: number
}

export interface Entry {
  readonly operation: Operation
  readonly request: unknown
  /** The server's path, for messages and watches. */
  readonly path: string | undefined
  /** Turns the reply into the caller's value. */
  readonly finish: (reply: never) => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly generation: number | undefined
  readonly watch: PendingWatch | undefined
  /** A result code of the server that is an answer, not an error (exists: NO_NODE gives undefined). */
  readonly absentIs: number
  xid: number
  batch: Batch | undefined
  /** The encoded request, while it waits for a connection. */
  frame: Buffer | undefined
  bytes: number
  /** Meant for one link alone, past the queue: never sent again on another. */
  direct: boolean
  settled: boolean
  /** The caller gave up before the reply came. */
  abandoned: boolean
  /** Removes the listener and the timer of the caller's limits. */
  release: (() => void) | undefined
}

/** No result code of the server: nothing counts as absent. */
export const NEVER_ABSENT = 1

/** First in, first out, without moving what is behind. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Takes everything out. */
  drain(): T[] {
    const items = this.#items.slice(this.#head) as T[]
    this.#items = []
    this.#head = 0
    return items
  }
}

/** Settles an entry with its value; later calls do nothing. */
export function resolveEntry(entry: Entry, value: unknown): void {
  if (entry.settled) return
  entry.settled = true
  entry.release?.()
  entry.resolve(value)
}

/** Settles an entry with an error; later calls do nothing. */
export function rejectEntry(entry: Entry, error: unknown): void {
  if (entry.settled) return
  entry.settled = true
  entry.release?.()
  entry.reject(error)
}
