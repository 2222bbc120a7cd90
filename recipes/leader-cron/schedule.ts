/**
 * When a job is due: a cron pattern in a time zone. The pattern is croner's to read; only "the next time after" is asked
 * of it, and none of its timers is ever started, so that time comes from the runtime's clock alone.
 *
 * Daylight saving, as croner has it: a pattern with fixed times (`30 2 * * *`) is due once a day; if the clocks skip that
 * time, at the first moment after the gap, and if it comes twice, the first time. A pattern with `*` or steps in seconds,
 * minutes or hours follows the clock on the wall: nothing in the gap, and both times in an hour that comes twice.
 */
import { Cron } from 'croner'

export class Schedule {
  readonly pattern: string
  readonly timezone: string
  readonly #cron: Cron

  /** @throws TypeError, RangeError for a pattern or a zone that is none. */
  constructor(pattern: string, timezone = 'UTC') {
    if (typeof pattern !== 'string')
      throw new TypeError(`a cron pattern must be a string, got ${typeof pattern}`)
    if (typeof timezone !== 'string') throw new TypeError(`timezone must be a string, got ${typeof timezone}`)
    this.pattern = pattern
    this.timezone = timezone
    this.#cron = new Cron(pattern, { timezone, paused: true, fixedTimeRule: 'no-wildcard' })
    this.next(0) // A zone that does not exist shows only here.
  }

  /** The first due time later than `after`; both in milliseconds since the epoch. Undefined if there is none. */
  next(after: number): number | undefined {
    return this.#cron.nextRun(new Date(after))?.getTime()
  }

  /** The last due time later than `after` and not later than `until`. It takes 40 looks, however many were missed. */
  latest(after: number, until: number): number | undefined {
    const isDue = (time: number): boolean => (this.next(time) ?? Infinity) <= until
    const earliest = this.next(after)
    if (earliest === undefined || earliest > until) return undefined
    if (!isDue(earliest)) return earliest // As it is nearly always.
    // The next time after `low` is one of those asked for, that after `high` is not.
    // In whole milliseconds, or halving might never end.
    let [low, high] = [earliest, Math.floor(until)]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (isDue(middle)) low = middle
      else high = middle
    }
    return this.next(low)
  }
}
