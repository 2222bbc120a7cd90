/**
 * One process's share of a queue: those who want items here (demands), and items claimed for them.
 *
 * - All local takers go through one of these, so that they never compete with each other; their claims go out side by
 *   side on one connection.
 * - Candidates come from one list and are used up before the next is read (at most `WINDOW` of them, so that what is put
 *   meanwhile with a higher priority does not wait long).
 * - A lone consumer takes strictly from the front. Who comes too late for an item was beaten by another consumer with
 *   the same list: it then picks at random from a wider front, doubled each time up to `WIDEST`, and narrows it again
 *   while nobody is in its way. So consumers do not all fight for the head item.
 * - A claim is never aborted, only left over: what is claimed when nobody wants it any more goes back, uncounted.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { quietController } from '../../src/runtime/abort.js'
import { beforeRetry, isOver, isPassing, isUnknown } from '../kernel/failure.js'
import type { Claim } from './claim.js'
import { grab, type GrabSpec } from './grab.js'
import type { Candidate, Lister } from './layout.js'
import { WorkWatch } from './work-watch.js'

const WINDOW = 64
const WIDEST = 64
/** So many claims in a row without a rival halve the front. */
const CALM = 16

/** An item that was claimed: one of those in the znode. */
export interface Taken<T> {
  readonly claim: Claim<T>
  readonly index: number
}

export interface Demand<T> {
  readonly patience: 'wait' | 'try'
  readonly taken: Deferred<Taken<T> | undefined>
  /** Lists begun before it do not count for a try. */
  readonly since: number
}

export class Consumer<T> {
  readonly #spec: GrabSpec<T>
  readonly #zk: Zk
  readonly #watch: WorkWatch
  readonly #demands: Demand<T>[] = []
  /** Claimed, and not asked for yet: the other items of a znode that holds several. */
  readonly #stock: Taken<T>[] = []
  readonly #inFlight = new Set<string>()
  /** Since the last look began: its lists may still show these as free. */
  #tried = new Set<string>()
  #candidates: Candidate[] = []
  #front = 1
  #calm = 0
  #looks = 0
  #looking = false
  #endWait: (() => void) | undefined

  constructor(spec: GrabSpec<T>) {
    this.#spec = spec
    this.#zk = spec.zk
    this.#watch = new WorkWatch(spec.zk, spec.layout, spec.consumer)
  }

  demand(patience: 'wait' | 'try'): Demand<T> {
    const made: Demand<T> = { patience, taken: deferred(), since: this.#looks }
    made.taken.promise.catch(() => undefined)
    this.#demands.push(made)
    // A try looks for itself: what the last list showed may be long ago.
    if (patience === 'try') this.#candidates = []
    this.#pump()
    return made
  }

  /** Nobody waits for it any more; what was claimed for it goes to the next, or back. */
  cancel(demand: Demand<T>): void {
    const index = this.#demands.indexOf(demand)
    if (index >= 0) this.#demands.splice(index, 1)
    else
      void demand.taken.promise.then(
        (taken) => taken !== undefined && this.#supply(taken),
        () => undefined,
      )
    if (this.#demands.length > 0) return
    this.#endWait?.()
    this.#returnStock()
  }

  #pump(): void {
    while (this.#stock.length > 0 && this.#demands.length > 0) this.#supply(this.#stock.shift() as Taken<T>)
    const { session } = this.#zk
    while (
      this.#inFlight.size < this.#demands.length &&
      this.#candidates.length > 0 &&
      session !== undefined
    ) {
      void this.#claim(this.#pick(), session)
    }
    if (this.#inFlight.size < this.#demands.length && !this.#looking) void this.#lookOn()
    // A try was not answered while a claim was under way that might have been for it.
    if (this.#inFlight.size === 0 && this.#demands.some(({ patience }) => patience === 'try'))
      this.#endWait?.()
  }

  #pick(): Candidate {
    const front = Math.min(this.#front, this.#candidates.length)
    const index = front === 1 ? 0 : Math.floor(this.#zk.runtime.random.next() * front)
    return this.#candidates.splice(index, 1)[0] as Candidate
  }

  async #claim(candidate: Candidate, session: Session): Promise<void> {
    this.#inFlight.add(candidate.name)
    try {
      const claim = await grab(this.#spec, session, candidate)
      this.#inFlight.delete(candidate.name)
      this.#tried.add(candidate.name)
      if (claim === 'beaten') this.#beaten()
      else if (typeof claim !== 'string') this.#won(claim)
    } catch (error) {
      this.#inFlight.delete(candidate.name)
      if (!isOver(session, error) && !isUnknown(error) && !isPassing(error)) this.#fail(error)
    }
    this.#pump()
  }

  #beaten(): void {
    this.#calm = 0
    this.#front = Math.min(this.#front * 2, WIDEST)
  }

  #won(claim: Claim<T>): void {
    if (++this.#calm >= CALM) {
      this.#calm = 0
      this.#front = Math.max(1, Math.floor(this.#front / 2))
    }
    this.#watch.leave()
    if (!claim.isHeld) return
    for (const index of claim.items.keys()) this.#supply({ claim, index })
    // A znode of Curator's without items in it.
    if (claim.items.length === 0) void claim.settle(0, { how: 'ack' }).catch(() => undefined)
  }

  #supply(taken: Taken<T>): void {
    const demand = this.#demands.shift()
    if (demand !== undefined) return demand.taken.resolve(taken)
    this.#stock.push(taken)
    // Wanted again in this very turn, it stays; else it goes back.
    this.#zk.runtime.clock.defer(() => {
      if (this.#demands.length === 0) this.#returnStock()
    })
  }

  #returnStock(): void {
    for (const { claim, index } of this.#stock.splice(0)) {
      claim.settle(index, { how: 'return', uncounted: true }).catch((error: unknown) => {
        const what = 'a claim that nobody wanted any more could not be given back; it ends with the session'
        if (!hasCode(error, 'LOCK_LOST')) this.#zk.logger.warn({ path: claim.path, error }, what)
      })
    }
  }

