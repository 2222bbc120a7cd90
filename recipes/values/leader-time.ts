/**
 * What a process knows of the leader's clock: how far it is ahead of our own monotonic one, at least.
 *
 * A write that was sent at `sentAt`, applied at the leader's `mtime`, and known of at `heardAt` says that the leader's clock is
 * ahead by `mtime - heardAt` at least and by `mtime + 1 - sentAt` at most (mtime has no fraction). The best of the lower bounds
 * is kept until a write contradicts it: then the leader's clock was set back, or ours runs faster.
 */
export class LeaderTime {
  #ahead: number | undefined

  /** A write of our own. */
  observe(sentAt: number, heardAt: number, mtime: number): void {
    const least = mtime - heardAt
    const isContradicted = this.#ahead !== undefined && this.#ahead > mtime + 1 - sentAt
    this.#ahead = this.#ahead === undefined || isContradicted ? least : Math.max(this.#ahead, least)
  }

  /** When, by our clock, the leader's has certainly reached `time`; undefined if nothing is known of it. */
  whenIs(time: number): number | undefined {
    return this.#ahead === undefined ? undefined : time - this.#ahead
  }
}
