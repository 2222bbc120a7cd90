/**
 * An item in the hands of a consumer, until it is acknowledged, given back, or lost.
 */
import { hasCode, UnsupportedError } from '../../src/api/errors.js'
import type { CheckResult, Transaction, TransactionResult, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { Attempt, awaitWithin, type WaitOptions } from '../kernel/attempt.js'
import type { Taken } from './consumer.js'
import type { Settlement } from './settlement.js'
import { LATEST_DUE } from './native-layout.js'

export interface AckOptions extends WaitOptions {
  /**
   * Adds operations to the transaction that removes the item: they take effect exactly when the item is acknowledged,
   * which is once. Called again with a new transaction when the first is sure not to have been applied.
   */
  readonly with?: ((transaction: Transaction) => unknown) | undefined
}

export interface NackOptions extends WaitOptions {
  /** Not to be taken again before that many milliseconds have gone by. Default 0: it keeps its place in the queue. */
  readonly delayMs?: number | undefined
  /** Kept with the item, as text, for whoever takes it next (native layout only). */
  readonly error?: unknown
}

export class Delivery<T> implements AsyncDisposable {
  readonly item: T
  /** The item's id in a queue of ids; else one of its own, the same for all its attempts. */
  readonly id: string
  /**
   * Which attempt this is, from 1. Kept in the item, across processes and crashes; in other libraries' formats, which
   * have no place for it, always 1.
   */
  readonly attempt: number
  /** Why the attempt before this one failed, if somebody said so. */
  readonly lastError: string | undefined
  /** Of its znode, which it may share with others that were put at the same time. */
  readonly path: string
  readonly #zk: Zk
  readonly #taken: Taken<T>
  #settled: { readonly how: Settlement['how']; readonly done: Promise<void> } | undefined

  /** @internal */
  constructor(zk: Zk, taken: Taken<T>) {
    const { claim, index } = taken
    this.#zk = zk
    this.#taken = taken
    this.item = claim.items[index] as T
    this.id = claim.idOf(index)
    this.attempt = claim.attempt
    this.lastError = claim.lastError
    this.path = claim.path
  }

  /**
   * Aborts with a `LockLostError` when the item is no longer ours: the session is over or in doubt, or somebody deleted
   * the claim. Another consumer may have it then. It does not abort on `ack()` and `nack()`.
   *
   * The first read sets a watch on the claim (one request, not waited for). Never aborts at most once: then there is no
   * claim to lose.
   */
  get signal(): AbortSignal {
    return this.#taken.claim.signal
  }

  /**
   * Adds a check that the item is still ours: the transaction commits only while it is. For effects that must happen
   * exactly once see `ack({ with })`. Commit it right away: of items that were put together and share a znode (`packItems`), a
   * transaction that waits is also refused when another that was guarded is settled meanwhile.
   *
   * @throws TypeError after `ack()` or `nack()`, and at most once.
   */
  guard<R extends readonly TransactionResult[]>(
    transaction: Transaction<R>,
  ): Transaction<readonly [...R, CheckResult]> {
    if (this.#settled !== undefined) throw new TypeError(`${this.id} was settled`)
    return this.#taken.claim.guard(this.#taken.index, transaction as unknown as Transaction) as Transaction<
      readonly [...R, CheckResult]
    >
  }

  /**
   * Removes the item for good, in one transaction with the claim. A lost reply is resolved before it answers; calling it
   * again gives the first call's answer, unless that failed and the item is still ours.
   *
   * @param options - `signal` and `timeoutMs` bound this wait only: the acknowledgement goes on in the background.
   * @throws LockLostError if the item is no longer ours: then another consumer has it or will. Its `outcome` is
   * `unknown` if the session ended before the reply came: then it may be acknowledged all the same. `TransactionError` if
   * an operation of `with` was refused: nothing has changed then, and the item is still ours.
   */
  async ack(options: AckOptions = {}): Promise<void> {
    return this.#settle({ how: 'ack', effects: options.with }, options)
  }

  /**
   * Gives the item back: another attempt follows, here or elsewhere.
   *
   * @throws as {@link ack}. `UnsupportedError` for a delay in other libraries' formats, which have no place for it.
   */
  async nack(options: NackOptions = {}): Promise<void> {
    const { delayMs = 0, error } = options
    const dueAt = this.#zk.runtime.clock.wall() + delayMs
    if (typeof delayMs !== 'number' || !(delayMs >= 0) || dueAt > LATEST_DUE)
      throw new RangeError(`delayMs must be a number of milliseconds ≥ 0, got ${String(delayMs)}`)
    const text = error === undefined ? undefined : errorText(error)
    if (delayMs === 0) return this.#settle({ how: 'return', error: text }, options)
    if (!this.#taken.claim.keepsNotes)
      throw new UnsupportedError('UNSUPPORTED', "a delay has no place in this queue's format", {
        path: this.path,
      })
    return this.#settle({ how: 'delay', dueAt, error: text }, options)
  }

  /** Moves the item to the dead letters, with the reason. At most once: it is gone already, and only this fails. */
  async deadLetter(error: unknown, options: WaitOptions = {}): Promise<void> {
    return this.#settle({ how: 'dead', error: errorText(error) }, options)
  }

  /** Gives it back as if it had never been taken: the attempt is not counted. @internal */
  async putBack(options: WaitOptions = {}): Promise<void> {
    return this.#settle({ how: 'return', uncounted: true }, options)
  }

  /**
   * Says how far it is: written into the claim, for `claims()` of the queue to show. One write each.
   *
   * @throws LockLostError if the claim is gone; `ConnectionLossError` if the reply got lost (say it again). TimeoutError, the
   * signal's reason: then it may be said.
   */
  async progress(value: unknown, options: WaitOptions = {}): Promise<void> {
    if (this.#settled !== undefined) return
    await awaitWithin(this.#zk, 'progress', this.path, options, async () =>
      this.#taken.claim.progress(this.#taken.index, value),
    )
  }

  async #settle(settlement: Settlement, options: WaitOptions): Promise<void> {
    if (this.#settled === undefined) this.#settled = { how: settlement.how, done: this.#start(settlement) }
    else if (this.#settled.how !== settlement.how)
      throw new TypeError(`${this.id} was settled already (${this.#settled.how})`)
    const { done } = this.#settled
    using attempt = new Attempt(this.#zk, settlement.how, this.path, options)
    attempt.stage = 'waiting for the server to confirm it (it goes on in the background)'
    await abortable(done, attempt.signal)
  }

  async #start(settlement: Settlement): Promise<void> {
    const { claim, index } = this.#taken
    const done = claim.settle(index, settlement)
    // Of a refusal (rights, an operation of the caller's) the item stays ours, and can be settled again.
    done.catch((error: unknown) => {
      if (!hasCode(error, 'LOCK_LOST')) this.#settled = undefined
    })
    return done
  }

  /** Gives the item back unless it was settled. Quiet after a loss. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#settled === undefined) await this.nack()
      else await this.#settled.done
    } catch (error) {
      if (!hasCode(error, 'LOCK_LOST')) throw error
    }
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
