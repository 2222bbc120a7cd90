/** What a member of a double barrier is given when it has entered: news of its loss, and the way to leave. */
import { LockLostError } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import { Attempt, awaitWithin, type WaitOptions } from '../kernel/attempt.js'
import { lossOf } from '../kernel/failure.js'
import { Hold } from '../kernel/hold.js'
import type { Place } from '../kernel/place.js'

/**
 * Waits until all others have left.
 *
 * @param remove - deletes our own znode, once; sent when it is first called, resolves when it is certain.
 */
export type Leave = (remove: () => Promise<unknown>, attempt: Attempt) => Promise<void>

export class BarrierPass implements AsyncDisposable {
  /** Our znode. */
  readonly path: string
  /**
   * Of the round: the same for all its members, and greater than that of every earlier round at this path. In the
   * layouts of Curator and kazoo, which know no rounds, it is the transaction that made our own znode.
   */
  readonly round: bigint
  readonly #zk: Zk
  readonly #place: Place
  readonly #hold: Hold
  readonly #leave: Leave

  /** @internal */
  constructor(place: Place, round: bigint, leave: Leave) {
    this.#zk = place.zk
    this.#place = place
    this.#hold = new Hold(place)
    this.#leave = leave
    this.path = place.path
    this.round = round
  }

  /**
   * Aborts with a `LockLostError` when we count as gone though we have not left: our session is over or in doubt, or
   * somebody deleted our znode. The others don't wait for us any more. The first read sets a watch.
   */
  get signal(): AbortSignal {
    return this.#hold.signal
  }

  /**
   * Leaves, and resolves when all other members have left or are gone. May be called again, after a time limit to go on
   * waiting. Our znode is deleted, whatever becomes of the waiting.
   *
   * @throws LockLostError if we were gone before: the others may have left long ago. TimeoutError, the signal's reason.
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    const { loss } = this.#hold
    if (loss !== undefined) throw loss
    using attempt = new Attempt(this.#zk, 'leave', this.path, options)
    await this.#leave(async () => this.#remove(), attempt).catch((error: unknown) => {
      void this.#remove().catch(() => undefined) // Whoever gives up waiting is not there any more all the same.
      throw error
    })
  }

  /** Sends the deletion of our znode, once. Rejects if it was gone before. */
  async #remove(): Promise<void> {
    const { path } = this
    const removing = this.#place.leave()
    this.#hold.release().catch(() => undefined) // It listens no more; the deletion is the one above.
    const removal = await removing
    if (removal === 'session-over') throw lossOf(this.#place.session, path)
    if (removal === 'gone')
      throw new LockLostError(`lost ${path}: somebody deleted it`, 'node-deleted', { path })
  }

  /**
   * Goes without waiting for the others: resolves when our znode is gone, or the session over.
   *
   * @param options - bounds on this wait only: the deletion goes on in the background.
   */
  async withdraw(options?: WaitOptions): Promise<void> {
    await awaitWithin(this.#zk, 'withdraw', this.path, options, async () => {
      const removed = this.#place.leave()
      await this.#hold.release().catch(() => undefined)
      await removed
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
  }
}
