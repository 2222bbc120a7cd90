/** Wakes one waiter at the first of several events: watches that fire, or the end of the session that they are set on. */
import type { Session, WatchEvent, WatchListener, Zk } from '../../src/api/zk.js'
import { onAbort } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import { OneShotWatch } from './one-shot-watch.js'

export class WakeUp implements Disposable {
  readonly #zk: Zk
  readonly #session: Session
  readonly #watches = new Map<string, OneShotWatch>()
  readonly #unlisten: () => void
  #wake = deferred<WatchEvent | undefined>()

  constructor(zk: Zk, session: Session) {
    this.#zk = zk
    this.#session = session
    this.#unlisten = onAbort(session.signal, () => this.#wake.resolve(undefined))
  }

  /** Runs a read of `path` with a watch. */
  async on<T>(path: string, read: (watch: WatchListener | undefined) => Promise<T>): Promise<T> {
    const watch = new OneShotWatch(this.#zk, path, this.#session, (event) => {
      if (this.#watches.get(path) === watch) this.#watches.delete(path)
      this.#wake.resolve(event)
    })
    this.#watches.get(path)?.stop()
    this.#watches.set(path, watch)
    return watch.read(read)
  }

  /** A watch on `path` stands and has not fired. */
  watches(path: string): boolean {
    return this.#watches.has(path)
  }

  /** Resolves with the first event since this was asked before; undefined when the session is over. */
  async next(): Promise<WatchEvent | undefined> {
    const event = await this.#wake.promise
    if (!this.#session.signal.aborted) this.#wake = deferred()
    return event
  }

  [Symbol.dispose](): void {
    this.#unlisten()
    for (const watch of this.#watches.values()) watch.stop()
    this.#watches.clear()
  }
}
