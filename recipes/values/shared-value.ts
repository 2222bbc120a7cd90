/**
 * A value that processes share and watch, changed by compare-and-set on its *state*, not on its bytes: Curator's SharedValue
 * (and, with the format `int32`, what its SharedCount reads).
 *
 * On the server: `path`, persistent, with the value's bytes as its data (Curator's are raw: `bytesCodec`). A state is told by the transaction
 * that wrote it (czxid and mzxid), never by the version: that can be 0 or negative, and comes again when the znode is made
 * again (CURATOR-329, 688). Changes: cell.ts, one write each.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { checkOneOf } from '../kernel/check.js'
import { checkCodec, type ItemCodec } from '../kernel/codec.js'
import { Cell, type Current, type Step } from './cell.js'
import type { WrittenAs } from './cell-access.js'
import { bytesOf, decodeOrThrow } from './decode.js'
import { ValueChanges } from './node-changes.js'

/** A value and which write of it this is. */
export interface Versioned<T> {
  readonly value: T
  /** The transaction that wrote it: greater for each next write. 0n for the initial value of a missing znode. */
  readonly mzxid: bigint
  /** The transaction that made the znode. 0n if it is missing. */
  readonly czxid: bigint
  /** As ZooKeeper counts it: an int32 that wraps, and begins anew with the znode. To be shown, not to be compared. */
  readonly version: number
}

export interface SharedValueOptions<T> {
  /** How values are written: `bytesCodec`, `jsonCodec()`, or your own. */
  readonly codec: ItemCodec<T>
  /** What a missing value stands for, and is made with. Left out: that it is missing is an error. */
  readonly initial?: T | undefined
  /** For the znode, its parents and our marker. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /** As for counters: `marker` (default) resolves every lost reply on a live session; `value` writes nothing else. */
  readonly lostReplies?: 'marker' | 'value' | undefined
}

export class SharedValue<T> implements AsyncDisposable {
  readonly path: string
  readonly #codec: ItemCodec<T>
  readonly #initial: { readonly value: T } | undefined
  readonly #cell: Cell<T>
  readonly #changes: ValueChanges<Versioned<T>>

  /** @throws TypeError, RangeError for a bad path or ACL, and what the codec throws for the initial value. */
  constructor(zk: Zk, path: string, options: SharedValueOptions<T>) {
    validatePath(path)
    const { codec, initial, acl, lostReplies = 'marker' } = options
    if (acl !== undefined) validateAcl(acl)
    checkOneOf('lostReplies', lostReplies, ['marker', 'value'])
    checkCodec(codec)
    if (initial !== undefined) codec.encode(initial)
    this.path = path
    this.#codec = codec
    this.#initial = initial === undefined ? undefined : { value: initial }
    const node = { zk, path, codec, initial: this.#initial, acl }
    this.#cell = new Cell({ ...node, markers: lostReplies === 'marker', combine: false })
    this.#changes = new ValueChanges(zk, path, ({ data, as }) =>
      stateOf({ value: decodeOrThrow(node, data), as }),
    )
  }

  /** The value now, in sync with the leader. */
  async get(options: WaitOptions = {}): Promise<Versioned<T>> {
    return stateOf(await this.#cell.read(options))
  }

  /**
   * Writes `value`, whatever was there, and resolves with its state. After an abort or a time limit it may have been written.
   *
   * @throws ConnectionLossError with outcome `unknown` if the reply was lost and the session ended before it could be asked.
   */
  async set(value: T, options: WaitOptions = {}): Promise<Versioned<T>> {
    this.#codec.encode(value)
    const answer = (as: WrittenAs | undefined): Versioned<T> => stateOf({ value, as })
    return this.#cell.change('set', () => ({ write: { value }, answer }), options)
  }

  /**
   * Writes `value` if nobody wrote since `previous`; resolves with the new state, or undefined if somebody did. Rejects
   * as {@link set}.
   */
  async compareAndSet(
    previous: Versioned<T>,
    value: T,
    options: WaitOptions = {},
  ): Promise<Versioned<T> | undefined> {
    this.#codec.encode(value)
    const step = (current: Current<T>): Step<T, Versioned<T> | undefined> => {
      const { mzxid, czxid } = stateOf(current)
      // A missing value that we make in order to write it is still the one that was missing.
      const isNew = previous.czxid === 0n && czxid === mzxid && current.as?.version === 0
      const isSame =
        (mzxid === previous.mzxid && czxid === previous.czxid) || (isNew && this.#isInitial(current.value))
      return isSame
        ? { write: { value }, answer: (as) => stateOf({ value, as }) }
        : { answer: () => undefined }
    }
    return this.#cell.change('compare and set', step, options)
  }

  #isInitial(value: T): boolean {
    if (this.#initial === undefined) return false
    return bytesOf(this.#codec, value).equals(bytesOf(this.#codec, this.#initial.value))
  }

  /** The state now, then each newer one that is seen: as `Counter.changes`. */
  changes(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<Versioned<T>, void> {
    return this.#changes.values(options)
  }

  /** Calls `listener` with the state and with each newer one. Returns the way to stop. */
  on(event: 'change', listener: (state: Versioned<T>) => void): () => void {
    return this.#changes.listen(event, listener)
  }

  /**
   * Deletes our marker now rather than after some idle seconds. The handle can still be used.
   *
   * @param options - bounds on this wait only: the deletion goes on in the background.
   */
  async close(options?: WaitOptions): Promise<void> {
    await this.#cell.close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function stateOf<T>({ value, as }: Current<T>): Versioned<T> {
  const { mzxid = 0n, czxid = 0n, version = 0 } = as ?? {}
  return { value, mzxid, czxid, version }
}
