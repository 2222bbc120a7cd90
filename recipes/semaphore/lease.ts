/**
 * Permits of a semaphore that are held: one lease, whatever it is made of on the server (one znode in our own layout, one
 * a permit in Curator's and kazoo's). It is lost as a whole when one of its znodes is.
 */
import { hasCode, type LockLostError } from '../../src/api/errors.js'
import type { CheckResult, Transaction, TransactionResult, Zk } from '../../src/api/zk.js'
import { abortable, onAbort, quietController } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { RevokeRequests, type RevokeListener } from '../kernel/revoke-requests.js'
import type { LeasePart } from './lease-part.js'

export class Lease implements AsyncDisposable {
  /**
   * Identifies this lease, and orders it: greater than that of every lease that stood before it in the line. Others hold
   * at the same time, and of two that are let in together the later may hear of it first; so it does not fence others off
   * as a mutex's does: a store may only refuse tokens below those of all that hold. To write only while this is held,
   * use {@link guard}. It stays when single permits are given back.
   */
  readonly fencingToken: bigint
  /** The session that holds. */
  readonly sessionId: bigint
  /** Of the semaphore. */
  readonly path: string
  readonly #zk: Zk
  #parts: readonly LeasePart[]
  #controller: AbortController | undefined
  #unlisten: (() => void)[] = []
  #release: Promise<void> | undefined
  #requests: RevokeRequests | undefined
  readonly #heeded = new WeakSet<LeasePart>()
  #returning: Promise<void> = Promise.resolve()
  /** Single returns that were asked for and are not done yet. */
  #owed = 0

  /** @internal */
  constructor(zk: Zk, path: string, parts: readonly [LeasePart, ...LeasePart[]]) {
    this.#zk = zk
    this.path = path
    this.#parts = parts
    this.fencingToken = parts[0].fencingToken
    this.sessionId = parts[0].sessionId
  }

