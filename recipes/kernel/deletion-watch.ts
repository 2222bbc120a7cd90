/**
 * Watches one znode until it is deleted, and leaves no watch behind on any other way out.
 *
 * - It reads with `get`: a watch set with `exists` on a znode that is gone already would stay on the server for ever
 *   (CURATOR-107). So contenders must be able to read each other's znodes, as with Curator; `exists` would need the
 *   same right on newer servers (ZOOKEEPER-2590).
 * - A change of the data (a revoker writes into the holder's znode: revocation.ts) fires the one-shot watch too: it is
 *   set again, and as that is a `get`, a deletion in between shows as `NO_NODE`.
 * - The read that sets the watch is never aborted: a watch whose reply we no longer wait for could not be taken back.
 *
 * The end is told synchronously from the event, so two of these on one connection report in the order in which the
 * server deleted the znodes.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Stat } from '../../src/api/stat.js'
import type { Session, WatchListener, Zk } from '../../src/api/zk.js'

/** How a watch ended: the znode is gone, or the watch could not be set (again) and nobody is watching. */
export type WatchEnd = Gone | { readonly how: 'blind'; readonly error: unknown }

interface Gone {
  readonly how: 'gone'
  /** Its data were changed right before, and there was nothing left to read. */
  readonly unread: boolean
}

export class DeletionWatch {
  readonly path: string
  /** Resolves when the watch stands or has ended: with the stat, or undefined if it has ended. */
  readonly standing: Promise<Stat | undefined>
  readonly #zk: Zk
  readonly #session: Session
  readonly #onEnd: (end: WatchEnd) => void
  readonly #onData: (data: Buffer) => void
  readonly #listener: WatchListener
  #state: 'watching' | 'ended' | 'stopped' = 'watching'
  /** The read in flight, or the last one. Never rejects. */
  #reading: Promise<Stat | undefined>

  /**
   * @param onEnd - called at most once, and not after `stop()`. A session that ends is told by its own signal.
   * @param onData - called with what each read finds.
   */
  constructor(
    zk: Zk,
    path: string,
    session: Session,
    onEnd: (end: WatchEnd) => void,
    onData: (data: Buffer) => void = () => undefined,
  ) {
    this.#zk = zk
    this.path = path
    this.#session = session
    this.#onEnd = onEnd
    this.#onData = onData
    this.#listener = (event) => {
      if (event.type === 'deleted') this.#end({ how: 'gone', unread: false })
      else if (event.type === 'dataChanged' && this.#state === 'watching') this.#reading = this.#look(true)
    }
    this.#reading = this.#look(false)
    this.standing = this.#reading
  }

  /** Stops; the server's side is taken back in the background, also from a read that is still in flight. */
  stop(): void {
    if (this.#state !== 'watching') return
    this.#state = 'stopped'
    void this.#takeBack(this.#reading)
  }

  async #look(changed: boolean): Promise<Stat | undefined> {
    const { generation } = this.#session
    try {
      const { data, stat } = await this.#zk.get(this.path, { watch: this.#listener, generation })
      if (this.#state === 'watching') this.#onData(data)
      return stat
    } catch (error) {
      this.#end(hasCode(error, 'NO_NODE') ? { how: 'gone', unread: changed } : { how: 'blind', error })
      return undefined
    }
  }

  async #takeBack(after: Promise<unknown>): Promise<void> {
    await after
    if (this.#session.signal.aborted) return
    try {
      await this.#zk.removeWatch(this.path, this.#listener, { generation: this.#session.generation })
    } catch (error) {
      this.#zk.logger.debug(
        { path: this.path, error },
        'a watch could not be taken back; it ends with its znode',
      )
    }
  }

  #end(end: WatchEnd): void {
    if (this.#state !== 'watching') return
    this.#state = 'ended'
    this.#onEnd(end)
  }
}
