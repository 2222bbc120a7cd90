/**
 * Watches of an npm `zookeeper` client, each told once. The package calls a watcher for every change of the session as
 * well, and after its event it forgets it or not, as it happens; and what was set can't be taken back.
 */
import type { Logger, WatchEventType, WatchListener } from '../api/zk.js'
import type { Watcher } from './zookeeper-package.js'

const typeOf: Readonly<Record<number, WatchEventType>> = {
  1: 'created',
  2: 'deleted',
  3: 'dataChanged',
  4: 'childrenChanged',
}

interface Entry {
  readonly path: string
  readonly listener: WatchListener
  isOver: boolean
}

export class NativeWatches {
  readonly #logger: Logger
  readonly #entries = new Set<Entry>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  get size(): number {
    return this.#entries.size
  }

  /** For one read: the watcher to give it, and what to call if the read set no watch. */
  open(path: string, listener: WatchListener): { readonly watcher: Watcher; readonly cancel: () => void } {
    const entry: Entry = { path, listener, isOver: false }
    this.#entries.add(entry)
    const watcher: Watcher = (type) => {
      const event = typeOf[type]
      if (event !== undefined) this.#end(entry, event)
    }
    const cancel = (): void => {
      entry.isOver = true
      this.#entries.delete(entry)
    }
    return { watcher, cancel }
  }

  /** On our side only: the server, and the package, keep theirs until it fires. */
  remove(path: string, listener: WatchListener): void {
    for (const entry of [...this.#entries])
      if (entry.path === path && entry.listener === listener) this.#end(entry, 'removed')
  }

  /** The session is over. */
  loseAll(): void {
    for (const entry of [...this.#entries]) this.#end(entry, 'lost')
  }

  #end(entry: Entry, type: WatchEventType): void {
    if (entry.isOver) return
    entry.isOver = true
    this.#entries.delete(entry)
    try {
      entry.listener({ type, path: entry.path })
    } catch (error) {
      this.#logger.error({ err: error, path: entry.path }, 'a watch listener threw')
    }
  }
}
