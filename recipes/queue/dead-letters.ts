/**
 * What could not be done: items that failed too often, and bytes that are no items. Kept beside the queue, in the
 * native layout (whatever the queue's own), until somebody looks: below `<queue>/dead`, or `<queue>-latchkey/dead`.
 */
import { hasCode, TransactionError } from '../../src/api/errors.js'
import type { Acl } from '../../src/api/acl.js'
import { joinPath, nameOf } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { abortable } from '../../src/runtime/abort.js'
import { ask } from './ask.js'
import type { ItemCodec } from '../kernel/codec.js'
import { inSync } from '../kernel/in-sync.js'
import type { Notes, Stored } from './stored.js'
import type { Layout, Lister } from './layout.js'
import { tokenOf } from './item-name.js'
import { NativeLayout } from './native-layout.js'
import { childrenIfAny } from './shelf.js'
import { commitAnywhere, type Step } from './step.js'

/** One that could not be done. */
export interface DeadLetter<T> {
  /** Of its znode. */
  readonly path: string
  /** As its deliveries had it. */
  readonly id: string
  /** Undefined if the bytes are no item. */
  readonly item: T | undefined
  readonly bytes: Buffer
  readonly attempts: number
  readonly error: string | undefined
  /** When it was given up, by the leader's wall clock. */
  readonly since: Date
}

/** The steps that store one. */
export type DeadSteps = (notes: Notes, payload: Buffer, token: string) => Promise<Step[]>

const READ_AT_ONCE = 256

export class DeadLetters<T> {
  readonly path: string
  readonly #zk: Zk
  readonly #codec: ItemCodec<T>
  readonly #queue: Layout
  readonly #layout: NativeLayout

  /** @internal */
  constructor(
    zk: Zk,
    queue: Layout,
    codec: ItemCodec<T>,
    acl: readonly Acl[] | undefined,
    segmentItems: number,
  ) {
    this.#zk = zk
    this.#codec = codec
    this.#queue = queue
    this.path = joinPath(queue.own, 'dead')
    this.#layout = new NativeLayout({ zk, path: this.path, acl, segmentItems, packItems: 1 })
  }

  /** @internal */
  get steps(): DeadSteps {
    return async (notes, payload, token) => this.#layout.putSteps([{ place: {}, notes, payload, token }])
  }

  /** How many there are. */
  async size(options: WaitOptions = {}): Promise<number> {
    using attempt = new Attempt(this.#zk, 'count dead letters', this.path, options)
    attempt.stage = 'counting'
    return await ask(this.#zk, attempt, async () => this.#layout.count())
  }

  /** The oldest first. @param limit - how many at most. */
  async list(limit = 1_000, options: WaitOptions = {}): Promise<DeadLetter<T>[]> {
    if (typeof limit !== 'number' || !(limit >= 0))
      throw new RangeError(`limit must be a number ≥ 0, got ${String(limit)}`)
    using attempt = new Attempt(this.#zk, 'list dead letters', this.path, options)
    attempt.stage = 'reading them'
    return await ask(this.#zk, attempt, async () => this.#read(limit))
  }

  async #read(limit: number): Promise<DeadLetter<T>[]> {
    const list: Lister = async (path) => childrenIfAny(this.#zk, path)
    const { candidates } = await this.#layout.look(list, limit)
    const found: DeadLetter<T>[] = []
    for (let start = 0; start < Math.min(limit, candidates.length); start += READ_AT_ONCE) {
      const batch = candidates.slice(start, Math.min(limit, start + READ_AT_ONCE))
      const letters = await Promise.all(batch.map(async ({ path }) => this.#letter(path)))
      found.push(...letters.filter((letter) => letter !== undefined))
    }
    return found
  }

  async #letter(path: string): Promise<DeadLetter<T> | undefined> {
    try {
      const { data, stat } = await this.#zk.get(path)
      const { notes, payloads } = this.#unpack(data)
      const bytes = payloads[0] ?? Buffer.alloc(0)
      const since = new Date(Number(stat.ctime))
      const id = notes.k ?? tokenOf(nameOf(path))
      return { path, id, bytes, item: this.#decode(bytes), attempts: notes.n ?? 0, error: notes.e, since }
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return undefined
      throw error
    }
  }

  /** Of what somebody made by hand all bytes are shown. */
  #unpack(data: Buffer): Stored {
    try {
      return this.#layout.unpack(data)
    } catch {
      return { notes: {}, payloads: [data] }
    }
  }

  #decode(bytes: Buffer): T | undefined {
    try {
      return this.#codec.decode(bytes)
    } catch {
      return undefined
    }
  }

  /**
   * Puts it at the end of the queue again, with no attempts. False if it is gone. Both happen, or neither.
   *
   * @throws ConnectionLossError if the session ended before the reply came and it is gone: then it can't be known.
   */
  async requeue(letter: Pick<DeadLetter<T>, 'path'>, options: WaitOptions = {}): Promise<boolean> {
    return this.#remove(letter.path, options, async () => {
      const { notes, payloads } = this.#layout.unpack((await this.#zk.get(letter.path)).data)
      const { k, p } = notes
      const kept = { ...(k !== undefined && { k }), ...(p !== undefined && { p }) }
      const token = tokenOf(nameOf(letter.path))
      const payload = payloads[0] ?? Buffer.alloc(0)
      return this.#queue.putSteps([{ place: { id: k, priority: p }, notes: kept, payload, token }])
    })
  }

  /** Forgets it. False if it is gone already. @throws as {@link requeue}. */
  async remove(letter: Pick<DeadLetter<T>, 'path'>, options: WaitOptions = {}): Promise<boolean> {
    return this.#remove(letter.path, options, async () => Promise.resolve([]))
  }

  async #remove(path: string, options: WaitOptions, alongside: () => Promise<Step[]>): Promise<boolean> {
    if (!path.startsWith(`${this.path}/`))
      throw new TypeError(`${nameOf(path)} is no dead letter of this queue`)
    using attempt = new Attempt(this.#zk, 'remove dead letter', this.path, options)
    attempt.stage = 'waiting for the server (it goes on in the background)'
    const zk = this.#zk
    const removal: Step = { add: (transaction) => transaction.delete(path) }
    const intent = {
      steps: async () => [removal, ...(await alongside())],
      wasApplied: async (limits: { readonly generation: number }) =>
        (await inSync(zk, path, limits, async () => zk.exists(path, limits))) === undefined,
    }
    try {
      await abortable(commitAnywhere(zk, intent, attempt.signal), attempt.signal)
      return true
    } catch (error) {
      const cause = error instanceof TransactionError ? error.failure : error
      if (hasCode(cause, 'NO_NODE') && cause.path === path) return false
      throw cause
    }
  }
}
