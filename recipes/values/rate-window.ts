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
 * With a `burst` of more than `permits`, what a window leaves over is carried on to the next ones, up to the burst; whole
 * intervals in which nobody asked count like windows that nobody used.
 *
 * Invariants: a window's begin is the mtime of one of its writes, each next one begins at least `intervalMs` later, and
 * within one no more than `permits` and what was carried on are granted, never more than `burst`.
 */
import type { ItemCodec } from '../kernel/codec.js'

export interface RateLimit {
  readonly permits: number
  readonly intervalMs: number
  /** At least `permits`; left out: these. */
  readonly burst?: number | undefined
}

/** The data of the znode. */
export interface RateRecord extends RateLimit {
  /** Of the window that is asked on top of: its begin, in milliseconds by the leader's clock. */
  readonly begin: number
  /** Taken from that window before. */
  readonly used: number
  /** Carried on to it from earlier windows. Left out: nothing. */
  readonly carried?: number | undefined
  readonly ask: number
  /** Fewer than these are of no use to who asks. */
  readonly least: number
}

export interface RateWindow {
  readonly begin: number
  readonly used: number
  readonly carried: number
  /** To the one who wrote. */
  readonly granted: number
  /** What is left of it then. */
  readonly free: number
}

/** What a record came to, applied at `mtime` by the leader's clock. */
export function windowOf(record: RateRecord, mtime: number): RateWindow {
  const { permits, intervalMs, burst = permits, begin, ask, least } = record
  const { used: usedBefore, carried: carriedBefore = 0 } = record
  const left = permits + carriedBefore - usedBefore
  // Made, and never asked: no window has begun.
  if (ask === 0) return { begin, used: usedBefore, carried: carriedBefore, granted: 0, free: left }
  const passed = Math.floor((mtime - begin) / intervalMs)
  const isOver = passed >= 1
  const carried = isOver ? Math.min(burst, left + passed * permits) - permits : carriedBefore
  const before = isOver ? 0 : usedBefore
  const room = permits + carried - before
  const granted = room >= least ? Math.min(ask, room) : 0
  return {
    begin: isOver ? mtime : Math.min(begin, mtime),
    used: before + granted,
    carried,
    granted,
    free: room - granted,
  }
}

/** Stands for a znode that nobody has asked yet. */
export function unused(limit: RateLimit): RateRecord {
  return { ...limit, begin: 0, used: 0, ask: 0, least: 0 }
}

const fields = ['permits', 'intervalMs', 'begin', 'used', 'ask', 'least'] as const
const burstFields = ['burst', 'carried'] as const

/** JSON, so that an operator can read it. */
export const rateCodec: ItemCodec<RateRecord> = {
  encode: ({ permits, intervalMs, burst = permits, begin, used, carried = 0, ask, least }) => {
    const more = burst === permits ? {} : { burst, carried }
    return JSON.stringify({ permits, intervalMs, begin, used, ask, least, ...more })
  },
  decode: (bytes) => {
    const record = JSON.parse(bytes.toString('utf8')) as RateRecord | null
    const hasBurst = record?.burst !== undefined
    for (const field of hasBurst ? [...fields, ...burstFields] : fields) {
      const value: unknown = record?.[field]
      if (!Number.isSafeInteger(value) || (value as number) < 0)
        throw new TypeError(`${field} is no whole number: this is not the znode of a rate limit`)
    }
    return record as RateRecord
  },
}
