/**
 * What a recipe gives to the one that was let in: proof of it, the news that it is lost, and the way to give it back.
 *
 * How a loss is noticed: vigil.ts. The watch that this takes is set when `signal` is first read (and not at all if it
 * never is: a short critical section costs two requests, not three). A waiter that was granted by an event has it
 * already. A release that finds the znode gone at its first try knows that somebody else deleted it.
 */
import { hasCode, TransactionError, type LockLostError } from '../../src/api/errors.js'
import type { CheckResult, Transaction, TransactionResult, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from './attempt.js'
import { throwUnlessPassing } from './enqueue.js'
import { beforeRetry, isOver, lossOf } from './failure.js'
import type { Place } from './place.js'
import type { RevokeListener } from './revoke-requests.js'
import { Vigil } from './vigil.js'

export class Hold implements AsyncDisposable {
  /** Our znode. */
  readonly path: string
  /**
   * Greater than that of every earlier hold of this lock (it is the transaction id that created our znode); only the
   * holds of a biased or re-entrant mutex on one znode share it. Send it along with what you change, and let the store
   * refuse a token lower than one that it has seen.
   */
  readonly fencingToken: bigint
  /** The session that holds. */
  readonly sessionId: bigint
  readonly #zk: Zk
  readonly #place: Place
  readonly #vigil: Vigil
  #release: Promise<void> | undefined

  /** @internal */
  constructor(place: Place) {
    this.#zk = place.zk
    this.#place = place
    this.path = place.path
    this.fencingToken = place.czxid
    this.sessionId = place.session.id
    this.#vigil = new Vigil(place)
  }

  /**
   * Aborts with a {@link LockLostError} when this is held no more, or can no longer be proved to be: the session is
   * over or in doubt, the client was closed, somebody deleted the znode, or the connection is lost and the lock's
   * `lossPolicy` takes that for a loss. It does not abort on `release()`.
   *
   * The first read sets a watch on the znode (one request, not waited for).
   */
  get signal(): AbortSignal {
    return this.#vigil.signal
  }

  /**
   * Tells `listener`, once, when somebody asks for this to be given up: with `revoke` of a lock here, or Curator's
   * `Revoker`. It is advisory: nothing happens unless the listener sees to it. If it was asked for before this call, or
   * while it waited for its turn, the listener is told at once, but not before this returns. After a release or a loss
   * nobody is told. What the listener throws is logged.
   *
   * Sets a watch on the znode, the same as {@link signal}. It survives reconnects.
   *
   * @returns the way to stop.
   */
  onRevokeRequested(listener: RevokeListener): () => void {
    return this.#vigil.onRevokeRequested(listener)
  }

  /**
   * Why it is lost, as far as is known here; undefined while held, as far as is known, and after a proper release.
   *
   * @internal
   */
  get loss(): LockLostError | undefined {
    return this.#vigil.loss
  }

  /**
   * Asks the ensemble whether this is still held: a transaction that only checks our znode, so the leader itself
   * answers. Without transactions it is a read in sync with the leader.
   *
   * @throws LockLostError if it is not held, `TimeoutError` or the abort reason if that can't be found out in time.
   */
  async confirm(options: WaitOptions = {}): Promise<void> {
    this.#throwUnlessHeld()
    const { session } = this.#place
    using attempt = new Attempt(this.#zk, 'confirm', this.path, options)
    attempt.stage = 'asking the ensemble'
    for (let repetition = 0; !session.signal.aborted; repetition++) {
      try {
        if (repetition > 0) await beforeRetry(this.#zk, repetition, attempt.signal)
        if (await this.#stands(attempt.signal)) return
        throw this.#vigil.foundGone()
      } catch (error) {
        attempt.signal.throwIfAborted()
        if (isOver(session, error)) break
        throwUnlessPassing(error)
      }
    }
    throw lossOf(session, this.path)
  }

  async #stands(signal: AbortSignal): Promise<boolean> {
    const { generation } = this.#place.session
    try {
      if (this.#zk.supports('transactions')) {
        await this.#zk.transaction().check(this.path).commit({ signal, generation })
        return true
      }
      await this.#zk.sync(this.path, { signal, generation })
      return (await this.#zk.exists(this.path, { signal, generation })) !== undefined
    } catch (error) {
      const cause = error instanceof TransactionError ? error.failure : error
      if (hasCode(cause, 'NO_NODE')) return false
      throw cause
    }
  }

  /**
   * Adds a check of our znode: the transaction commits only while this is held, whatever happened since. On a loss its
   * commit rejects with a `TransactionError` whose `failure` is the `NO_NODE` of {@link path}.
   *
   * @throws LockLostError at once if it is known to be lost, `TypeError` if it was released.
   */
  guard<R extends readonly TransactionResult[]>(
    transaction: Transaction<R>,
  ): Transaction<readonly [...R, CheckResult]> {
    this.#throwUnlessHeld()
    return transaction.check(this.path)
  }

  /**
   * Held, as far as is known: not released, not made into another hold, not lost.
   *
   * @internal
   */
  get isHeld(): boolean {
    return this.#release === undefined && this.loss === undefined
  }

  /**
   * Tells its users that it is about to be released: `signal` aborts with the reason `resigned`.
   *
   * @internal
   */
  announceRelease(): void {
    if (this.isHeld) this.#vigil.resign()
  }

  /**
   * Makes another hold of this one: `by` replaces our znode in one go, or finds it gone (undefined). From the start this
   * is as good as released; it is held again if `by` rejects while the session lives.
   *
   * @internal
   */
  protected async exchange(by: (place: Place) => Promise<Place | undefined>): Promise<Place> {
    this.#throwUnlessHeld()
    const { session } = this.#place
    this.#release = Promise.resolve()
    this.#vigil.beginExchange()
    try {
      const made = await this.#place.exchange(by)
      if (made === undefined) throw this.#vigil.foundGone()
      const { loss } = this.#vigil
      if (loss !== undefined) {
        void made.leave()
        throw loss
      }
      this.#vigil.end()
      return made
    } catch (error) {
      this.#release = undefined
      this.#vigil.undoExchange()
      throw isOver(session, error) ? lossOf(session, this.path) : error
    }
  }

  #throwUnlessHeld(): void {
    const loss = this.loss
    if (loss !== undefined) throw loss
    if (this.#release !== undefined) throw new TypeError(`${this.path} was released`)
  }

  /**
   * Gives it back: the deletion is sent at once, and the promise resolves when the server confirmed it or the session
   * is over. Connection losses are seen through. May be called again, and after a loss.
   *
   * @param options - bounds on this wait only: the deletion goes on in the background.
   * @throws ZkError if the server refuses the deletion (`NO_AUTH` …); it is still tried again, until the session ends.
   */
  async release(options?: WaitOptions): Promise<void> {
    this.#release ??= this.#delete()
    if (options === undefined) return this.#release
    using attempt = new Attempt(this.#zk, 'release', this.path, options)
    attempt.stage = 'waiting for the server to confirm it (the deletion goes on in the background)'
    await abortable(this.#release, attempt.signal)
  }

  async #delete(): Promise<void> {
    const wasGone = this.#place.deleted
    this.#vigil.end()
    return new Promise<void>((resolve, reject) => {
      void this.#place.leave(reject).then((removal) => {
        this.#vigil.settle(removal, wasGone)
        resolve()
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}