  #fail(error: unknown): void {
    for (const demand of this.#demands.splice(0)) demand.taken.reject(error)
  }

  /** Looks until there are candidates, waiting for work in between, as long as somebody wants some. */
  async #lookOn(): Promise<void> {
    this.#looking = true
    let session: Session | undefined
    for (let repetition = 0; this.#demands.length > this.#inFlight.size;) {
      try {
        session = repetition === 0 && this.#zk.state === 'connected' ? this.#zk.session : undefined
        session ??= await this.#ready(Math.max(1, repetition))
        if (session === undefined) break
        const look = ++this.#looks
        await this.#look(session)
        if (this.#candidates.length > 0) break
        this.#answerTries(look)
        if (this.#demands.length > this.#inFlight.size)
          await this.#endable(async (signal) => this.#watch.wait(signal))
        repetition = 0
      } catch (error) {
        repetition++
        if (isUnknown(error) || isPassing(error) || hasCode(error, 'SESSION_EXPIRED')) continue
        this.#fail(error)
      }
    }
    this.#looking = false
    if (this.#demands.length === 0) this.#watch.leave()
    if (this.#demands.length > 0) this.#pump()
  }

  /** Undefined: nobody wants an item any more. */
  async #ready(repetition: number): Promise<Session | undefined> {
    while (this.#demands.length > 0) {
      const session = await this.#endable(async (signal) => beforeRetry(this.#zk, repetition, signal))
      if (session !== undefined) return session
    }
    return undefined
  }

  /** Runs something that ends, with undefined, when the last demand goes or a try comes. */
  async #endable<R>(wait: (signal: AbortSignal) => Promise<R>): Promise<R | undefined> {
    const controller = quietController()
    this.#endWait = () => controller.abort(givenUp)
    try {
      return await wait(controller.signal)
    } catch (error) {
      if (error !== givenUp) throw error
      return undefined
    } finally {
      this.#endWait = undefined
    }
  }

  /** A list in sync with the leader if a try is to be answered by it. */
  async #look({ generation }: Session): Promise<void> {
    const { layout } = this.#spec
    const list: Lister = async (path) => {
      try {
        return await this.#zk.children(path, { generation })
      } catch (error) {
        if (hasCode(error, 'NO_NODE')) return undefined
        throw error
      }
    }
    if (this.#demands.some(({ patience }) => patience === 'try'))
      await this.#zk.sync(layout.own, { generation })
    const want = Math.max(WINDOW, 2 * this.#demands.length)
    const tried = (this.#tried = new Set())
    const { candidates } = await layout.look(list, want)
    this.#candidates = candidates
      .filter(({ name }) => !this.#inFlight.has(name) && !tried.has(name))
      .slice(0, want)
  }

  #answerTries(look: number): void {
    // What is being claimed just now may still be for one of them.
    if (this.#inFlight.size > 0) return
    for (const demand of [...this.#demands]) {
      if (demand.patience !== 'try' || demand.since >= look) continue
      this.#demands.splice(this.#demands.indexOf(demand), 1)
      demand.taken.resolve(undefined)
    }
  }
}

const givenUp = new Error('nobody wants an item any more')
