/** Where a rate limiter has its permits from: the ensemble (shared-rate.ts), or this process alone (local-rate.ts). */
import type { WaitOptions } from '../kernel/attempt.js'

export interface RateAsk {
  /** Fewer are of no use. */
  readonly least: number
  readonly wanted: number
}

/** Times are those of the process's monotonic clock. */
export interface RateAnswer {
  /** Which window it is about: another number, another window. */
  readonly begin: number
  /** 0, or at least what was of use. */
  readonly granted: number
  /** At which they lapse: from then on the window may be over. */
  readonly untilMs: number
  /** What the window has left for others at most. */
  readonly free: number
  /** From which on the window is over for sure. */
  readonly overAtMs: number
}

export interface RateSource {
  /** Rejects with outcome `unknown` if nobody can tell what was granted: it is lost then. */
  ask(ask: RateAsk, options: WaitOptions): Promise<RateAnswer>
  /** What the latest window has left. */
  free(options: WaitOptions): Promise<number>
  close(options?: WaitOptions): Promise<void>
}
