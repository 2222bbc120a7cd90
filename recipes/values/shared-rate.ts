/**
 * A rate that all processes share: one znode, asked by compare-and-set (cell.ts), judged by the leader's clock
 * (rate-window.ts).
 *
 * Not obvious:
 * - The times at which a grant lapses and at which a window is over are bounds on different sides. The leader applied our
 *   write after we sent it, so its window ends no earlier than (end − mtime) after we *sent* it: until then grants are good.
 *   And it applied it before we *heard* of it, so (end − mtime) after that the window is over, and asking is worth a request.
 * - A process that has not asked yet knows nothing of the leader's clock, as a read does not tell the time. It asks even if the
 *   window that it reads is full: the write tells. That is at most one such ask in the life of a handle.
 */
import type { Acl } from '../../src/api/acl.js'
import { ZkError } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import type { Clock } from '../../src/runtime/clock.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { Cell, type Current, type Step } from './cell.js'
import { LeaderTime } from './leader-time.js'
import type { RateAnswer, RateAsk, RateSource } from './rate-source.js'
import {
  rateCodec,
  unused,
  windowOf,
  type RateLimit,
  type RateRecord,
  type RateWindow,
} from './rate-window.js'

/** By how much the rates of two clocks may differ: quartz is right to 0.01 % or so, slewing by NTP makes it 0.05 %. */
const DRIFT = 0.001

export interface SharedRateSpec {
  readonly zk: Zk
  readonly path: string
  readonly limit: RateLimit
  readonly acl?: readonly Acl[] | undefined
}

export class SharedRate implements RateSource {
  readonly #path: string
  readonly #clock: Clock
  readonly #limit: RateLimit
  readonly #cell: Cell<RateRecord>
  readonly #time = new LeaderTime()
  /** The latest window, and when we first knew of it: it had begun. */
  #seen: { readonly begin: number; readonly at: number } | undefined

  constructor({ zk, path, limit, acl }: SharedRateSpec) {
    this.#path = path
    this.#clock = zk.runtime.clock
    this.#limit = limit
    const initial = { value: unused(limit) }
    this.#cell = new Cell({ zk, path, codec: rateCodec, initial, acl, markers: true, combine: false })
  }

  async ask(ask: RateAsk, options: WaitOptions): Promise<RateAnswer> {
    return this.#cell.change('acquire from', (current) => this.#step(current, ask), options)
  }

  #step(current: Current<RateRecord>, { least, wanted }: RateAsk): Step<RateRecord, RateAnswer> {
    const sentAt = this.#clock.now()
    const window = this.#windowOf(current)
    const overAtMs = this.#overAt(window)
    const { free } = window
    if (overAtMs !== undefined && sentAt < overAtMs && least > free)
      return { answer: () => ({ begin: window.begin, granted: 0, untilMs: sentAt, free, overAtMs }) }
    const { begin, used, carried } = window
    const value = { ...this.#limit, begin, used, carried, ask: wanted, least }
    return {
      write: { value },
      answer: (as) => this.#heard(windowOf(value, Number(as?.mtime)), Number(as?.mtime), sentAt),
    }
  }

  #heard(window: RateWindow, mtime: number, sentAt: number): RateAnswer {
    const { intervalMs } = this.#limit
    const heardAt = this.#clock.now()
    this.#time.observe(sentAt, heardAt, mtime)
    const leftMs = window.begin + intervalMs - mtime
    return {
      begin: window.begin,
      granted: window.granted,
      // The leader's clock may have been almost a millisecond past what it wrote, and be a little faster than ours.
      untilMs: sentAt + leftMs * (1 - DRIFT) - 1,
      free: window.free,
      overAtMs: this.#overAt(window) ?? heardAt + leftMs,
    }
  }

  /**
   * When asking is worth a request again; undefined if nothing is known of the leader's clock. A clock that is set forward and back
   * again leaves a window that seems to be far ahead: an interval after we first knew of it, it is asked all the same.
   */
  #overAt({ begin }: RateWindow): number | undefined {
    const now = this.#clock.now()
    if (this.#seen?.begin !== begin) this.#seen = { begin, at: now }
    const whenIs = this.#time.whenIs(begin + this.#limit.intervalMs)
    return whenIs && Math.min(whenIs, this.#seen.at + this.#limit.intervalMs)
  }

  async free(options: WaitOptions): Promise<number> {
    const current = await this.#cell.read(options)
    const window = this.#windowOf(current)
    const overAtMs = this.#overAt(window)
    const isOver = overAtMs !== undefined && this.#clock.now() >= overAtMs
    const { permits, burst = permits } = this.#limit
    return isOver ? Math.min(burst, window.free + permits) : window.free
  }

  #windowOf({ value, as }: Current<RateRecord>): RateWindow {
    if (inWords(value) !== inWords(this.#limit)) {
      const message = `${this.#path} has a limit of ${inWords(value)}, and this process was given ${inWords(this.#limit)}`
      throw new ZkError('DATA_INCONSISTENCY', message, { path: this.#path })
    }
    return windowOf(value, Number(as?.mtime ?? 0))
  }

  async close(options?: WaitOptions): Promise<void> {
    await this.#cell.close(options)
  }
}

function inWords({ permits, intervalMs, burst = permits }: RateLimit): string {
  return `${permits} permits in ${intervalMs} ms${burst === permits ? '' : ` with bursts of ${burst}`}`
}
