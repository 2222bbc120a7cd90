/**
 * What all queues have in common: taking, acknowledging, counting, dead letters. How items are put, and in which order
 * they come, is each one's own (queue.ts, priority-queue.ts, delay-queue.ts, id-queue.ts).
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { hasCode, TimeoutError, UnsupportedError, ZkError } from '../../src/api/errors.js'
import { joinPath, validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkOneOf, checkText } from '../kernel/check.js'
import { localAddress } from '../kernel/local-address.js'
import { ask } from './ask.js'
import { BackPressure } from './back-pressure.js'
import { checkCodec, jsonCodec, type ItemCodec } from '../kernel/codec.js'
import { unpackClaimNote } from './claim-note.js'
import { Consumer } from './consumer.js'
import { DeadLetters } from './dead-letters.js'
import { Delivery } from './delivery.js'
import type { Format } from './formats.js'
import { FlatLayout } from './flat-layout.js'
import { packedToken, tokenOf } from './item-name.js'
import { JointCommits } from './joint-commits.js'
import type { Entry, Layout, Placement } from './layout.js'
import { NativeLayout } from './native-layout.js'
import { CHUNK_BYTES, CHUNK_ITEMS, Producer, unitOf, type Unit } from './producer.js'
import { childrenIfAny } from './shelf.js'

export interface WorkQueueOptions<T> {
  /** How items become bytes. Default: JSON. */
  readonly codec?: ItemCodec<T> | undefined
  /**
   * `at-least-once` (default): an item stays until it is acknowledged; a consumer that dies gives it back. `at-most-once`:
   * it is removed before it is handed out; a consumer that dies takes it along.
   */
  readonly delivery?: 'at-least-once' | 'at-most-once' | undefined
  /** Puts wait while there are that many items. Soft: several producers may exceed it together. Default: no bound. */
  readonly capacity?: number | undefined
  /** Written into claims, to show whose they are. Default: this host's address. */
  readonly id?: string | undefined
  /** For our znodes. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /** Native layout: how many items are put into one znode before the next is begun. Default 1,000. */
  readonly segmentItems?: number | undefined
  /**
   * Native layout: how many small items (4 KB each at most) that are put at the same time may share a znode. That makes them
   * cheaper by far; who takes fewer than there are in it takes it apart. Default 16; 1: each has a znode of its own.
   */
  readonly packItems?: number | undefined
}

/** A claim on an item: somebody is at work on it. */
export interface ClaimInfo {
  /** Of the item's znode, which may hold several: then there is one of these for each. */
  readonly name: string
  /** The delivery's. In other libraries' formats the name. */
  readonly id: string
  /** Who claimed it, as it calls itself; undefined for a peer in another language. */
  readonly by: string | undefined
  /** What it last said with `progress()`. */
  readonly progress: unknown
  readonly sessionId: bigint
  /** By the leader's wall clock. */
  readonly since: Date
}

/** The first in line, as `peek()` sees it. */
export interface Peeked<T> {
  readonly item: T
  readonly id: string
  /** How often it was taken before. */
  readonly attempts: number
}

/** @internal */
export interface Shape {
  readonly format?: Format | undefined
  readonly lockPath?: string | undefined
}

export abstract class WorkQueue<T> implements AsyncIterable<Delivery<T>> {
  readonly path: string
  /** What failed too often, and what is no item. */
  readonly deadLetters: DeadLetters<T>
  /** Attempts, errors and delays are kept with the items: not so in other libraries' formats. */
  readonly keepsAttempts: boolean
  /** @internal */
  readonly zk: Zk
  /** @internal */
  protected readonly layout: Layout
  readonly #codec: ItemCodec<T>
  readonly #consumer: Consumer<T>
  readonly #name: string
  readonly #capacity: number
  readonly #entrance: Producer | BackPressure

