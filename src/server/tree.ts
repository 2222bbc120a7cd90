/**
 * The data tree: znodes by path, with the indices that sessions and the reaper need. Pure: no clock, no I/O, no
 * permissions, no watches. Callers check first (`handlers/`); what is asked for here is done.
 *
 * Invariants: a znode's parent exists and lists it; `/` and `/zookeeper` with its two children are always there;
 * `dataBytes` is the sum of path and data lengths.
 */
import { OPEN_ACL, READ_ACL } from '../api/acl.js'
import { nameOf, parentOf } from '../api/path.js'
import type { AclEntry } from '../protocol/records.js'
import type { Ownership } from './znode.js'
import { PERSISTENT, Znode } from './znode.js'

export const openAcl: readonly AclEntry[] = OPEN_ACL.map(toEntry)
const readAcl: readonly AclEntry[] = READ_ACL.map(toEntry)

function toEntry(acl: { scheme: string; id: string; perms: number }): AclEntry {
  return { perms: acl.perms, identity: { scheme: acl.scheme, id: acl.id } }
}

const SPECIAL: ReadonlySet<string> = new Set(['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota'])

/** The znodes that a server makes for itself, which nobody can delete. */
export const isSpecialPath = (path: string): boolean => SPECIAL.has(path)

/** What a created znode starts with. */
export interface Birth {
  readonly data: Uint8Array | null
  readonly acl: readonly AclEntry[]
  readonly owner: Ownership
  /** The parent's counter after this create. */
  readonly creates: number
}

/** Takes a change back, as if it had never been. Only for the newest change, so undo in reverse order. */
export type Undo = () => void

export class DataTree {
  readonly #nodes = new Map<string, Znode>()
  readonly #ephemerals = new Map<bigint, Set<string>>()
  readonly #containers = new Set<string>()
  readonly #ttls = new Set<string>()
  #dataBytes = 0

  constructor() {
    this.#seed('/', openAcl)
    this.#seed('/zookeeper', openAcl)
    this.#seed('/zookeeper/quota', openAcl)
    // A real server writes this ACL as version −1.
    this.#seed('/zookeeper/config', readAcl).aversion = -1
  }

  #seed(path: string, acl: readonly AclEntry[]): Znode {
    const node = new Znode(new Uint8Array(0), acl, PERSISTENT, 0n, 0n)
    this.#restore(path, node)
    return node
  }

  /** The znode; the empty path is the root too, as on a real server. */
  get(path: string): Znode | undefined {
    return this.#nodes.get(path === '' ? '/' : path)
  }

  get size(): number {
    return this.#nodes.size
  }

  get dataBytes(): number {
    return this.#dataBytes
  }

  get ephemeralCount(): number {
    let count = 0
    for (const paths of this.#ephemerals.values()) count += paths.size
    return count
  }

  entries(): IterableIterator<[string, Znode]> {
    return this.#nodes.entries()
  }

  ephemeralsOf(session: bigint): readonly string[] {
    return [...(this.#ephemerals.get(session) ?? [])]
  }

  /** Sessions that own ephemerals, with them. */
  ephemerals(): ReadonlyMap<bigint, ReadonlySet<string>> {
    return this.#ephemerals
  }

  /** Container and TTL nodes: what the reaper looks at. */
  reapable(): readonly string[] {
    return [...this.#containers, ...this.#ttls]
  }

  /** How many znodes are below `path`. */
  descendants(path: string): number {
    if (path === '/' || path === '') return this.#nodes.size - 1
    const prefix = `${path}/`
    let count = 0
    for (const key of this.#nodes.keys()) if (key.startsWith(prefix)) count++
    return count
  }

  /** Puts a znode of a snapshot in as it is, in place of one of the start. Parents come first. */
  load(path: string, node: Znode): void {
    const seeded = this.#nodes.get(path)
    if (seeded !== undefined) for (const child of seeded.children) node.addChild(child)
    if (seeded !== undefined) this.#dataBytes -= path.length + seeded.dataLength
    this.#restore(path, node)
  }

  #restore(path: string, node: Znode): void {
    this.#nodes.set(path, node)
    this.#dataBytes += path.length + node.dataLength
    this.#index(path, node)
    if (path !== '/') this.#nodes.get(parentOf(path))?.addChild(nameOf(path))
  }

  create(path: string, birth: Birth, zxid: bigint, time: bigint): { node: Znode; parent: Znode; undo: Undo } {
    const parent = this.#parent(path)
    const { creates, pzxid } = parent
    const node = new Znode(birth.data, birth.acl, birth.owner, zxid, time)
    this.#restore(path, node)
    parent.creates = birth.creates
    parent.pzxid = zxid
    const undo = (): void => {
      this.#take(path, node)
      parent.creates = creates
      parent.pzxid = pzxid
    }
    return { node, parent, undo }
  }

  delete(path: string, zxid: bigint): { node: Znode; parent: Znode; undo: Undo } {
    const parent = this.#parent(path)
    const node = this.#existing(path)
    const { pzxid } = parent
    this.#take(path, node)
    if (zxid > pzxid) parent.pzxid = zxid
    const undo = (): void => {
      this.#restore(path, node)
      parent.pzxid = pzxid
    }
    return { node, parent, undo }
  }

  setData(
    path: string,
    data: Uint8Array | null,
    version: number,
    zxid: bigint,
    time: bigint,
  ): { node: Znode; undo: Undo } {
    const node = this.#existing(path)
    const before = { data: node.data, version: node.version, mzxid: node.mzxid, mtime: node.mtime }
    const grown = (data?.length ?? 0) - node.dataLength
    this.#dataBytes += grown
    node.data = data
    node.version = version
    node.mzxid = zxid
    node.mtime = time
    const undo = (): void => {
      this.#dataBytes -= grown
      Object.assign(node, before)
    }
    return { node, undo }
  }

  setAcl(path: string, acl: readonly AclEntry[], version: number): Znode {
    const node = this.#existing(path)
    node.acl = acl
    node.aversion = version
    return node
  }

  #existing(path: string): Znode {
    const node = this.get(path)
    if (node === undefined) throw new Error(`the tree has no ${path}`)
    return node
  }

  #parent(path: string): Znode {
    const parent = this.#nodes.get(parentOf(path))
    if (parent === undefined) throw new Error(`the tree has no parent of ${path}`)
    return parent
  }

  #take(path: string, node: Znode): void {
    this.#nodes.delete(path)
    this.#dataBytes -= path.length + node.dataLength
    this.#nodes.get(parentOf(path))?.removeChild(nameOf(path))
    if (node.owner.kind === 'persistent') return
    this.#containers.delete(path)
    this.#ttls.delete(path)
    const own = this.#ephemerals.get(node.owner.value)
    if (own?.delete(path) === true && own.size === 0) this.#ephemerals.delete(node.owner.value)
  }

  #index(path: string, node: Znode): void {
    switch (node.owner.kind) {
      case 'persistent':
        return
      case 'container':
        this.#containers.add(path)
        return
      case 'ttl':
        this.#ttls.add(path)
        return
      case 'ephemeral': {
        const own = this.#ephemerals.get(node.owner.value)
        if (own === undefined) this.#ephemerals.set(node.owner.value, new Set([path]))
        else own.add(path)
      }
    }
  }
}
