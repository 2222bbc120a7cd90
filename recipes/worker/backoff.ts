/**
 * How long to wait before the next attempt: p-retry's options and its schedule, on our own clock (only the arithmetic:
 * the wait itself is the queue's).
 */
import type { Random } from '../../src/runtime/random.js'

/** p-retry's names and defaults. */
export interface BackoffOptions {
  /** By what the wait grows with each attempt. Default 2. */
  readonly factor?: number | undefined
  /** Before the second attempt, in milliseconds. Default 1,000. */
  readonly minTimeoutMs?: number | undefined
  /** The longest wait, in milliseconds. Default: no bound. */
  readonly maxTimeoutMs?: number | undefined
  /** Multiplies each wait by a random number from 1 to 2. Default false. */
  readonly randomize?: boolean | undefined
}

/** @throws TypeError, RangeError for what is no schedule. */
export function checkBackoff(backoff: BackoffOptions): void {
  const given: unknown = backoff
  if (typeof given !== 'object' || given === null) throw new TypeError('backoff must be an object')
  const { factor = 2, minTimeoutMs = 1_000, maxTimeoutMs = Infinity } = backoff
  for (const [name, value] of Object.entries({ factor, minTimeoutMs, maxTimeoutMs })) {
    if (typeof value !== 'number' || Number.isNaN(value))
      throw new TypeError(`backoff.${name} must be a number`)
    if (value < 0) throw new RangeError(`backoff.${name} must not be negative, got ${value}`)
  }
  if (minTimeoutMs > maxTimeoutMs) throw new RangeError('backoff.minTimeoutMs is more than maxTimeoutMs')
}

/** However the waits grow: ten years. An item must be due at some time. */
const LONGEST_MS = 10 * 365 * 86_400_000

/** Milliseconds after attempt `attempt` (from 1) failed. */
export function backoffMs(options: BackoffOptions, attempt: number, random: Random): number {
  const { factor = 2, minTimeoutMs = 1_000, maxTimeoutMs = Infinity, randomize = false } = options
  const spread = randomize ? 1 + random.next() : 1
  const waitMs = Math.round(spread * Math.max(minTimeoutMs, 1) * factor ** (attempt - 1))
  return Math.min(waitMs, maxTimeoutMs, LONGEST_MS)
}
