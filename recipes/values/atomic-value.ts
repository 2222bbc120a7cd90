/**
 * A value that processes change together, by compare-and-set on the value itself: Curator's DistributedAtomicValue.
 *
 * On the server: `path`, persistent, with the value's bytes as its data (Curator's are raw: `bytesCodec`). A missing znode, or one without
 * data, stands for the initial value. Changes: cell.ts; while we write, an ephemeral child: operation-marker.ts.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { checkOneOf } from '../kernel/check.js'
import { checkCodec, type ItemCodec } from '../kernel/codec.js'
import { Cell, type Step } from './cell.js'
import { bytesOf, decodeOrThrow } from './decode.js'
import { ValueChanges } from './node-changes.js'

export interface AtomicValueOptions<T> {
  /** How values are written: `bytesCodec`, `jsonCodec()`, or your own. */
  readonly codec: ItemCodec<T>
  /** What a missing value stands for, and is made with. */
  readonly initial: T
  /** For the znode, its parents and our marker. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /** As for counters: `marker` (default) resolves every lost reply on a live session; `value` writes nothing else. */
  readonly lostReplies?: 'marker' | 'value' | undefined
  /** Changes that have lost three races take a mutex there, as Curator's PromotedToLock. Default: none. */
  readonly lockPath?: string | undefined
}

export class AtomicValue<T> implements AsyncDisposable {
  readonly path: string
  readonly #codec: ItemCodec<T>
  readonly #initial: { readonly value: T }
  readonly #cell: Cell<T>
  readonly #changes: ValueChanges<T>

  /** @throws TypeError, RangeError for a bad path or ACL, and what the codec throws for the initial value. */
  constructor(zk: Zk, path: string, options: AtomicValueOptions<T>) {
    validatePath(path)
    const { codec, initial, acl, lockPath, lostReplies = 'marker' } = options
    if (acl !== undefined) validateAcl(acl)
    if (lockPath !== undefined) validatePath(lockPath)
    checkOneOf('lostReplies', lostReplies, ['marker', 'value'])
    checkCodec(codec)
    codec.encode(initial)
    this.path = path
    this.#codec = codec
    this.#initial = { value: initial }
    const node = { zk, path, codec, initial: this.#initial, acl, lockPath }
    this.#cell = new Cell({ ...node, markers: lostReplies === 'marker', combine: true })
    this.#changes = new ValueChanges(zk, path, ({ data }) => decodeOrThrow(node, data))
  }

  /** The value now, in sync with the leader. */
  async get(options: WaitOptions = {}): Promise<T> {
    return (await this.#cell.read(options)).value
  }

  /**
   * Writes `value`, whatever was there. After an abort or a time limit it may have been written.
   *
   * @throws ConnectionLossError with outcome `unknown` if the reply was lost and the session ended before it could be asked.
   */
  async set(value: T, options: WaitOptions = {}): Promise<void> {
    this.#codec.encode(value)
    await this.#cell.change('set', () => ({ write: { value }, answer: () => undefined }), options)
  }

  /** Writes `next` if the value is `expected`, by its bytes; says whether it was. Rejects as {@link set}. */
  async compareAndSet(expected: T, next: T, options: WaitOptions = {}): Promise<boolean> {
    const bytes = bytesOf(this.#codec, expected)
    this.#codec.encode(next)
    const step = ({ value }: { value: T }): Step<T, boolean> =>
      bytes.equals(bytesOf(this.#codec, value))
        ? { write: { value: next }, answer: () => true }
        : { answer: () => false }
    return this.#cell.change('compare and set', step, options)
  }

  /**
   * Writes what `fn` makes of the value, and resolves with that. `fn` may be called several times, and is not to change
   * what it is given nor to wait for anything. Rejects with what `fn` throws, and as {@link set}.
   */
  async update(fn: (value: T) => T, options: WaitOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`update needs a function, got ${typeof fn}`)
    const step = ({ value }: { value: T }): Step<T, T> => {
      const next = fn(value)
      return { write: { value: next }, answer: () => next }
    }
    return this.#cell.change('update', step, options)
  }

  /** The value now, then each newer one that is seen: as `Counter.changes`. */
  changes(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<T, void> {
    return this.#changes.values(options)
  }

  /** Calls `listener` with the value and with each newer one. Returns the way to stop. */
  on(event: 'change', listener: (value: T) => void): () => void {
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