  /** @internal */
  protected constructor(zk: Zk, path: string, options: WorkQueueOptions<T>, shape: Shape = {}) {
    validatePath(path)
    if (options.acl !== undefined) validateAcl(options.acl)
    if (options.codec !== undefined) checkCodec(options.codec)
    const { capacity = Infinity, segmentItems = 1_000, packItems = 16, acl } = options
    if (options.delivery !== undefined)
      checkOneOf('delivery', options.delivery, ['at-least-once', 'at-most-once'])
    checkText('id', options.id)
    checkCount(capacity, 'capacity')
    checkCount(segmentItems, 'segmentItems')
    checkCount(packItems, 'packItems')
    if (packItems > MOST_PACK_ITEMS)
      throw new RangeError(`packItems must be at most ${MOST_PACK_ITEMS}, got ${packItems}`)
    this.zk = zk
    this.path = path
    this.#codec = options.codec ?? jsonCodec<T>()
    this.#name = options.id ?? localAddress()
    this.#capacity = capacity
    const { format, lockPath } = shape
    this.layout =
      format === undefined
        ? new NativeLayout({ zk, path, acl, segmentItems, packItems })
        : new FlatLayout({ zk, path, acl, format, lockPath })
    this.keepsAttempts = this.layout.keepsNotes
    this.deadLetters = new DeadLetters(zk, this.layout, this.#codec, acl, segmentItems)
    const delivery = options.delivery ?? (this.layout.isClaimable ? 'at-least-once' : 'at-most-once')
    if (delivery === 'at-least-once' && !this.layout.isClaimable) throw new TypeError(notClaimable)
    const producer = new Producer(zk, this.layout)
    this.#entrance = capacity === Infinity ? producer : new BackPressure(zk, this.layout, producer, capacity)
    this.#consumer = new Consumer<T>({
      zk,
      layout: this.layout,
      codec: this.#codec,
      consumer: this.#name,
      delivery,
      deadSteps: this.deadLetters.steps,
      claims: new JointCommits(zk),
      acks: new JointCommits(zk),
      putBack: async (payload, place, { notes }) => {
        const unit = unitOf([this.#entry(payload, { ...place, id: notes.k }, notes)])
        producer.put(unit)
        return unit.done.promise
      },
    })
  }

  #entry(payload: Uint8Array, place: Placement, notes = notesOf(place)): Entry {
    const token = this.zk.runtime.random.bytes(8).toString('hex')
    return { place, notes, payload, token }
  }

  /** @internal */
  protected async store(item: T, place: Placement, options: WaitOptions): Promise<void> {
    return this.#put([this.#entry(this.#encode(item), place)], options)
  }

