/**
 * What the znode of a shared rate limit says, and what a write of it means. Pure: no clock, no server.
 *
 * Each write is an ask: "so many permits on top of that window". What it is granted follows from the bytes and from the
 * time at which the leader applied the write (the znode's mtime), so everybody who reads it comes to the same answer, and
 * no process ever puts a time of its own into it:
 *
 * - mtime at or after the window's end: a new window begins, at mtime.
 * - Within the window: what is left of it is granted, as far as asked for, or nothing if that is less than `least`.
 * - Before the window's begin: the leader's clock was set back, or another leader's is behind. The same window, with what was
 *   taken from it, is counted from mtime on. So it lasts longer; nobody waits for the clock to catch up.
 *
 * Invariants: a window's begin is the mtime of one of its writes, each next one begins at least `intervalMs` later, and
 * within one no more than `permits` are granted.
 */
import type { ItemCodec } from '../kernel/codec.js'

export interface RateLimit {
  readonly permits: number
  readonly intervalMs: number
}

/** The data of the znode. */
export interface RateRecord extends RateLimit {
  /** Of the window that is asked on top of: its begin, in milliseconds by the leader's clock. */
  readonly begin: number
  /** Taken from that window before. */
  readonly used: number
  readonly ask: number
  /** Fewer than these are of no use to who asks. */
  readonly least: number
}

export interface RateWindow {
  readonly begin: number
  readonly used: number
  /** To the one who wrote. */
  readonly granted: number
}

/** What a record came to, applied at `mtime` by the leader's clock. */
export function windowOf(record: RateRecord, mtime: number): RateWindow {
  const { permits, intervalMs, ask, least } = record
  // Made, and never asked: no window has begun.
  if (ask === 0) return { begin: record.begin, used: record.used, granted: 0 }
  const isOver = mtime >= record.begin + intervalMs
  const before = isOver ? 0 : record.used
  const free = permits - before
  const granted = free >= least ? Math.min(ask, free) : 0
  return { begin: isOver ? mtime : Math.min(record.begin, mtime), used: before + granted, granted }
}

/** Stands for a znode that nobody has asked yet. */
export function unused(limit: RateLimit): RateRecord {
  return { ...limit, begin: 0, used: 0, ask: 0, least: 0 }
}

const fields = ['permits', 'intervalMs', 'begin', 'used', 'ask', 'least'] as const

/** JSON, so that an operator can read it. */
export const rateCodec: ItemCodec<RateRecord> = {
  encode: ({ permits, intervalMs, begin, used, ask, least }) =>
    JSON.stringify({ permits, intervalMs, begin, used, ask, least }),
  decode: (bytes) => {
    const record = JSON.parse(bytes.toString('utf8')) as RateRecord | null
    for (const field of fields) {
      const value: unknown = record?.[field]
      if (!Number.isSafeInteger(value) || (value as number) < 0)
        throw new TypeError(`${field} is no whole number: this is not the znode of a rate limit`)
    }
    return record as RateRecord
  },
}
