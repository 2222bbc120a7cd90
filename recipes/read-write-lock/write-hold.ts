/** A write lock that is held, and its way to become a read lock. */
import { abortable } from '../../src/runtime/abort.js'
import type { LockLostError } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { Hold } from '../kernel/hold.js'
import type { Place } from '../kernel/place.js'

export class WriteHold extends Hold {
  readonly #zk: Zk
  readonly #replace: (place: Place) => Promise<Place | undefined>
  #downgrading: Promise<Hold> | undefined
  /** What it became. */
  #read: Hold | undefined
  /** Callers that have the read hold, or still wait for it. */
  #takers = 0
  #undoing: Promise<void> | undefined

  /** @internal */
  constructor(place: Place, replace: (place: Place) => Promise<Place | undefined>) {
    super(place)
    this.#zk = place.zk
    this.#replace = replace
  }

  /**
   * Turns this into a read hold, in one request and in the same place of the queue: no writer gets in between, and the
   * readers right behind are let in. This hold is then as good as released: its `signal` says nothing more, its
   * `release()` does nothing. The read hold is the caller's own to release.
   *
   * Its fencing token is that of this hold. So tokens stay in the order of grants: a writer that queued behind gets a
   * greater one, though it may have queued before the downgrade.
   *
   * There is no way back: release, acquire for writing, and read again what may have changed.
   *
   * @param options - bounds on this wait only: the downgrade itself goes on, and `release()` of this hold gives back
   * whatever came of it. Calling again joins it.
   * @throws LockLostError if this is not held any more, `TypeError` if it was released, what the server refuses (then
   * this is still held for writing), `TimeoutError` or the abort reason.
   */
  async downgrade(options: WaitOptions = {}): Promise<Hold> {
    using attempt = new Attempt(this.#zk, 'downgrade', this.path, options)
    attempt.stage = 'waiting for the server to confirm it (it goes on in the background)'
    attempt.signal.throwIfAborted()
    this.#downgrading ??= this.#startDowngrade()
    const downgrading = this.#downgrading
    this.#takers++
    try {
      return await abortable(downgrading, attempt.signal)
    } catch (error) {
      this.#takers--
      throw error
    }
  }

  async #startDowngrade(): Promise<Hold> {
    try {
      this.#read = new Hold(await this.exchange(this.#replace))
      return this.#read
    } catch (error) {
      this.#downgrading = undefined
      throw error
    }
  }

  /**
   * What is held of it now: this, the read hold that it became, or nothing.
   *
   * @internal
   */
  get current(): Hold | undefined {
    const hold = this.#read ?? this
    return hold.isHeld ? hold : undefined
  }

  /**
   * Of this, or of the read hold that it became.
   *
   * @internal
   */
  get eitherLoss(): LockLostError | undefined {
    return this.#read?.loss ?? this.loss
  }

  /**
   * As the release of any hold. After a downgrade it does nothing, unless whoever asked for that gave up waiting: then
   * it releases the read hold, which nobody has.
   */
  override async release(options?: WaitOptions): Promise<void> {
    const downgrading = this.#downgrading
    if (downgrading === undefined) return super.release(options)
    this.#undoing ??= this.#undo(downgrading)
    if (options === undefined) return this.#undoing
    using attempt = new Attempt(this.#zk, 'release', this.path, options)
    attempt.stage = 'waiting for the downgrade to end'
    await abortable(this.#undoing, attempt.signal)
  }

  async #undo(downgrading: Promise<Hold>): Promise<void> {
    let read: Hold
    try {
      read = await downgrading
    } catch {
      this.#undoing = undefined
      return super.release()
    }
    if (this.#takers === 0) await read.release()
  }

  /**
   * Releases this, or the read hold that it became, whoever has that.
   *
   * @internal
   */
  async releaseEither(): Promise<void> {
    await this.release()
    await this.#read?.release()
  }
}
