/**
 * One process's share of a queue: those who want items here (demands), and items claimed for them.
 *
 * - All local takers go through one of these, so that they never compete with each other; their claims go out side by
 *   side on one connection.
 * - Candidates come from one list and are used up before the next is read (at most `WINDOW` of them, or twice as many as
 *   are wanted at a time, so that what is put meanwhile with a higher priority does not wait long).
 * - They are taken in runs: as many in a row as are wanted at a time. A lone consumer takes strictly from the front. Who
 *   comes too late for an item was beaten by another consumer with the same list: it then begins its next run at random,
 *   at one of so many places, doubled each time up to `WIDEST`, and halved while nobody is in its way. So consumers do
 *   not all fight for the head item, and who took the first of a run mostly gets the rest of it.
 * - Nobody waits for what can be known before: while claims are under way, and who took something last was back soon, as
 *   many of the next items are read ahead, and the next list too when the last one runs out. What is read is no claim: it
 *   only saves a round trip. A claim is bound to the version that was read, so what has changed since is not taken.
 * - As long as nobody is in our way claims share their transactions with acknowledgements (joint-commits.ts).
 * - Of a pack no more is claimed than is wanted now and, at the rate of late, in the next moment (appetite.ts).
 * - A claim is never aborted, only left over: what is claimed when nobody wants it any more goes back, uncounted.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Session, Zk } from '../../src/api/zk.js'
import type { Timer } from '../../src/runtime/clock.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { quietController } from '../../src/runtime/abort.js'
import { beforeRetry, isOver, isPassing, isUnknown } from '../kernel/failure.js'
import { Appetite } from './appetite.js'
import type { Claim } from './claim.js'
import { grab, type GrabSpec } from './grab.js'
import { JointReads } from './joint-reads.js'
import type { Candidate, Lister } from './layout.js'
import { ReadAhead } from './read-ahead.js'
import { sessionTimer } from '../kernel/session-timer.js'
import { WorkWatch } from './work-watch.js'

const WINDOW = 64
/** Of the front, in runs; and in items. */
const WIDEST = 64
const WIDEST_ITEMS = 512
/** So many runs without a rival halve the front. */
const CALM = 16
/** Who wants the next item that soon after the last one is kept supplied. */
const BRISK_MS = 50

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
  /** Claimed, and not asked for yet: other items of a znode that holds several. */
  readonly #stock: Taken<T>[] = []
  /** Runs while there is a stock, unless its session ends. */
  #hold: { readonly session: Session; readonly timer: Timer } | undefined
  readonly #appetite: Appetite
  /** Names of what is being claimed, and how many items are expected of each. */
  readonly #inFlight = new Map<string, number>()
  /** Claims under way that take packs apart: what is left of those comes next. */
  #partings = 0
  /** What goes back just now: a list that is to show it waits for that. */
  readonly #returns = new Set<Promise<void>>()
  /** Since the last look began: its lists may still show these as free. */
  #tried = new Set<string>()
  #candidates: Candidate[] = []
  /** Those that come next, in a row. */
  #run: Candidate[] = []
  readonly #ahead: ReadAhead
  /** At so many places a run may begin. */
  #front = 1
  #calm = 0
  #looks = 0
  #looking = false
  /** The last list had more than was wanted then: there will be more when that is used up. */
  #hasMore = false
  #lastSupply = -Infinity
  #isBrisk = false
  #endWait: (() => void) | undefined

  constructor(spec: GrabSpec<T>) {
    this.#spec = spec
    this.#zk = spec.zk
    this.#watch = new WorkWatch(spec.zk, spec.layout, spec.consumer)
    this.#appetite = new Appetite(spec.zk.runtime.clock)
    this.#ahead = new ReadAhead(spec.zk, new JointReads(spec.zk))
  }

  demand(patience: 'wait' | 'try'): Demand<T> {
    const made: Demand<T> = { patience, taken: deferred(), since: this.#looks }
    made.taken.promise.catch(() => undefined)
    this.#demands.push(made)
    this.#isBrisk = this.#zk.runtime.clock.now() - this.#lastSupply < BRISK_MS
    // A try looks for itself: what the last list showed may be long ago.
    if (patience === 'try') {
      this.#candidates = []
      this.#run = []
    }
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
    this.#watch.leave()
    this.#returnStock()
  }

  #pump(): void {
    while (this.#stock.length > 0 && this.#demands.length > 0) {
      const taken = this.#stock.shift()
      if (this.#stock.length === 0) this.#letGo()
      if (taken?.claim.isHeld === true) this.#supply(taken)
    }
    const { session } = this.#zk
    while (this.#wanted > 0 && session !== undefined && this.#partings === 0) {
      const candidate = this.#pick()
      if (candidate === undefined) break
      void this.#claim(candidate, session)
    }
    if (this.#wanted > 0 && !this.#looking && this.#partings === 0) void this.#lookOn()
    else if (session !== undefined) this.#prepare(session)
    // A try was not answered while a claim was under way that might have been for it.
    if (this.#inFlight.size === 0 && this.#demands.some(({ patience }) => patience === 'try'))
      this.#endWait?.()
  }

  get #expected(): number {
    let sum = 0
    for (const count of this.#inFlight.values()) sum += count
    return sum
  }

  /** Items that somebody waits for and that are not being claimed yet. */
  get #wanted(): number {
    return this.#demands.length - this.#expected
  }

  #pick(): Candidate | undefined {
    if (this.#run.length === 0) this.#startRun()
    return this.#run.shift()
  }

  /** As many in a row as are wanted now; packs count as those at the front do. */
  #startRun(): void {
    const length = Math.max(1, enoughOf(this.#candidates, this.#demands.length))
    const places = Math.min(this.#front, Math.ceil(this.#candidates.length / length))
    const place = places <= 1 ? 0 : Math.floor(this.#zk.runtime.random.next() * places)
    this.#run = this.#candidates.splice(place * length, length)
  }

  /** Reads what will be wanted next, while claims are under way. */
  #prepare(session: Session): void {
    const next = this.#expected
    if (!this.#isBrisk || next === 0) return
    if (this.#run.length === 0) this.#startRun()
    this.#ahead.read(this.#run.slice(0, enoughOf(this.#run, next)), session)
    const left = this.#run.length + this.#candidates.length
    if (this.#hasMore && left <= this.#inFlight.size && !this.#looking) void this.#lookAhead(session)
  }

  async #claim(candidate: Candidate, session: Session): Promise<void> {
    // What is removed when it is taken could not go back to its place.
    const extra = this.#spec.delivery === 'at-least-once' ? this.#appetite.next : 0
    const want = Math.min(candidate.count, this.#wanted + extra)
    this.#inFlight.set(candidate.name, want)
    const parting = want < candidate.count ? 1 : 0
    this.#partings += parting
    const front = this.#front
    try {
      const { acks, claims } = this.#spec
      const reading = this.#ahead.take(candidate, session)
      // A rival would refuse the acknowledgements too.
      const claim = await grab(this.#spec, session, candidate, want, {
        commits: front === 1 ? acks : claims,
        reading,
      })
      this.#inFlight.delete(candidate.name)
      this.#partings -= parting
      this.#tried.add(candidate.name)
      if (claim === 'beaten') this.#beaten(front)
      else if (typeof claim !== 'string') this.#won(claim)
    } catch (error) {
      this.#inFlight.delete(candidate.name)
      this.#partings -= parting
      if (!isOver(session, error) && !isUnknown(error) && !isPassing(error)) this.#fail(error)
    }
    this.#pump()
  }

  /** @param front - as it was when the claim was begun: those of one run count once. */
  #beaten(front: number): void {
    this.#calm = 0
    const most = Math.max(1, Math.min(WIDEST, Math.floor(WIDEST_ITEMS / Math.max(1, this.#demands.length))))
    this.#front = Math.min(Math.max(this.#front, front * 2), most)
  }

  #won(claim: Claim<T>): void {
    this.#calm += claim.atWork.size
    if (this.#calm >= CALM * Math.max(1, this.#demands.length)) {
      this.#calm = 0
      this.#front = Math.max(1, Math.floor(this.#front / 2))
    }
    this.#watch.leaveSoon()
    if (!claim.isHeld) return
    this.#run.unshift(...claim.apart)
    if (claim.items.length > 0) for (const index of claim.atWork) this.#supply({ claim, index })
    // A znode of Curator's without items in it.
    else void claim.settle(0, { how: 'ack' }).catch(() => undefined)
  }

  #supply(taken: Taken<T>): void {
    const demand = this.#demands.shift()
    this.#lastSupply = this.#zk.runtime.clock.now()
    if (demand !== undefined) {
      this.#appetite.fed()
      return demand.taken.resolve(taken)
    }
    this.#stock.push(taken)
    this.#holdOn(taken.claim.session)
  }

  /** What is wanted again in this very turn stays, and so does what is likely to be in the next moment; else it goes back. */
  #holdOn(session: Session): void {
    const giveBack = (): void => {
      this.#hold = undefined
      if (this.#demands.length === 0) this.#returnStock()
    }
    if (this.#appetite.next === 0) return this.#zk.runtime.clock.defer(giveBack)
    if (this.#hold?.session === session) return
    this.#letGo()
    this.#hold = { session, timer: sessionTimer(this.#zk, session, this.#appetite.patienceMs, giveBack) }
  }

  #letGo(): void {
    this.#hold?.timer.cancel()
    this.#hold = undefined
  }

  #returnStock(): void {
    this.#letGo()
    if (this.#stock.length === 0) return
    // Their places are in front of what was listed.
    this.#candidates = []
    this.#run = []
    for (const taken of this.#stock.splice(0)) {
      const done = this.#return(taken).finally(() => this.#returns.delete(done))
      this.#returns.add(done)
    }
  }

  async #return({ claim, index }: Taken<T>): Promise<void> {
    try {
      await claim.settle(index, { how: 'return', uncounted: true })
    } catch (error) {
      const what = 'a claim that nobody wanted any more could not be given back; it ends with the session'
      if (!hasCode(error, 'LOCK_LOST')) this.#zk.logger.warn({ path: claim.path, error }, what)
    }
  }

  #fail(error: unknown): void {
    for (const demand of this.#demands.splice(0)) demand.taken.reject(error)
  }

  /** Looks until there are candidates, waiting for work in between, as long as somebody wants some. */
  async #lookOn(): Promise<void> {
    this.#looking = true
    let session: Session | undefined
    for (let repetition = 0; this.#wanted > 0;) {
      try {
        session = repetition === 0 && this.#zk.state === 'connected' ? this.#zk.session : undefined
        session ??= await this.#ready(Math.max(1, repetition))
        if (session === undefined) break
        const look = ++this.#looks
        await this.#look(session)
        if (this.#candidates.length > 0 || this.#run.length > 0) break
        this.#answerTries(look)
        if (this.#wanted > 0) await this.#endable(async (signal) => this.#watch.wait(signal))
        repetition = 0
      } catch (error) {
        repetition++
        if (isUnknown(error) || isPassing(error) || hasCode(error, 'SESSION_EXPIRED')) continue
        this.#fail(error)
      }
    }
    this.#looking = false
    if (this.#demands.length === 0) this.#watch.leaveSoon()
    if (this.#demands.length > 0) this.#pump()
  }

  /** The next list, before the last one has run out. */
  async #lookAhead(session: Session): Promise<void> {
    this.#looking = true
    try {
      await this.#look(session)
    } catch {
      // Whoever needs a list reads one, and hears what is wrong.
      this.#hasMore = false
    }
    this.#looking = false
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
    await Promise.all(this.#returns)
    const want = Math.max(WINDOW, this.#demands.length * Math.max(2, this.#front))
    const tried = (this.#tried = new Set())
    const { candidates } = await layout.look(list, want)
    const next = new Set(this.#run.map(({ name }) => name))
    const isNew = ({ name }: Candidate): boolean =>
      !this.#inFlight.has(name) && !tried.has(name) && !next.has(name)
    const found = candidates.filter(isNew)
    this.#candidates = found.slice(0, want)
    this.#hasMore = found.length > enoughOf(found, this.#demands.length)
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

/** How many of the first hold so many items. */
function enoughOf(candidates: readonly Candidate[], items: number): number {
  let sum = 0
  const index = candidates.findIndex(({ count }) => (sum += count) >= items)
  return index < 0 ? candidates.length : index + 1
}

const givenUp = new Error('nobody wants an item any more')
