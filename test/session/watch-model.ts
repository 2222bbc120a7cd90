/**
 * ZooKeeper's watches in a few lines, to compare with: what each listener must hear of changes, one at a time, of removals
 * and of outages in which changes are missed.
 */
export type LookKind = 'get' | 'exists' | 'children'
export type ChangeKind = 'create' | 'set' | 'delete'

export interface Change {
  readonly kind: ChangeKind
  readonly path: string
}

type Kind = 'data' | 'exist' | 'child' | 'persistent' | 'recursive'

/** One listener, registered once. */
export interface ModelWatch {
  readonly kind: Kind
  readonly path: string
  /** What it must have heard, in order. */
  readonly heard: string[]
  armed: boolean
}

interface Node {
  /** When its data last changed, and when its list of children did. */
  mzxid: number
  pzxid: number
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

export class WatchModel {
  readonly #nodes = new Map<string, Node>([['/', { mzxid: 0, pzxid: 0 }]])
  readonly watches: ModelWatch[] = []
  #zxid = 0
  /** Since when the client hears nothing; undefined while it is connected. */
  #deafSince: number | undefined

  has(path: string): boolean {
    return this.#nodes.has(path)
  }

  /** Whether the server would do it. */
  allows({ kind, path }: Change): boolean {
    if (kind === 'create') return !this.has(path) && this.has(parentOf(path))
    if (kind === 'set') return this.has(path)
    return this.has(path) && ![...this.#nodes.keys()].some((other) => other.startsWith(`${path}/`))
  }

  /** A read that sets a watch. Undefined: there is no such znode, and none is set. */
  look(kind: LookKind, path: string): ModelWatch | undefined {
    if (!this.has(path) && kind !== 'exists') return undefined
    return this.#add(kind === 'children' ? 'child' : this.has(path) ? 'data' : 'exist', path)
  }

  follow(path: string, recursive: boolean): ModelWatch {
    return this.#add(recursive ? 'recursive' : 'persistent', path)
  }

  #add(kind: Kind, path: string): ModelWatch {
    const watch: ModelWatch = { kind, path, heard: [], armed: true }
    this.watches.push(watch)
    return watch
  }

  remove(watch: ModelWatch): void {
    if (!watch.armed) return
    watch.armed = false
    watch.heard.push(`removed ${watch.path}`)
  }

  apply({ kind, path }: Change): void {
    const zxid = ++this.#zxid
    const parent = this.#nodes.get(parentOf(path))!
    if (kind === 'create') this.#nodes.set(path, { mzxid: zxid, pzxid: zxid })
    if (kind === 'set') this.#nodes.get(path)!.mzxid = zxid
    if (kind === 'delete') this.#nodes.delete(path)
    if (kind !== 'set') parent.pzxid = zxid
    if (this.#deafSince !== undefined) return
    this.#fire({ create: 'created', set: 'dataChanged', delete: 'deleted' }[kind], path)
    if (kind !== 'set') this.#fire('childrenChanged', parentOf(path))
  }

  #fire(type: string, path: string): void {
    for (const watch of this.watches) if (watch.armed && hears(watch, type, path)) tell(watch, type, path)
  }

  disconnect(): void {
    this.#deafSince = this.#zxid
  }

  /**
   * The watches are set again. The server tells of each one-shot watch that missed something, by path and kind; a watch
   * that stays missed everything, but hears what is told of the one-shot watches beside it.
   */
  reconnect(): void {
    const since = this.#deafSince!
    this.#deafSince = undefined
    const missed = new Set(this.watches.flatMap((watch) => this.#missedBy(watch, since) ?? []))
    for (const event of missed) {
      const [, type = '', path = ''] = event.split(' ')
      this.#fire(type, path)
    }
  }

  /** Kind, type and path of the event. */
  #missedBy({ kind, path, armed }: ModelWatch, since: number): string | undefined {
    const node = this.#nodes.get(path)
    if (!armed || kind === 'persistent' || kind === 'recursive') return undefined
    if (kind === 'exist') return node && `exist created ${path}`
    if (node === undefined) return `${kind} deleted ${path}`
    if (kind === 'data') return node.mzxid > since ? `data dataChanged ${path}` : undefined
    return node.pzxid > since ? `child childrenChanged ${path}` : undefined
  }
}

function hears({ kind, path }: ModelWatch, type: string, changed: string): boolean {
  const own = path === changed
  switch (kind) {
    case 'data':
    case 'exist':
      return own && type !== 'childrenChanged'
    case 'child':
      return own && (type === 'childrenChanged' || type === 'deleted')
    case 'persistent':
      return own
    case 'recursive':
      return type !== 'childrenChanged' && (own || changed.startsWith(`${path}/`))
  }
}

function tell(watch: ModelWatch, type: string, path: string): void {
  watch.heard.push(`${type} ${path}`)
  if (watch.kind !== 'persistent' && watch.kind !== 'recursive') watch.armed = false
}
