/**
 * Who wants to hear of what. Mirrors the server's watches of one session, so that they can be set again on another
 * connection, and so that the server's side is removed once nobody here needs it.
 *
 * Non-obvious:
 * - The server keeps an exists watch and a data watch in one table; only we must know which it was, to set it again.
 * - One server watch serves all local listeners of its kind and path.
 * - A read that will set a watch counts as interest from the moment it is sent: a removal that overtakes its reply
 *   would take the new watch away with the old one.
 * - Servers from 3.6 to 3.8 send childrenChanged to recursive watchers (ZOOKEEPER-4475 ff.): not passed on.
 */
import type { Logger, WatchEvent, WatchEventType, WatchListener } from '../api/zk.js'
import type { SetWatches2 } from '../protocol/records.js'
import type { PendingWatch, WatchKind } from './pending.js'

const kindsOf: Readonly<Record<WatchEventType, readonly WatchKind[]>> = {
  created: ['data', 'exist'],
  dataChanged: ['data', 'exist'],
  childrenChanged: ['child'],
  deleted: ['data', 'exist', 'child'],
  removed: ['data', 'exist', 'child', 'persistent', 'recursive'],
  lost: [],
}

const ONE_SHOT: readonly WatchKind[] = ['data', 'exist', 'child']
const KINDS: readonly WatchKind[] = [...ONE_SHOT, 'persistent', 'recursive']

/** What the server should forget. */
export type ServerWatch = 'data' | 'child' | 'persistent'

