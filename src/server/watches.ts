/**
 * Watches: which connection waits for what. Two tables, as on a real server: data (getData, exists, and both kinds of
 * persistent watch) and children (getChildren and non-recursive persistent ones).
 *
 * Invariants: a watch belongs to a connection and goes with it; a one-shot watch fires once; a connection hears of
 * one change of one path once per table, and of a delete once in all.
 */
import { EventType } from '../protocol/constants.js'
import type { AclEntry } from '../protocol/records.js'

/** Who is told. */
export interface Watcher {
  notify(type: number, path: string, zxid: bigint, acl: readonly AclEntry[] | undefined): void
}

/** Bits: one connection may have several kinds of watch on one path. */
export const Mode = { oneShot: 1, persistent: 2, recursive: 4, any: 7 } as const

export class WatchTable<W extends Watcher> {
  readonly #byPath = new Map<string, Map<W, number>>()
  readonly #byWatcher = new Map<W, Set<string>>()
  readonly #coexist: boolean
  #recursive = 0
  #size = 0

  /** Pairs of path and connection. */
  get size(): number {
    return this.#size
  }

  get paths(): ReadonlyMap<string, ReadonlyMap<W, number>> {
    return this.#byPath
  }

  get watchers(): ReadonlyMap<W, ReadonlySet<string>> {
    return this.#byWatcher
  }

  /** @param coexist - whether one connection may have several kinds on one path; else the latest replaces the others. */
  constructor(coexist = true) {
    this.#coexist = coexist
  }

  add(path: string, watcher: W, mode: number): void {
    let watchers = this.#byPath.get(path)
    if (watchers === undefined) this.#byPath.set(path, (watchers = new Map<W, number>()))
    const before = watchers.get(watcher) ?? 0
    this.#set(path, watchers, watcher, before, this.#coexist ? before | mode : mode)
  }

  has(path: string, watcher: W, mode: number): boolean {
    return ((this.#byPath.get(path)?.get(watcher) ?? 0) & mode) !== 0
  }

  /** Takes these kinds away; false if there was none of them. */
  remove(path: string, watcher: W, mode: number): boolean {
    const watchers = this.#byPath.get(path)
    const before = watchers?.get(watcher) ?? 0
    if (watchers === undefined || (before & mode) === 0) return false
    this.#set(path, watchers, watcher, before, before & ~mode)
    return true
  }

  removeWatcher(watcher: W): void {
    for (const path of [...(this.#byWatcher.get(watcher) ?? [])]) this.remove(path, watcher, Mode.any)
  }

  /** Who is to hear of a change at `path`, each once. One-shot watches are used up by it. */
  take(path: string): ReadonlySet<W> {
    const found = new Set<W>()
    const watchers = this.#byPath.get(path)
    if (watchers !== undefined) {
      for (const [watcher, modes] of watchers) {
        found.add(watcher)
        if ((modes & Mode.oneShot) !== 0) this.#set(path, watchers, watcher, modes, modes & ~Mode.oneShot)
      }
    }
    if (this.#recursive > 0) this.#takeAbove(path, found)
    return found
  }

  #takeAbove(path: string, found: Set<W>): void {
    for (let above = path; above !== '/' && above !== '';) {
      above = above.slice(0, above.lastIndexOf('/')) || '/'
      for (const [watcher, modes] of this.#byPath.get(above) ?? []) {
        if ((modes & Mode.recursive) !== 0) found.add(watcher)
      }
    }
  }

  #set(path: string, watchers: Map<W, number>, watcher: W, before: number, after: number): void {
    this.#recursive += ((after & Mode.recursive) >> 2) - ((before & Mode.recursive) >> 2)
    if (after !== 0) {
      watchers.set(watcher, after)
      if (before !== 0) return
      this.#size++
      const paths = this.#byWatcher.get(watcher)
      if (paths === undefined) this.#byWatcher.set(watcher, new Set([path]))
      else paths.add(path)
      return
    }
    if (before === 0) return
    this.#size--
    watchers.delete(watcher)
    if (watchers.size === 0) this.#byPath.delete(path)
    const paths = this.#byWatcher.get(watcher)
    paths?.delete(path)
    if (paths?.size === 0) this.#byWatcher.delete(watcher)
  }
}

/** What a write did to one znode, as far as watches care. ACLs as of then: they decide who may hear of it. */
export interface Change {
  readonly type: 'created' | 'deleted' | 'dataChanged'
  readonly path: string
  readonly acl: readonly AclEntry[]
  readonly parent: string
  readonly parentAcl: readonly AclEntry[]
}

export class Watches<W extends Watcher = Watcher> {
  readonly data: WatchTable<W>
  readonly children: WatchTable<W>

  /** @param coexist - false before 3.9 (ZOOKEEPER-4466): see {@link WatchTable}. */
  constructor(coexist = true) {
    this.data = new WatchTable<W>(coexist)
    this.children = new WatchTable<W>(coexist)
  }

  get size(): number {
    return this.data.size + this.children.size
  }

  removeWatcher(watcher: W): void {
    this.data.removeWatcher(watcher)
    this.children.removeWatcher(watcher)
  }

  addPersistent(path: string, watcher: W, recursive: boolean): void {
    if (recursive) return this.data.add(path, watcher, Mode.recursive)
    this.data.add(path, watcher, Mode.persistent)
    this.children.add(path, watcher, Mode.persistent)
  }

  /** Tells everyone who waits for this change, in a real server's order: the node's own watches, then the parent's. */
  fire(change: Change, zxid: bigint): void {
    const { path, acl } = change
    if (change.type === 'dataChanged')
      return tell(this.data.take(path), EventType.dataChanged, path, zxid, acl)
    if (change.type === 'created') tell(this.data.take(path), EventType.created, path, zxid, acl)
    else {
      const told = this.data.take(path)
      tell(told, EventType.deleted, path, zxid, acl)
      tell(this.children.take(path), EventType.deleted, path, zxid, acl, told)
    }
    const { parent, parentAcl } = change
    tell(this.children.take(parent), EventType.childrenChanged, parent, zxid, parentAcl)
  }
}

function tell<W extends Watcher>(
  watchers: ReadonlySet<W>,
  type: number,
  path: string,
  zxid: bigint,
  acl: readonly AclEntry[],
  except?: ReadonlySet<W>,
): void {
  for (const watcher of watchers) if (except?.has(watcher) !== true) watcher.notify(type, path, zxid, acl)
}
