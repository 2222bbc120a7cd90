/**
 * One watch that wakes one waiter, and that is taken back if it has not fired when the wait is over.
 *
 * A read that sets it is never aborted: a watch whose reply nobody waits for could not be taken back.
 */
import type { Session, WatchEvent, WatchListener, Zk } from '../../src/api/zk.js'

export class OneShotWatch {
  readonly #zk: Zk
  readonly #path: string
  readonly #session: Session
  readonly #listener: WatchListener
  #state: 'idle' | 'reading' | 'fired' | 'stopped' = 'idle'
  #reading: Promise<unknown> = Promise.resolve()

  /** @param onFire - called synchronously, at most once, and not after `stop()`. */
  constructor(zk: Zk, path: string, session: Session, onFire: (event: WatchEvent) => void) {
    this.#zk = zk
    this.#path = path
    this.#session = session
    this.#listener = (event) => {
      if (this.#state === 'stopped') return
      const isFirst = this.#state !== 'fired'
      this.#state = 'fired'
      if (isFirst) onFire(event)
    }
  }

  /** Runs a read of the path with the watch; without it once this was stopped. */
  async read<T>(by: (watch: WatchListener | undefined) => Promise<T>): Promise<T> {
    if (this.#state === 'stopped') return by(undefined)
    if (this.#state === 'idle') this.#state = 'reading'
    const reading = by(this.#listener)
    this.#reading = reading.catch(() => undefined)
    return reading
  }

  /** What it has set and what has not fired is taken back in the background, also from a read still in flight. */
  stop(): void {
    const isSet = this.#state === 'reading'
    this.#state = 'stopped'
    if (isSet) void this.#takeBack()
  }

  async #takeBack(): Promise<void> {
    await this.#reading
    if (this.#session.signal.aborted) return
    try {
      await this.#zk.removeWatch(this.#path, this.#listener, { generation: this.#session.generation })
    } catch (error) {
      this.#zk.logger.debug({ path: this.#path, error }, 'a watch could not be taken back; it fires unheard')
    }
  }
}
