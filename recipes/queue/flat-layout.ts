/**
 * Layouts of other libraries (formats.ts): items as children of one znode, claims, where the format has them, as
 * ephemerals of the same name in another.
 *
 *   curator          path/queue-#           claims: lockPath/queue-#
 *   kazoo-locking    path/entries/entry-PPP-#   claims: path/taken/entry-PPP-#
 *   kazoo, curator-simple                   no claims: an item is removed before it is handed out
 *
 * What these formats have no place for (marks of what was put, the claims of a format without any) is kept beside
 * the queue, in `<path>-latchkey`, where no peer looks.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Acl } from '../../src/api/acl.js'
import { joinPath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { byRank, type Format, type NamedItem } from './formats.js'
import type { Candidate, Entry, Layout, Lister, Sight } from './layout.js'
import { childrenIfAny } from './shelf.js'
import type { Step } from './step.js'
import type { Stored } from './stored.js'

export interface FlatSpec {
  readonly zk: Zk
  readonly path: string
  readonly acl: readonly Acl[] | undefined
  readonly format: Format
  /** Curator's: where the claims are. */
  readonly lockPath: string | undefined
}

export class FlatLayout implements Layout {
  readonly own: string
  readonly claims: string
  readonly keepsNotes = false
  readonly apart = undefined
  readonly isClaimable: boolean
  readonly #spec: FlatSpec
  readonly #items: string

  constructor(spec: FlatSpec) {
    const { path, format, lockPath } = spec
    this.#spec = spec
    this.own = `${path}-latchkey`
    const claims = format.claims === undefined ? lockPath : joinPath(path, format.claims)
    this.isClaimable = claims !== undefined
    this.claims = claims ?? joinPath(this.own, 'claims')
    this.#items = format.items === '' ? path : joinPath(path, format.items)
  }

  async look(list: Lister): Promise<Sight> {
    const [claims, items] = await Promise.all([list(this.claims, true), list(this.#items, true)])
    const claimed = new Set(claims?.children)
    const now = this.#spec.zk.runtime.clock.wall()
    const free: NamedItem[] = []
    let dueAt: number | undefined
    for (const item of this.#named(items?.children ?? [])) {
      if (item.dueAt !== undefined && item.dueAt > now) dueAt = Math.min(dueAt ?? item.dueAt, item.dueAt)
      else if (!claimed.has(item.name)) free.push(item)
    }
    return { candidates: free.sort(byRank).map((item) => this.#candidate(item)), dueAt }
  }

  #named(children: readonly string[]): NamedItem[] {
    return children.map((name) => this.#spec.format.parse(name)).filter((item) => item !== undefined)
  }

  #candidate({ name, id }: NamedItem): Candidate {
    return { path: joinPath(this.#items, name), name, id, count: 1 }
  }

  /** All items of an id, those that somebody has claimed included. */
  async withId(id: string, list: Lister): Promise<Candidate[]> {
    const items = this.#named((await list(this.#items))?.children ?? [])
    return items.filter((item) => item.id === id).map((item) => this.#candidate(item))
  }

  unpack(data: Buffer): Stored {
    return this.#spec.format.unpack(data)
  }

  pack(stored: Stored): Buffer {
    return this.#spec.format.pack(stored)
  }

  async putSteps(entries: readonly Entry[]): Promise<Step[]> {
    const { acl, format } = this.#spec
    const mode = 'persistentSequential'
    return entries.map(({ place, notes, payload }) => {
      const path = joinPath(this.#items, format.prefix(place))
      const data = format.pack({ notes, payloads: [Buffer.from(payload)] })
      return {
        add: (transaction) => transaction.create(path, data, { mode, ...(acl && { acl }) }),
        mend: async (failure) => {
          if (!hasCode(failure, 'NO_NODE')) return false
          await this.ensure(this.#items)
          return true
        },
      }
    })
  }

  removalSteps(): Step[] {
    return []
  }

  tokenOf(name: string): string {
    return name
  }

  /** Their names say nothing about who put them. */
  async isPut(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async takeBack(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async count(list: Lister = async (path) => childrenIfAny(this.#spec.zk, path)): Promise<number> {
    return this.tally(list)
  }

  /** A lock path, or what somebody made by hand, may be among them. */
  async tally(list: Lister): Promise<number> {
    return this.#named((await list(this.#items))?.children ?? []).length
  }

  async ensure(path: string): Promise<void> {
    const { zk, acl, format } = this.#spec
    // kazoo makes persistent parents; Curator containers.
    const containers = !format.name.startsWith('kazoo') && zk.supports('containers')
    await zk.ensurePath(path, { mode: containers ? 'container' : 'persistent', ...(acl && { acl }) })
  }
}
