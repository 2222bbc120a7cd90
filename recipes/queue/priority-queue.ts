/**
 * A queue in which a lower number goes first, and among equals who came first. On the server: as `Queue`, with a
 * sequence of segments for each priority; or Curator's `DistributedPriorityQueue`, kazoo's `Queue` or `LockingQueue`.
 */
import type { Zk } from '../../src/api/zk.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { shapeOf, type QueueOptions } from './queue.js'
import { WorkQueue } from './work-queue.js'

export interface PriorityOptions extends WaitOptions {
  /** A signed 32-bit integer; lower goes first. Of kazoo's: 0 to 999. Default 0; in kazoo's format 100, as there. */
  readonly priority?: number | undefined
}

export interface PriorityQueueOptions<T> extends Omit<QueueOptions<T>, 'dialect'> {
  /** Default `native`. */
  readonly dialect?: 'native' | 'curator' | 'kazoo' | 'kazoo-locking' | undefined
}

export class PriorityQueue<T> extends WorkQueue<T> {
  /** @throws TypeError, RangeError for a bad path or option. */
  constructor(zk: Zk, path: string, options: PriorityQueueOptions<T> = {}) {
    super(zk, path, options, shapeOf(options, 'priority'))
  }

  /**
   * Puts an item behind those of its priority. Otherwise as `Queue.put`.
   *
   * A consumer works through a list of up to 64 items before it looks again; an item put meanwhile waits for that.
   */
  async put(item: T, { priority, ...options }: PriorityOptions = {}): Promise<void> {
    return this.store(item, { priority: checked(priority) }, options)
  }

  /** Puts items of one priority in their order. As `Queue.putMany`. */
  async putMany(items: Iterable<T>, { priority, ...options }: PriorityOptions = {}): Promise<void> {
    return this.storeMany(items, { priority: checked(priority) }, options)
  }
}

function checked(priority: number | undefined): number | undefined {
  if (priority === undefined || (Number.isInteger(priority) && priority === (priority | 0))) return priority
  throw new RangeError(`priority must be a signed 32-bit integer, got ${priority}`)
}
