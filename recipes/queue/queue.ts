/**
 * A queue shared by any number of producers and consumers: first in, first out, at least once unless asked otherwise.
 *
 * On the server: native-layout.ts; Curator's and kazoo's formats by dialect (flat-layout.ts).
 */
import { validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { formats } from './formats.js'
import { WorkQueue, type Shape, type WorkQueueOptions } from './work-queue.js'

/** Whose format: `curator` is `DistributedQueue`, `curator-simple` `SimpleDistributedQueue`, `kazoo-locking` `LockingQueue`. */
export type QueueDialectName = 'native' | 'curator' | 'curator-simple' | 'kazoo' | 'kazoo-locking'

export interface QueueOptions<T> extends WorkQueueOptions<T> {
  /** Default `native`. */
  readonly dialect?: QueueDialectName | undefined
  /** Of a Curator queue: its lock path. With it an item is delivered at least once, without it at most once. */
  readonly lockPath?: string | undefined
}

export class Queue<T> extends WorkQueue<T> {
  /**
   * @param path - the parent of the queue's znodes. Made when needed.
   * @throws TypeError, RangeError for a bad path or option.
   */
  constructor(zk: Zk, path: string, options: QueueOptions<T> = {}) {
    super(zk, path, options, shapeOf(options, 'fifo'))
  }

  /**
   * Puts an item at the end; it is there, on a majority of servers, when this resolves. Puts that are under way at the
   * same time share a transaction.
   *
   * @throws TimeoutError when `timeoutMs` is over, the signal's reason on abort: an item that was sent by then is taken
   * back in the background unless a consumer has it (native layout only). `ConnectionLossError` if the session ended
   * before the reply came and the item is not found in the queue: put or not, it can't be known. `ZkError`
   * `REQUEST_TOO_LARGE` for an item of more than about 1 MB.
   */
  async put(item: T, options: WaitOptions = {}): Promise<void> {
    return this.store(item, {}, options)
  }

  /**
   * Puts items in their order. Up to 500 of them, or 512 KB, are one transaction, put all or none; of a longer list a
   * part may be put when this rejects.
   *
   * @throws as {@link put}.
   */
  async putMany(items: Iterable<T>, options: WaitOptions = {}): Promise<void> {
    return this.storeMany(items, {}, options)
  }
}

type Kind = 'fifo' | 'priority' | 'delay' | 'id'

/** @internal */
export function shapeOf(
  { dialect = 'native', lockPath }: { dialect?: string | undefined; lockPath?: string | undefined },
  kind: Kind,
): Shape {
  if (lockPath !== undefined) {
    validatePath(lockPath)
    if (dialect !== 'curator') throw new TypeError('lockPath belongs to the dialect curator')
  }
  if (dialect === 'native') return {}
  const name = `${dialect} ${kind}`
  if (!Object.hasOwn(formats, name))
    throw new TypeError(`no dialect ${JSON.stringify(dialect)} for this queue`)
  return { format: formats[name as keyof typeof formats], lockPath }
}
