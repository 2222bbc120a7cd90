/**
 * The tasks of this process that want one lock, one at a time: the one whose turn it is contends on the server, the
 * others wait here, without a znode or a request.
 *
 * One queue for all mutexes of a client on one path with the same names, found by the client; it exists as long as
 * somebody is in it or a znode is kept (bias-term.ts). An own queue, as no library gives this: async-mutex knows no
 * AbortSignal, and its turn ends by a call only, while ours also ends when the hold is lost.
 *
 * - First come, first served. A turn is given on synchronously, so a newcomer can't get in between.
 * - The next one's create is sent right behind the delete, in the same tick: it stands at the end of the queue on the
 *   server, behind all other processes, and needs no round trip more than they do.
 * - Who gives up while it waits here leaves nothing. If its turn came at that very moment, it is passed on.
 * - A holder that lost what it held must not keep the others waiting: on the server they would have been let in. So
 *   its znode is watched, but only while somebody waits here.
 */
import type { Zk } from '../../src/api/zk.js'
import { abortable, onAbort } from '../../src/runtime/abort.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import type { Attempt } from '../kernel/attempt.js'
import { Vigil } from '../kernel/vigil.js'
import type { BiasTerm } from './bias-term.js'
import type { Tenure } from './tenure.js'

const queuesOf = new WeakMap<Zk, Map<string, LocalQueue>>()

export class LocalQueue {
  readonly #zk: Zk
  readonly #key: string
  /** Insertion order is the order of service. */
  readonly #waiting = new Set<Deferred<LocalTurn>>()
  #turn: LocalTurn | undefined
  #kept: BiasTerm | undefined

  private constructor(zk: Zk, key: string) {
    this.#zk = zk
    this.#key = key
  }

  /** The queue under this key, made if there is none. */
  static of(zk: Zk, key: string): LocalQueue {
    let queues = queuesOf.get(zk)
    if (queues === undefined) queuesOf.set(zk, (queues = new Map<string, LocalQueue>()))
    let queue = queues.get(key)
    if (queue === undefined) queues.set(key, (queue = new LocalQueue(zk, key)))
    return queue
  }

  /** How many wait here; 0 also if there is no such queue. */
  static waitersOf(zk: Zk, key: string): number {
    return queuesOf.get(zk)?.get(key)?.waiters ?? 0
  }

  /** Of all keys: 0 when nothing is left behind. */
  static countOf(zk: Zk): number {
    return queuesOf.get(zk)?.size ?? 0
  }

  /** The turn if nobody has it, else undefined. To be called in the same tick as `of`: later this queue may have left. */
  tryEnter(): LocalTurn | undefined {
    if (this.#turn?.isLost === true) {
      this.#turn.end()
      // Without a turn it may have left: whoever comes behind us shall find this queue, not another one.
      queuesOf.get(this.#zk)?.set(this.#key, this)
    }
    if (this.#turn !== undefined) return undefined
    return (this.#turn = new LocalTurn(this))
  }

  /** Waits for the turn. Rejects with the reason of the attempt's signal. */
  async enter(attempt: Attempt): Promise<LocalTurn> {
    attempt.signal.throwIfAborted()
    const waiter = deferred<LocalTurn>()
    this.#waiting.add(waiter)
    attempt.stage = `waiting for the tasks of this process that were first (${this.#waiting.size} with us)`
    this.#turn?.watch()
    try {
      return await abortable(waiter.promise, attempt.signal)
    } catch (error) {
      if (!this.#waiting.delete(waiter)) (await waiter.promise).end()
      throw error
    }
  }

  get waiters(): number {
    return this.#waiting.size
  }

  /** The znode that is kept from the last hold to the next. */
  get kept(): BiasTerm | undefined {
    return this.#kept
  }

  /** Keeps it until it is dropped; it does so itself when it comes to its end. */
  keep(term: BiasTerm): void {
    this.#kept = term
  }

  /** It is kept no more: somebody holds it, or its znode is being deleted. */
  drop(): void {
    this.#kept = undefined
    this.#leaveIfIdle()
  }

  /** @internal */
  isAt(turn: LocalTurn): boolean {
    return this.#turn === turn
  }

  /** @internal */
  pass(turn: LocalTurn): void {
    if (this.#turn !== turn) return
    const [next] = this.#waiting
    if (next === undefined) {
      this.#turn = undefined
      this.#leaveIfIdle()
    } else {
      this.#waiting.delete(next)
      this.#turn = new LocalTurn(this)
      next.resolve(this.#turn)
    }
  }

  #leaveIfIdle(): void {
    if (this.#turn !== undefined || this.#kept !== undefined) return
    const queues = queuesOf.get(this.#zk)
    if (queues?.get(this.#key) === this) queues.delete(this.#key)
  }
}

/** From the moment when a task may contend until it holds no more. */
export class LocalTurn {
  readonly #queue: LocalQueue
  #tenure: Tenure | undefined
  #vigil: Vigil | undefined
  #unlisten: () => void = () => undefined

  /** @internal */
  constructor(queue: LocalQueue) {
    this.#queue = queue
  }

  /** It holds now. */
  occupy(tenure: Tenure): void {
    this.#tenure = tenure
    if (this.#queue.waiters > 0) this.watch()
  }

  /** It is another one's turn, or nobody's. */
  get isOver(): boolean {
    return !this.#queue.isAt(this)
  }

  /** What it held is lost, as far as is known without asking. */
  get isLost(): boolean {
    const place = this.#tenure?.place
    return place !== undefined && (place.session.signal.aborted || place.deleted)
  }

  /** Ends the turn as soon as what it holds is lost. */
  watch(): void {
    if (this.#tenure === undefined || this.#vigil !== undefined) return
    this.#vigil = new Vigil(this.#tenure.overlook())
    this.#unlisten = onAbort(this.#vigil.signal, () => this.end())
  }

  /** The next one's turn. Idempotent. */
  end(): void {
    this.#unlisten()
    this.#vigil?.end()
    this.#queue.pass(this)
  }
}
