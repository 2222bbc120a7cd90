/**
 * A number that processes count with together: exact, and shared with Java and Python.
 *
 * On the server: `path`, persistent, with the number in its data; by default the eight bytes of Curator's
 * DistributedAtomicLong. A missing znode, or one without data, stands for the initial number. Beside it, while we
 * write, an ephemeral child: see operation-marker.ts. Changes are compare-and-set: see cell.ts.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { checkOneOf } from '../kernel/check.js'
import { Cell, type Step } from './cell.js'
import { decodeOrThrow } from './decode.js'
import { ValueChanges } from './node-changes.js'
import { numberFormatOf, type NumberFormat, type NumberFormatName } from './number-format.js'

/** What numbers are in a counter's methods. */
export type CounterNumber = 'bigint' | 'number'
export type NumberOf<K extends CounterNumber> = K extends 'number' ? number : bigint

export interface CounterOptions<K extends CounterNumber = 'bigint'> {
  /**
   * Whose bytes: `int64` (Curator's DistributedAtomicLong; the default), `int32` (its DistributedAtomicInteger and
   * SharedCount, kazoo's Counter with `support_curator`), `kazoo` (decimal digits), or a format of your own.
   */
  readonly format?: NumberFormatName | NumberFormat | undefined
  /** `number` for safe integers instead of `bigint`, the default. */
  readonly as?: K | undefined
  /** What a missing counter stands for, and is made with. Default 0. */
  readonly initial?: NumberOf<K> | undefined
  /** For the znode, its parents and our marker. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /**
   * `marker` (default): a lost reply is resolved by an ephemeral child of the counter. `value`: nothing but the number is
   * written, and a lost reply that the number itself can't resolve rejects with outcome `unknown`.
   */
  readonly lostReplies?: 'marker' | 'value' | undefined
  /** Changes that have lost three races take a mutex there, as Curator's PromotedToLock. Default: none. */
  readonly lockPath?: string | undefined
}

/** Numbers that nobody else has. */
export interface Block<K extends CounterNumber = 'bigint'> {
  readonly first: NumberOf<K>
  readonly last: NumberOf<K>
}

export class Counter<K extends CounterNumber = 'bigint'> implements AsyncDisposable {
  readonly path: string
  readonly #kind: CounterNumber
  readonly #format: NumberFormat
  readonly #initial: bigint
  readonly #cell: Cell<bigint>
  readonly #changes: ValueChanges<NumberOf<K>>

