/**
 * At most so many in so much time: for all processes together, or for each.
 *
 *   path             persistent; the latest ask of anybody, as JSON (rate-window.ts)
 *   path/_op_<uuid>  of each process, while it asks (operation-marker.ts)
 *
 * Windows follow each other on the leader's clock, each at least `intervalMs` after the one before. Permits are asked for by
 * one compare-and-set, for all that wait in this process and up to `batch` at once, and are handed out here, first come, first
 * served, as long as their window certainly lasts. What is left then is void.
 *
 * Invariants:
 * - In one window no more than `permits` are handed out, by all processes together, and with a `burst` what earlier ones left over. What a lost reply, a crash, an abort or a
 *   late answer leaves in doubt counts as handed out.
 * - One ask is under way at a time. While the window is known to have too little left none is: then all sleep until it is over.
 *
 * The source of the idea is the fixed-window counter; none of Curator's or kazoo's recipes limits a rate.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { ClosedError, TimeoutError } from '../../src/api/errors.js'
import { validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable, quietController, sleep } from '../../src/runtime/abort.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkOneOf } from '../kernel/check.js'
import { isUnknown } from '../kernel/failure.js'
import { LocalRate } from './local-rate.js'
import type { RateAnswer, RateSource } from './rate-source.js'
import { SharedRate } from './shared-rate.js'

export interface RateLimiterOptions {
  /** How many in one window, 1 to 2^31 − 1. */
  readonly permits: number
  /** How long a window is, in milliseconds, 10 to 2^31 − 1. Many times the round trip to the servers. */
  readonly intervalMs: number
  /**
   * How many one window hands out at most, with what earlier ones have left over: those that nobody has taken are carried
   * on, up to this. `permits` (default) to 2^31 − 1.
   */
  readonly burst?: number | undefined
  /**
   * So many are taken from the ensemble at a time, for later acquires in the same window. More: fewer requests, and more
   * that nobody else can have. Default 1: as many as are asked for.
   */
  readonly batch?: number | undefined
  /** `overall` (default): all processes together. `client`: each `RateLimiter` for itself; nothing is sent. */
  readonly scope?: 'overall' | 'client' | undefined
  /** For the znode, its parents and our marker. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
}

interface Waiter {
  readonly count: number
  /** Settled with false when it can't have them without waiting for the next window. */
  readonly isOnce: boolean
  readonly done: Deferred<boolean>
  /** The window that its permits are of. */
  from: number | undefined
}

const MAX = 2 ** 31 - 1
const LEAST_INTERVAL_MS = 10
/** Those who wait for the same window don't ask at the same moment: spread over this part of it, */
const SPREAD = 0.02
/** and no longer than this. */
const LONGEST_SPREAD_MS = 50

export class RateLimiter implements AsyncDisposable {
  readonly path: string
  readonly permits: number
  readonly intervalMs: number
  readonly burst: number
  readonly #zk: Zk
  readonly #batch: number
  readonly #scope: 'overall' | 'client'
  readonly #source: RateSource
  readonly #waiters: Waiter[] = []
  /** What the last answer said. */
  #window: RateAnswer | undefined
  /** Left of what it granted. */
  #left = 0
  /** While somebody waits. */
  #serving: AbortController | undefined
  #isClosed = false

  /**
   * Sends nothing. Keep one per path and process: it shares what it takes among its callers.
   *
   * @throws TypeError, RangeError for bad options.
   */
  constructor(zk: Zk, path: string, options: RateLimiterOptions) {
    validatePath(path)
    const { permits, intervalMs, batch = 1, scope = 'overall', acl, burst = permits } = options
    checkNumber(permits, 'permits', 1, MAX)
    checkNumber(intervalMs, 'intervalMs', LEAST_INTERVAL_MS, MAX)
    checkNumber(burst, 'burst', permits, MAX)
    checkNumber(batch, 'batch', 1, permits)
    checkOneOf('scope', scope, ['overall', 'client'])
    if (acl !== undefined) validateAcl(acl)
    this.path = path
    this.permits = permits
    this.intervalMs = intervalMs
    this.burst = burst
    this.#zk = zk
    this.#batch = batch
    this.#scope = scope
    const limit = { permits, intervalMs, burst }
    this.#source =
      scope === 'client' ? new LocalRate(zk.runtime.clock, limit) : new SharedRate({ zk, path, limit, acl })
  }