  /** How many are held: those that are being given back do not count. 0 after `release()`. */
  get permits(): number {
    if (this.#release !== undefined) return 0
    return this.#parts.reduce((sum, { permits }) => sum + permits, 0) - this.#owed
  }

  /** Its znodes now. A return of a single permit may replace one. */
  get znodes(): readonly string[] {
    return this.#parts.map(({ path }) => path)
  }

  /**
   * Aborts with a `LockLostError` when this is held no more, or can no longer be proved to be: the session is over or in
   * doubt, the client was closed, or somebody deleted one of its znodes (then the others are still to be released). It
   * does not abort on `release()`.
   *
   * The first read sets a watch on each znode (one request each, not waited for).
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = quietController()
      this.#listen()
    }
    return this.#controller.signal
  }

  #listen(): void {
    const controller = this.#controller
    if (controller === undefined) return
    this.#stopListening()
    const { loss } = this
    if (loss !== undefined) controller.abort(loss)
    else if (this.#release === undefined)
      this.#unlisten = this.#parts.map(({ signal }) => onAbort(signal, (reason) => controller.abort(reason)))
  }

  #stopListening(): void {
    for (const unlisten of this.#unlisten.splice(0)) unlisten()
  }

  /**
   * Tells `listener`, once, when somebody asks for this to be given up: with `revoke` of a semaphore here, or by writing
   * `__REVOKE__` into one of its znodes as Curator's `Revoker` does. It is advisory. If it was asked for before, the listener is
   * told at once, but not before this returns; after a release or a loss nobody is told. What the listener throws is
   * logged.
   *
   * Sets a watch on each znode, the same as {@link signal}.
   *
   * @returns the way to stop.
   */
  onRevokeRequested(listener: RevokeListener): () => void {
    this.#requests ??= new RevokeRequests(this.#zk.logger, this.path)
    const stop = this.#requests.add(listener)
    if (this.#release === undefined) this.#heedRequests()
    else this.#requests.clear()
    return stop
  }

  #heedRequests(): void {
    for (const part of this.#parts) {
      if (this.#heeded.has(part)) continue
      this.#heeded.add(part)
      part.onRevokeRequested(() => this.#requests?.ask())
    }
  }

  /**
   * Why it is lost, as far as is known here.
   *
   * @internal
   */
  get loss(): LockLostError | undefined {
    return this.#parts.find(({ loss }) => loss !== undefined)?.loss
  }

  /**
   * Asks the ensemble whether all of it is still held, one request a znode, all at once.
   *
   * @throws LockLostError if it is not, `TimeoutError` or the abort reason if that can't be found out in time.
   */
  async confirm(options: WaitOptions = {}): Promise<void> {
    using attempt = new Attempt(this.#zk, 'confirm', this.path, options)
    attempt.stage = 'waiting for a return of a single permit'
    await abortable(this.#returning, attempt.signal)
    attempt.stage = 'asking the ensemble'
    const { signal } = attempt
    await Promise.all(this.#parts.map(async (part) => part.confirm({ signal })))
  }

  /**
   * Adds a check of every znode: the transaction commits only while all of this is held, whatever happened since. Commit
   * it before the next `releaseOne()`, which may replace a znode.
   *
   * @throws LockLostError at once if it is known to be lost, `TypeError` if it was released.
   */
  guard<R extends readonly TransactionResult[]>(
    transaction: Transaction<R>,
  ): Transaction<readonly [...R, ...CheckResult[]]> {
    let guarded: Transaction = transaction as unknown as Transaction
    for (const part of this.#parts) guarded = part.guard(guarded) as unknown as Transaction
    return guarded as unknown as Transaction<readonly [...R, ...CheckResult[]]>
  }

  /**
   * Gives one permit back and keeps the others; the last one releases the lease. Resolves when the server confirmed it.
   * Quiet after a loss.
   *
   * @param options - bounds on this wait only: the return goes on in the background.
   * @throws ZkError what the server refuses; the permit is then still held.
   */
  async releaseOne(options: WaitOptions = {}): Promise<void> {
    if (this.permits <= 1) return this.release(options)
    using attempt = new Attempt(this.#zk, 'releaseOne', this.path, options)
    attempt.stage = 'waiting for the server to confirm it (it goes on in the background)'
    attempt.signal.throwIfAborted()
    this.#owed++
    const returned = this.#returning.then(async () => this.#giveOne())
    this.#returning = returned.catch(() => undefined)
    await abortable(returned, attempt.signal)
  }

  async #giveOne(): Promise<void> {
    const [part, ...others] = this.#parts
    if (part === undefined) return
    try {
      if (part.permits === 1) {
        await part.release()
        this.#parts = others
      } else {
        this.#parts = [await part.less(), ...others]
      }
    } catch (error) {
      if (!hasCode(error, 'LOCK_LOST')) throw error
    } finally {
      this.#owed--
    }
    this.#listen()
    if (this.#requests !== undefined && this.#release === undefined) this.#heedRequests()
  }

  /**
   * Gives all of it back: the deletions are sent at once (behind a return of a single permit that is under way), and the
   * promise resolves when the server confirmed them or the session is over. May be called again, and after a loss.
   *
   * @param options - bounds on this wait only: the deletions go on in the background.
   * @throws ZkError if the server refuses one (`NO_AUTH` …); it is still tried again, until the session ends.
   */
  async release(options?: WaitOptions): Promise<void> {
    if (this.#release === undefined) {
      this.#stopListening()
      this.#requests?.clear()
      const isIdle = this.#owed === 0
      this.#release = isIdle ? this.#releaseAll() : this.#returning.then(async () => this.#releaseAll())
    }
    if (options === undefined) return this.#release
    using attempt = new Attempt(this.#zk, 'release', this.path, options)
    attempt.stage = 'waiting for the server to confirm it (the deletion goes on in the background)'
    await abortable(this.#release, attempt.signal)
  }

  async #releaseAll(): Promise<void> {
    const outcomes = await Promise.allSettled(this.#parts.map(async (part) => part.release()))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}