  /**
   * Sends nothing. Keep one handle per counter: its changes are written together, and it remembers what it wrote.
   *
   * @throws TypeError, RangeError for a bad path, format, initial number or ACL.
   */
  constructor(zk: Zk, path: string, options: CounterOptions<K> = {}) {
    validatePath(path)
    if (options.acl !== undefined) validateAcl(options.acl)
    if (options.lockPath !== undefined) validatePath(options.lockPath)
    const { as = 'bigint', lostReplies = 'marker' } = options
    checkOneOf('as', as, ['bigint', 'number'])
    checkOneOf('lostReplies', lostReplies, ['marker', 'value'])
    this.path = path
    this.#kind = as
    this.#format = numberFormatOf(options.format ?? 'int64')
    this.#initial = options.initial === undefined ? 0n : this.#take(options.initial, 'initial')
    const { acl, lockPath } = options
    const node = { zk, path, codec: this.#format, initial: { value: this.#initial }, acl, lockPath }
    this.#cell = new Cell({ ...node, markers: lostReplies === 'marker', combine: true })
    this.#changes = new ValueChanges(zk, path, ({ data }) => this.#give(decodeOrThrow(node, data)))
  }

  /**
   * The number now, in sync with the leader. One round trip.
   *
   * @throws ZkError (`DATA_INCONSISTENCY`) if the znode holds something else; RangeError if it is no safe integer
   * though numbers were asked for.
   */
  async get(options: WaitOptions = {}): Promise<NumberOf<K>> {
    return this.#give((await this.#cell.read(options)).value)
  }

  /**
   * Adds, and resolves with the sum. One request while nobody else writes; what is added in this process meanwhile is
   * written together. After an abort or a time limit it may have been added, if it was on its way.
   *
   * @throws RangeError if the sum does not fit, at once if `amount` does not: nothing is changed. ConnectionLossError
   * with outcome `unknown` if the reply was lost and the session ended before it could be asked. TimeoutError.
   */
  async add(amount: NumberOf<K>, options: WaitOptions = {}): Promise<NumberOf<K>> {
    const by = this.#take(amount, 'amount')
    return this.#change('add to', (value) => value + by, options)
  }

  /** Adds one: see {@link add}. */
  async increment(options: WaitOptions = {}): Promise<NumberOf<K>> {
    return this.#change('add to', (value) => value + 1n, options)
  }

  /** Takes one away: see {@link add}. */
  async decrement(options: WaitOptions = {}): Promise<NumberOf<K>> {
    return this.#change('add to', (value) => value - 1n, options)
  }

  /** Sets it to `value`, whatever it was. Rejects as {@link add}. */
  async set(value: NumberOf<K>, options: WaitOptions = {}): Promise<void> {
    const next = this.#take(value, 'value')
    // Written even if it is the same: that others see a write is the point of a set.
    await this.#cell.change('set', () => ({ write: { value: next }, answer: () => undefined }), options)
  }

  /** Sets it to `next` if it is `expected`; says whether it was. Rejects as {@link add}. */
  async compareAndSet(expected: NumberOf<K>, next: NumberOf<K>, options: WaitOptions = {}): Promise<boolean> {
    const [from, to] = [this.#take(expected, 'expected'), this.#take(next, 'next')]
    const step = ({ value }: { value: bigint }): Step<bigint, boolean> =>
      value === from ? { write: { value: to }, answer: () => true } : { answer: () => false }
    return this.#cell.change('compare and set', step, options)
  }

  /**
   * Sets it to what `fn` makes of it, and resolves with that. `fn` may be called several times, and is not to wait for
   * anything. If it gives back the same number nothing is written. Rejects with what `fn` throws, and as {@link add}.
   */
  async update(fn: (value: NumberOf<K>) => NumberOf<K>, options: WaitOptions = {}): Promise<NumberOf<K>> {
    if (typeof fn !== 'function') throw new TypeError(`update needs a function, got ${typeof fn}`)
    return this.#change('update', (value) => this.#take(fn(this.#give(value)), 'what fn gave'), options)
  }

  /**
   * Takes `size` numbers at once, for ids: those that as many increments would give. They are nobody else's; what a process
   * that dies has not used is never used. Rejects as {@link add}; after an unknown outcome take another block.
   */
  async block(size: number, options: WaitOptions = {}): Promise<Block<K>> {
    if (!Number.isSafeInteger(size)) throw new TypeError(`size must be an integer, got ${String(size)}`)
    if (size < 1) throw new RangeError(`size must be at least 1, got ${size}`)
    const count = BigInt(size)
    const step = ({ value }: { value: bigint }): Step<bigint, Block<K>> => {
      const last = this.#fitting(value + count)
      const block = { first: this.#give(value + 1n), last: this.#give(last) }
      return { write: { value: last }, answer: () => block }
    }
    return this.#cell.change('take a block of', step, options)
  }

  /**
   * The number now, then each newer one that is seen: the newest always arrives, those in between may not. Ends without
   * an error when `signal` aborts or the client is closed. Rejects with what the server refuses.
   */
  changes(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<NumberOf<K>, void> {
    return this.#changes.values(options)
  }

  /** Calls `listener` with the number and with each newer one, as {@link changes}. Returns the way to stop. */
  on(event: 'change', listener: (value: NumberOf<K>) => void): () => void {
    return this.#changes.listen(event, listener)
  }

  /**
   * Deletes our marker now rather than after some idle seconds. The handle can still be used: it makes another.
   *
   * @param options - bounds on this wait only: the deletion goes on in the background.
   */
  async close(options?: WaitOptions): Promise<void> {
    await this.#cell.close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #change(what: string, fn: (value: bigint) => bigint, options: WaitOptions): Promise<NumberOf<K>> {
    const step = ({ value }: { value: bigint }): Step<bigint, NumberOf<K>> => {
      const next = this.#fitting(fn(value))
      const given = this.#give(next)
      return { ...(next !== value && { write: { value: next } }), answer: () => given }
    }
    return this.#cell.change(what, step, options)
  }

  #fitting(value: bigint): bigint {
    const { min, max, name } = this.#format
    if (value < min || value > max)
      throw new RangeError(`${this.path}: ${value} does not fit in ${name} (${min} to ${max})`)
    return value
  }

  #take(value: unknown, what: string): bigint {
    if (typeof value !== this.#kind)
      throw new TypeError(`${what} must be a ${this.#kind}, got ${typeof value}`)
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      throw new RangeError(`${what} must be a safe integer, got ${value}`)
    return this.#fitting(BigInt(value as bigint | number))
  }

  #give(value: bigint): NumberOf<K> {
    if (this.#kind === 'bigint') return value as NumberOf<K>
    const given = Number(value)
    if (!Number.isSafeInteger(given))
      throw new RangeError(`${this.path}: ${value} is no safe integer; make the counter with as: 'bigint'`)
    return given as NumberOf<K>
  }
}