  /** @internal */
  protected async storeMany(items: Iterable<T>, place: Placement, options: WaitOptions): Promise<void> {
    const entries = Array.from(items, (item) => this.#entry(this.#encode(item), place))
    using attempt = new Attempt(this.zk, 'put', this.path, options)
    for (const chunk of chunksOf(entries, Math.min(CHUNK_ITEMS, this.#capacity)))
      await this.#put(chunk, { signal: attempt.signal })
  }

  #encode(item: T): Buffer {
    return Buffer.from(this.#codec.encode(item))
  }

  async #put(entries: readonly Entry[], options: WaitOptions): Promise<void> {
    this.#needsTransactions()
    using attempt = new Attempt(this.zk, 'put', this.path, options)
    attempt.signal.throwIfAborted()
    const unit: Unit = unitOf(entries)
    attempt.stage = this.#capacity === Infinity ? 'waiting for the server' : 'waiting for room and the server'
    this.#entrance.put(unit)
    try {
      await abortable(unit.done.promise, attempt.signal)
    } catch (error) {
      if (!attempt.signal.aborted || unit.state === 'failed') throw error
      this.#entrance.withdraw(unit)
      // It was sent: a consumer may have it before it is taken back.
      if (unit.state === 'waiting' || !(error instanceof TimeoutError)) throw error
      throw new TimeoutError(error.message, { path: this.path, outcome: 'unknown' })
    }
  }

  /**
   * Waits for an item, claims it and hands it out. It waits through lost connections and ends of sessions.
   *
   * Items come in the queue's order; with several consumers at a time each takes one of the first. Abort and time limit
   * leave no claim behind: what was claimed by then goes back, and does not count as an attempt.
   *
   * @throws TimeoutError when `timeoutMs` is over; the signal's reason on abort; `ClosedError`; what the server refuses.
   */
  async take(options: WaitOptions = {}): Promise<Delivery<T>> {
    using attempt = new Attempt(this.zk, 'take', this.path, options)
    attempt.stage = 'waiting for an item'
    const delivery = await this.#take(options.timeoutMs === 0 ? 'try' : 'wait', attempt)
    if (delivery === undefined) throw attempt.timeout()
    return delivery
  }

  /**
   * Takes an item if there is one: undefined if there is none that is nobody's. It looks in sync with the leader, so what
   * was put before is seen.
   *
   * @throws as {@link take}; never because it is empty.
   */
  async tryTake(options: WaitOptions = {}): Promise<Delivery<T> | undefined> {
    using attempt = new Attempt(this.zk, 'tryTake', this.path, options)
    attempt.stage = 'looking for an item'
    return await this.#take('try', attempt)
  }

  async #take(patience: 'wait' | 'try', attempt: Attempt): Promise<Delivery<T> | undefined> {
    this.#needsTransactions()
    attempt.signal.throwIfAborted()
    const demand = this.#consumer.demand(patience)
    try {
      const taken = await abortable(demand.taken.promise, attempt.signal)
      return taken === undefined ? undefined : new Delivery(this.zk, taken)
    } catch (error) {
      this.#consumer.cancel(demand)
      throw error
    }
  }

  /**
   * Deliveries, one after the other, until `signal` aborts: then it ends quietly. The next is taken when it is asked for.
   * Acknowledge each yourself.
   */
  async *deliveries(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Delivery<T>, void, undefined> {
    const { signal } = options
    const isOver = (): boolean => signal?.aborted === true
    while (!isOver()) {
      let delivery: Delivery<T>
      try {
        delivery = await this.take({ signal })
      } catch (error) {
        if (isOver()) return
        throw error
      }
      yield delivery
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Delivery<T>, void, undefined> {
    return this.deliveries()
  }

  /** The item that would be taken next, without taking it; undefined if there is none. It may be gone by now. */
  async peek(options: WaitOptions = {}): Promise<Peeked<T> | undefined> {
    using attempt = new Attempt(this.zk, 'peek', this.path, options)
    attempt.stage = 'looking for an item'
    return await ask(this.zk, attempt, async () => this.#peek())
  }

  async #peek(): Promise<Peeked<T> | undefined> {
    await this.zk.sync(this.path)
    const { candidates } = await this.layout.look(async (path) => childrenIfAny(this.zk, path), 1)
    for (const { path, name, id } of candidates) {
      try {
        const stored = this.layout.unpack((await this.zk.get(path)).data)
        const { notes, payloads } = stored
        for (const [index, payload] of payloads.entries()) {
          const item = this.#decodable(payload)
          if (item === undefined) continue
          const ownId = notes.k ?? id ?? this.layout.tokenOf(name, stored, index)
          return { item: item.value, id: ownId, attempts: notes.n ?? 0 }
        }
      } catch (error) {
        // Gone by now; or no item, which whoever takes next moves to the dead letters.
        if (error instanceof ZkError && !hasCode(error, 'NO_NODE')) throw error
      }
    }
    return undefined
  }

  #decodable(payload: Buffer): { readonly value: T } | undefined {
    try {
      return { value: this.#codec.decode(payload) }
    } catch {
      return undefined
    }
  }

  /** How many items there are, those in somebody's hands included. One request for each 1,000, all at once. */
  async size(options: WaitOptions = {}): Promise<number> {
    using attempt = new Attempt(this.zk, 'size', this.path, options)
    attempt.stage = 'counting'
    return await ask(this.zk, attempt, async () => this.layout.count())
  }

  /** Who is at work on what. */
  async claims(options: WaitOptions = {}): Promise<ClaimInfo[]> {
    using attempt = new Attempt(this.zk, 'claims', this.path, options)
    attempt.stage = 'reading the claims'
    return await ask(this.zk, attempt, async () => this.#claims())
  }

  async #claims(): Promise<ClaimInfo[]> {
    const names = (await childrenIfAny(this.zk, this.layout.claims))?.children ?? []
    const found = await Promise.all(names.map(async (name) => this.#claimsOn(name)))
    return found.flat()
  }

  async #claimsOn(name: string): Promise<ClaimInfo[]> {
    try {
      const { data, stat } = await this.zk.get(joinPath(this.layout.claims, name))
      const { by, id, items, progress } = unpackClaimNote(data)
      const shared = { name, by, sessionId: stat.ephemeralOwner, since: new Date(Number(stat.ctime)) }
      if (items === undefined)
        return [{ ...shared, id: id ?? (this.keepsAttempts ? tokenOf(name) : name), progress }]
      const said = typeof progress === 'object' ? (progress as Record<string, unknown> | null) : undefined
      return items.map((number) => ({
        ...shared,
        id: packedToken(name, number),
        progress: said?.[String(number)],
      }))
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return []
      throw error
    }
  }

  #needsTransactions(): void {
    if (this.zk.supports('transactions')) return
    const what = 'queues need transactions, which this driver has not: use the built-in client'
    throw new UnsupportedError('UNSUPPORTED', what, { path: this.path })
  }
}

/** All numbers in a pack fit into its data and, taken apart, into one transaction. */
const MOST_PACK_ITEMS = 256

const notClaimable =
  'this format has no claims, so an item can only be delivered at most once; a Curator queue has them with lockPath'

function notesOf({ priority, id }: Placement): Entry['notes'] {
  return { ...(id !== undefined && { k: id }), ...(priority !== undefined && { p: priority }) }
}

function checkCount(count: unknown, what: string): void {
  if (count === Infinity) return
  if (typeof count !== 'number') throw new TypeError(`${what} must be a number, got ${typeof count}`)
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`${what} must be an integer ≥ 1, got ${count}`)
}

/** In order, each small enough for one transaction. */
function* chunksOf(entries: readonly Entry[], most: number): Generator<readonly Entry[]> {
  let chunk: Entry[] = []
  let bytes = 0
  for (const entry of entries) {
    const size = unitOf([entry]).bytes
    if (chunk.length > 0 && (chunk.length >= most || bytes + size > CHUNK_BYTES)) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(entry)
    bytes += size
  }
  if (chunk.length > 0) yield chunk
}