  /**
   * Resolves when `count` permits are handed out, all of one window. Within this object first come, first served; among
   * processes in no order. After an abort or a time limit what was asked for on its behalf serves others here, or lapses.
   *
   * @param count - at most `burst`, which is `permits` unless said otherwise. More than `permits` wait until so many are left over.
   * @throws RangeError for a bad count. TimeoutError. The signal's reason. ClosedError. ZkError (`DATA_INCONSISTENCY`) if the
   * znode has another limit or something else, and what else the server refuses.
   */
  async acquire(count = 1, options: WaitOptions = {}): Promise<void> {
    const isOnce = options.timeoutMs === 0
    if (await this.#take(count, options, isOnce)) return
    const message = `acquire from ${this.path}: gave up after 0 ms, as there are none left in this window`
    throw new TimeoutError(message, { path: this.path })
  }

  /**
   * True if `count` permits are handed out without waiting for the next window, or for those who wait for it here; else
   * false. Asks the ensemble at most once, and not at all if the window is known to have too little left. Rejects as
   * {@link acquire}.
   */
  async tryAcquire(count = 1, options: WaitOptions = {}): Promise<boolean> {
    return this.#take(count, options, true)
  }

  /**
   * How many are left of the latest window, those that this process has at hand included: old when it arrives. A process that
   * has asked for none yet can't tell whether that window is over. Rejects as {@link acquire}.
   */
  async remaining(options: WaitOptions = {}): Promise<number> {
    this.#throwIfClosed()
    const free = await this.#source.free(options)
    return free + this.#atHand()
  }

  /** A line for a log, such as `3 of 10 left in this window of 1000 ms; 2 waiting here`. Rejects as {@link acquire}. */
  async describe(options: WaitOptions = {}): Promise<string> {
    const left = await this.remaining(options)
    const whose = this.#scope === 'client' ? ' for this process' : ''
    const waiting = this.#waiters.length === 0 ? '' : `; ${this.#waiters.length} waiting here`
    return `${left} of ${this.permits}${whose} left in this window of ${this.intervalMs} ms${waiting}`
  }

  /**
   * Rejects those who wait with `ClosedError`, and takes our marker off the server. What was taken and not handed out is not
   * given back: it lapses with its window. Idempotent.
   *
   * @param options - bounds on this wait only: the deletion goes on in the background.
   */
  async close(options?: WaitOptions): Promise<void> {
    this.#isClosed = true
    this.#left = 0
    this.#rejectAll(this.#closed())
    await this.#source.close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #take(count: number, options: WaitOptions, isOnce: boolean): Promise<boolean> {
    checkNumber(count, 'count', 1, this.burst)
    // What needs no server is not to fail for want of one.
    const bound = isOnce && this.#scope === 'client' ? { signal: options.signal } : options
    using attempt = new Attempt(this.#zk, 'acquire from', this.path, bound)
    attempt.signal.throwIfAborted()
    this.#throwIfClosed()
    if (this.#zk.state === 'closed') throw new ClosedError()
    attempt.stage = 'waiting for its turn, the answer of a server or the next window'
    const waiter: Waiter = { count, isOnce, done: deferred(), from: undefined }
    this.#waiters.push(waiter)
    this.#handOut()
    if (this.#waiters.length > 0 && this.#serving === undefined) void this.#serve()
    try {
      return await abortable(waiter.done.promise, attempt.signal)
    } catch (error) {
      this.#leave(waiter)
      throw error
    }
  }

  /** Somebody gives up. If it has been served in this very moment, another may have what it got. */
  #leave(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter)
    if (index >= 0) this.#waiters.splice(index, 1)
    if (waiter.from !== undefined && waiter.from === this.#window?.begin && !this.#isClosed)
      this.#left += waiter.count
    this.#handOut()
    if (this.#waiters.length === 0) this.#serving?.abort(new Error('nobody waits any more'))
  }

  #atHand(): number {
    if (this.#window === undefined || this.#zk.runtime.clock.now() >= this.#window.untilMs) this.#left = 0
    return this.#left
  }

  /** Gives what is at hand to those who wait, in order; tells those who don't want to wait that there is none. */
  #handOut(): void {
    for (;;) {
      const [head] = this.#waiters
      if (head === undefined) return
      if (head.count <= this.#atHand()) {
        this.#left -= head.count
        head.from = this.#window?.begin
        head.done.resolve(true)
      } else break
      this.#waiters.shift()
    }
    if (this.#pauseMs() > 0) this.#refuseOnce()
  }

  #refuseOnce(): void {
    for (const waiter of this.#waiters.filter(({ isOnce }) => isOnce)) this.#refuse(waiter)
  }

  /** How long to ask for the first in line would be in vain. */
  #pauseMs(): number {
    const [head] = this.#waiters
    if (head === undefined || this.#window === undefined) return 0
    const { free, overAtMs } = this.#window
    if (head.count - this.#atHand() <= free) return 0
    return Math.max(0, overAtMs - this.#zk.runtime.clock.now())
  }

  async #serve(): Promise<void> {
    const { clock, random } = this.#zk.runtime
    const serving = quietController()
    this.#serving = serving
    const { signal } = serving
    // Whoever sleeps until the next window asks nobody, and would not hear of it.
    const off = this.#zk.on('state', (state) => {
      if (state === 'closed') this.#rejectAll(new ClosedError())
    })
    try {
      while (this.#waiters.length > 0) {
        const pauseMs = this.#pauseMs()
        if (pauseMs === 0) await this.#ask(signal)
        else {
          const spreadMs = Math.min(this.intervalMs * SPREAD, LONGEST_SPREAD_MS)
          await sleep(clock, pauseMs + spreadMs * random.next(), signal)
        }
        this.#handOut()
      }
    } catch (error) {
      if (!signal.aborted) this.#rejectAll(error)
    } finally {
      off()
    }
    this.#serving = undefined
    // Whoever came while the last one left.
    if (this.#waiters.length > 0) void this.#serve()
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const atHand = this.#atHand()
    const sum = this.#waiters.reduce((total, { count }) => total + count, 0)
    const least = (this.#waiters[0]?.count ?? 1) - atHand
    const wanted = Math.max(least, Math.min(Math.max(sum - atHand, this.#batch), this.burst))
    const asking = this.#waiters.filter(({ isOnce }) => isOnce)
    try {
      this.#heard(await this.#source.ask({ least, wanted }, { signal }))
    } catch (error) {
      // Nobody can tell what it got: then it has got it, and it is lost.
      if (signal.aborted || !isUnknown(error)) throw error
    }
    this.#handOut()
    for (const waiter of asking) if (this.#waiters.includes(waiter)) this.#refuse(waiter)
  }

  #heard(answer: RateAnswer): void {
    // What was left of another window is void.
    this.#left = (answer.begin === this.#window?.begin ? this.#atHand() : 0) + answer.granted
    const isNewEnd = answer.granted > 0 || answer.begin !== this.#window?.begin
    this.#window =
      isNewEnd || this.#window === undefined ? answer : { ...answer, untilMs: this.#window.untilMs }
    if (answer.granted > 0 && this.#atHand() === 0)
      this.#zk.logger.warn(
        { path: this.path, intervalMs: this.intervalMs, granted: answer.granted },
        'permits came when their window was as good as over: is the interval many times the round trip?',
      )
  }

  #refuse(waiter: Waiter): void {
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
    waiter.done.resolve(false)
  }

  #rejectAll(error: unknown): void {
    for (const { done } of this.#waiters.splice(0)) done.reject(error)
    this.#serving?.abort(error)
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw this.#closed()
  }

  #closed(): ClosedError {
    return new ClosedError(`the rate limiter of ${this.path} is closed`, { path: this.path })
  }
}

function checkNumber(value: unknown, name: string, least: number, most: number): void {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${typeof value}`)
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, got ${value}`)
}
