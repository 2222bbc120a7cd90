/** A fault that waits for its request. */
import { deferred } from '../runtime/deferred.js'
import type { Random } from '../runtime/random.js'
import type { ProxiedRequest, RequestMatch } from './proxied-request.js'
import { matches } from './proxied-request.js'

export type InjectedFault =
  /** The request is not forwarded, and the connection is cut: not applied, and the client can't know. */
  | 'drop-before'
  /** Forwarded; the server's reply is dropped, and the connection is cut: applied, and the client can't know. */
  | 'drop-after'
  /** Half of the request is forwarded, then the connection is cut. */
  | 'truncate-request'
  /** Half of the reply is forwarded, then the connection is cut. */
  | 'truncate-reply'
  /** A negative frame length in place of the reply. The connection stays open: the client must end it. */
  | 'bad-length'
  /** The reply with an xid that the client never sent. */
  | 'unknown-xid'
  /** The reply's length and then bytes by chance. */
  | 'junk'

export interface InjectOptions extends RequestMatch {
  /** Of the requests that match, the first one that is meant. Default 1. */
  readonly nth?: number | undefined
  /** How often. Default once. */
  readonly times?: number | undefined
  /** Of a match being taken. Default 1. */
  readonly probability?: number | undefined
  /** How the client's connection is cut: by RST or FIN. Default `reset`. */
  readonly cut?: 'reset' | 'end' | undefined
}

export class Injection {
  readonly fault: InjectedFault
  readonly cut: 'reset' | 'end'
  /** Resolves with the request when it is done for the first time. */
  readonly applied: Promise<ProxiedRequest>
  readonly #options: InjectOptions
  readonly #first = deferred<ProxiedRequest>()
  #left: number
  #toSkip: number
  #count = 0
  #underWay = 0
  #cancelled = false

  /** @internal */
  constructor(fault: InjectedFault, options: InjectOptions) {
    const { nth = 1, times = 1, probability = 1 } = options
    if (!(nth >= 1)) throw new RangeError(`nth must be at least 1, got ${nth}`)
    if (!(times >= 1)) throw new RangeError(`times must be at least 1, got ${times}`)
    if (!(probability >= 0 && probability <= 1))
      throw new RangeError(`probability must be between 0 and 1, got ${probability}`)
    this.fault = fault
    this.cut = options.cut ?? 'reset'
    this.#options = options
    this.#left = times
    this.#toSkip = nth - 1
    this.applied = this.#first.promise
  }

  /** How often it was done. */
  get count(): number {
    return this.#count
  }

  /** @internal Nothing is left to do. */
  get isSpent(): boolean {
    return this.#left === 0 && this.#underWay === 0
  }

  /** It will not be done again. */
  cancel(): void {
    this.#left = 0
    this.#cancelled = true
  }

  /** @internal Whether this request is to suffer it; then {@link done} or {@link missed} must follow. */
  take(request: ProxiedRequest, random: Random): boolean {
    if (this.#left === 0 || !matches(request, this.#options)) return false
    if (this.#toSkip > 0) {
      this.#toSkip--
      return false
    }
    const { probability = 1 } = this.#options
    if (probability < 1 && random.next() >= probability) return false
    this.#left--
    this.#underWay++
    return true
  }

  /** @internal */
  done(request: ProxiedRequest): void {
    this.#count++
    this.#underWay--
    this.#first.resolve(request)
  }

  /** @internal The connection ended before the reply came: another request shall suffer it. */
  missed(): void {
    this.#underWay--
    if (!this.#cancelled) this.#left++
  }
}