export class Watches {
  readonly #logger: Logger
  readonly #toClient: (path: string) => string
  readonly #tables: Readonly<Record<WatchKind, Map<string, Set<WatchListener>>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    recursive: new Map(),
  }
  readonly #expected = new Map<string, number>()
  /** Paths where the server keeps a watch that stays for nobody, until a one-shot watch beside it is done with. */
  readonly #owed = new Set<string>()

  /** @param toClient - takes the chroot off a server path. */
  constructor(logger: Logger, toClient: (path: string) => string) {
    this.#logger = logger
    this.#toClient = toClient
  }

  /** Listeners registered, over all kinds: a leak check. */
  get size(): number {
    let total = 0
    for (const table of Object.values(this.#tables)) for (const set of table.values()) total += set.size
    return total
  }

  add(kind: WatchKind, path: string, listener: WatchListener): void {
    const table = this.#tables[kind]
    const set = table.get(path)
    if (set === undefined) table.set(path, new Set([listener]))
    else set.add(listener)
  }

  /** A read that sets a watch is on its way. */
  expect(kind: WatchKind, path: string): void {
    const key = expectation(kind, path)
    this.#expected.set(key, (this.#expected.get(key) ?? 0) + 1)
  }

  /** Its reply is here, or it will not come. */
  unexpect(kind: WatchKind, path: string): void {
    const key = expectation(kind, path)
    const left = (this.#expected.get(key) ?? 0) - 1
    if (left > 0) this.#expected.set(key, left)
    else this.#expected.delete(key)
  }

  /** Its reply is here and the server has set it. If nobody wants it any more, returns what the server should forget. */
  settle(watch: PendingWatch, absent: boolean, abandoned: boolean): readonly ServerWatch[] {
    const { path } = watch
    this.unexpect(watch.kind, path)
    // On a znode that is there, the server keeps it with the data watches.
    const kind = watch.kind === 'exist' && !absent ? 'data' : watch.kind
    if (abandoned) return this.unneeded([kind], path)
    this.add(kind, path, watch.listener)
    return []
  }

  /** An event of the server. One-shot watches are used up by it. */
  dispatch(type: WatchEventType, path: string, zxid: bigint | undefined): void {
    const listeners = new Set<WatchListener>()
    for (const kind of kindsOf[type]) {
      const table = this.#tables[kind]
      const set = table.get(path)
      if (set === undefined) continue
      table.delete(path)
      for (const listener of set) listeners.add(listener)
    }
    if (type !== 'removed') this.#addPersistent(type, path, listeners)
    if (listeners.size === 0) return
    const event: WatchEvent = { type, path: this.#toClient(path), ...(zxid === undefined ? {} : { zxid }) }
    for (const listener of listeners) this.#call(listener, event)
  }

  #addPersistent(type: WatchEventType, path: string, listeners: Set<WatchListener>): void {
    for (const listener of this.#tables.persistent.get(path) ?? []) listeners.add(listener)
    const { recursive } = this.#tables
    if (recursive.size === 0 || type === 'childrenChanged') return
    for (let at = path; ; at = at.lastIndexOf('/') <= 0 ? '/' : at.slice(0, at.lastIndexOf('/'))) {
      for (const listener of recursive.get(at) ?? []) listeners.add(listener)
      if (at === '/') return
    }
  }

  /** Forgets one listener's one-shot watches on a path, telling it so; returns what the server need not keep. */
  remove(path: string, listener: WatchListener): readonly ServerWatch[] {
    const emptied = ONE_SHOT.filter((kind) => this.#take(kind, path, listener))
    if (emptied.length > 0) this.#call(listener, { type: 'removed', path: this.#toClient(path) })
    return this.unneeded(emptied, path)
  }

  /** The same for a watch that stays. */
  removePersistent(
    kind: 'persistent' | 'recursive',
    path: string,
    listener: WatchListener,
  ): readonly ServerWatch[] {
    if (!this.#take(kind, path, listener)) return []
    this.#call(listener, { type: 'removed', path: this.#toClient(path) })
    return this.unneeded([kind], path)
  }

  #take(kind: WatchKind, path: string, listener: WatchListener): boolean {
    const table = this.#tables[kind]
    const set = table.get(path)
    if (set?.delete(listener) !== true) return false
    if (set.size === 0) table.delete(path)
    return true
  }

  /**
   * Which of the server's watches on a path nobody here needs any more. Before 3.9 a removal takes one-shot and
   * persistent watches of a path alike, so where both are in use the server's watch is left to fire unheard: one-shot
   * ones until they have fired, one that stays until the last one-shot watch beside it is gone ({@link overdue}).
   */
  unneeded(kinds: readonly WatchKind[], path: string): readonly ServerWatch[] {
    const oneShot = ONE_SHOT.some((kind) => this.#inUse(kind, path))
    const persistent = this.#inUse('persistent', path) || this.#inUse('recursive', path)
    if (kinds.includes('persistent') || kinds.includes('recursive')) {
      this.#owed.add(path)
      return this.overdue(path)
    }
    if (persistent) return []
    if (!oneShot && this.#owed.has(path)) return this.overdue(path)
    const out: ServerWatch[] = []
    const wasData = kinds.includes('data') || kinds.includes('exist')
    if (wasData && !this.#inUse('data', path) && !this.#inUse('exist', path)) out.push('data')
    if (kinds.includes('child') && !this.#inUse('child', path)) out.push('child')
    return out
  }

  /** The watch that stays, where the server keeps one for nobody and nothing else of the path is in use any more. */
  overdue(path: string): readonly ServerWatch[] {
    if (!this.#owed.has(path) || KINDS.some((kind) => this.#inUse(kind, path))) return []
    this.#owed.delete(path)
    return ['persistent']
  }

  #inUse(kind: WatchKind, path: string): boolean {
    return this.#tables[kind].has(path) || this.#expected.has(expectation(kind, path))
  }

  /** The session is over: every watch is told so, and forgotten. */
  lose(): void {
    this.#owed.clear()
    const lost: [WatchListener, string][] = []
    for (const table of Object.values(this.#tables)) {
      for (const [path, set] of table) for (const listener of set) lost.push([listener, path])
      table.clear()
    }
    for (const [listener, path] of lost) this.#call(listener, { type: 'lost', path: this.#toClient(path) })
  }

  /** Some watches could not be set again: their listeners are told `lost`, and forgotten. */
  loseBatch(batch: SetWatches2): void {
    const lists: readonly (readonly [WatchKind, readonly string[]])[] = [
      ['data', batch.dataWatches],
      ['exist', batch.existWatches],
      ['child', batch.childWatches],
      ['persistent', batch.persistentWatches],
      ['recursive', batch.persistentRecursiveWatches],
    ]
    for (const [kind, paths] of lists) {
      for (const path of paths) {
        const set = this.#tables[kind].get(path)
        this.#tables[kind].delete(path)
        for (const listener of set ?? []) this.#call(listener, { type: 'lost', path: this.#toClient(path) })
      }
    }
  }

  /** What to send to set everything again, in batches whose paths take about `maxBytes` each. */
  batches(relativeZxid: bigint, maxBytes: number): SetWatches2[] {
    // The server of a new connection keeps nothing but what it is asked for now.
    this.#owed.clear()
    const out: SetWatches2[] = []
    let lists = emptyLists()
    let bytes = 0
    const close = (): void => {
      out.push({ relativeZxid, ...lists })
      lists = emptyLists()
      bytes = 0
    }
    for (const [kind, field] of FIELDS) {
      for (const path of this.#tables[kind].keys()) {
        const size = 4 + Buffer.byteLength(path)
        if (bytes > 0 && bytes + size > maxBytes) close()
        lists[field].push(path)
        bytes += size
      }
    }
    if (bytes > 0) close()
    return out
  }

  #call(listener: WatchListener, event: WatchEvent): void {
    try {
      listener(event)
    } catch (error) {
      this.#logger.error({ err: error, path: event.path, type: event.type }, 'a watch listener threw')
    }
  }
}

type Field = Exclude<keyof SetWatches2, 'relativeZxid'>

const FIELDS: readonly (readonly [WatchKind, Field])[] = [
  ['data', 'dataWatches'],
  ['exist', 'existWatches'],
  ['child', 'childWatches'],
  ['persistent', 'persistentWatches'],
  ['recursive', 'persistentRecursiveWatches'],
]

function emptyLists(): Record<Field, string[]> {
  return {
    dataWatches: [],
    existWatches: [],
    childWatches: [],
    persistentWatches: [],
    persistentRecursiveWatches: [],
  }
}

function expectation(kind: WatchKind, path: string): string {
  return `${kind === 'exist' ? 'data' : kind} ${path}`
}
