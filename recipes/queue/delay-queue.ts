/**
 * A queue whose items can be taken only when they are due, the earliest first. On the server: `path/delayed` of the
 * native layout, or Curator's `DistributedDelayQueue`.
 *
 * Due by the wall clocks of producer and consumer: as true as these agree.
 */
import type { Zk } from '../../src/api/zk.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { LATEST_DUE } from './native-layout.js'
import { shapeOf, type QueueOptions } from './queue.js'
import { WorkQueue } from './work-queue.js'

export interface DelayOptions extends WaitOptions {
  /** Due that many milliseconds from now. Default 0. */
  readonly delayMs?: number | undefined
  /** Due at that time. */
  readonly at?: Date | undefined
}

export interface DelayQueueOptions<T> extends Omit<QueueOptions<T>, 'dialect'> {
  /** Default `native`. */
  readonly dialect?: 'native' | 'curator' | undefined
}

export class DelayQueue<T> extends WorkQueue<T> {
  /** @throws TypeError, RangeError for a bad path or option. */
  constructor(zk: Zk, path: string, options: DelayQueueOptions<T> = {}) {
    super(zk, path, options, shapeOf(options, 'delay'))
  }

  /** Puts an item, to be taken when it is due. Otherwise as `Queue.put`. */
  async put(item: T, { delayMs, at, ...options }: DelayOptions = {}): Promise<void> {
    return this.store(item, { dueAt: this.#due(delayMs, at) }, options)
  }

  /** Puts items that are due at the same time. As `Queue.putMany`. */
  async putMany(items: Iterable<T>, { delayMs, at, ...options }: DelayOptions = {}): Promise<void> {
    return this.storeMany(items, { dueAt: this.#due(delayMs, at) }, options)
  }

  #due(delayMs: number | undefined, at: Date | undefined): number {
    if (delayMs !== undefined && at !== undefined) throw new TypeError('give delayMs or at, not both')
    if (at !== undefined && !((at as unknown) instanceof Date)) throw new TypeError('at must be a Date')
    const due = at === undefined ? this.zk.runtime.clock.wall() + (delayMs ?? 0) : at.getTime()
    if (!Number.isFinite(due) || (delayMs ?? 0) < 0 || due > LATEST_DUE)
      throw new RangeError(`an item can not be due at ${due} ms since the epoch`)
    return due
  }
}
