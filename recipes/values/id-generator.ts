/**
 * Ids that nobody else has, taken from a counter in blocks: one request for many ids (Curator's CachedAtomicLong).
 *
 * Ids are unique and grow within one handle; between processes they interleave by block, and those that a process that
 * dies has not used are never used. A block whose reply is lost beyond finding out is skipped, so that even then no id
 * comes twice. The next block is fetched when the last id of the one before is taken.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { Counter, type CounterOptions } from './counter.js'

export interface IdGeneratorOptions extends Pick<
  CounterOptions,
  'format' | 'initial' | 'acl' | 'lostReplies'
> {
  /** How many ids are taken at once. Default 100. */
  readonly blockSize?: number | undefined
}

export class IdGenerator implements AsyncDisposable {
  readonly path: string
  readonly #zk: Zk
  readonly #counter: Counter
  readonly #blockSize: number
  #next = 1n
  #last = 0n
  #fetching: Promise<void> | undefined

  /** @throws TypeError, RangeError for a bad path, format or size. */
  constructor(zk: Zk, path: string, options: IdGeneratorOptions = {}) {
    const { blockSize = 100, ...given } = options
    if (!Number.isSafeInteger(blockSize))
      throw new TypeError(`blockSize must be an integer, got ${String(blockSize)}`)
    if (blockSize < 1) throw new RangeError(`blockSize must be at least 1, got ${blockSize}`)
    this.path = path
    this.#zk = zk
    this.#blockSize = blockSize
    this.#counter = new Counter(zk, path, given)
  }

  /**
   * An id. Most calls ask nobody. Calls that wait for a block share it.
   *
   * @throws RangeError when the counter is used up; TimeoutError; the signal's reason; what the server refuses.
   */
  async next(options: WaitOptions = {}): Promise<bigint> {
    using attempt = new Attempt(this.#zk, 'take an id from', this.path, options)
    attempt.signal.throwIfAborted()
    attempt.stage = 'taking a block of ids'
    while (this.#next > this.#last) {
      this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined))
      await abortable(this.#fetching, attempt.signal)
    }
    return this.#next++
  }

  async #fetch(): Promise<void> {
    for (;;) {
      try {
        const { first, last } = await this.#counter.block(this.#blockSize)
        this.#next = first
        this.#last = last
        return
      } catch (error) {
        // It may be ours, or not: nobody will use it.
        if (!hasCode(error, 'CONNECTION_LOSS') || error.outcome !== 'unknown') throw error
        await this.#zk.ready()
      }
    }
  }

  /** Deletes the counter's marker now. The ids at hand stay. See {@link Counter.close}. */
  async close(options?: WaitOptions): Promise<void> {
    await this.#counter.close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
