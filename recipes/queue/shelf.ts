/**
 * Items in order, spread over segments so that no list of children outgrows `jute.maxbuffer`, and no consumer lists
 * more than it needs.
 *
 *   shelf/<lane>.<index>/<item>-<sequence>
 *
 * Lanes sort as strings, indexes within a lane count up. Only the last segment of a lane is open. A put checks in its
 * transaction that its segment is still open (version 0), so an item put after another one had been put never
 * comes before it. Who fills a segment up closes it and makes the next, in one transaction; a closed segment that is
 * empty stays so, and is deleted by whoever sees it. Empty containers go by themselves.
 */
import { hasCode } from '../../src/api/errors.js'
import { joinPath, nameOf } from '../../src/api/path.js'
import type { Acl } from '../../src/api/acl.js'
import type { Zk } from '../../src/api/zk.js'
import { isPassing, isUnknown } from '../kernel/failure.js'
import { countOf, itemSequence } from './item-name.js'
import type { Lister } from './layout.js'
import type { Step } from './step.js'

export interface Segment {
  readonly path: string
  readonly lane: string
  readonly index: number
}

/** Where the next item of a lane goes. */
export interface OpenSegment {
  readonly path: string
  /** Makes sure that it is still open. */
  readonly check: Step
  /** Told of each item made. */
  readonly made: (path: string) => void
}

export interface ShelfSpec {
  readonly zk: Zk
  readonly path: string
  readonly acl: readonly Acl[] | undefined
  /** How many items are put into a segment before it is closed. */
  readonly segmentItems: number
}

const segmentName = /^([0-9a-z]+)\.(\d{10})$/

export class Shelf {
  readonly path: string
  readonly #spec: ShelfSpec
  /** The open segment of each lane, as last seen. */
  readonly #tails = new Map<string, Segment>()

  constructor(spec: ShelfSpec) {
    this.#spec = spec
    this.path = spec.path
  }

  #segment(lane: string, index: number): Segment {
    const path = joinPath(this.path, `${lane}.${String(index).padStart(10, '0')}`)
    return { path, lane, index }
  }

  /** In order. Children that are no segments are left out. */
  async segments(list: Lister): Promise<Segment[]> {
    const found = await list(this.path, true)
    const segments: Segment[] = []
    for (const name of found?.children ?? []) {
      const [, lane, index] = segmentName.exec(name) ?? []
      if (lane !== undefined && index !== undefined) segments.push(this.#segment(lane, Number(index)))
    }
    return segments.sort((a, b) => (a.lane < b.lane ? -1 : a.lane > b.lane ? 1 : a.index - b.index))
  }

  /** Names of items in a segment, unordered; deletes the segment if it is closed and empty. */
  async items({ path }: Segment, list: Lister): Promise<string[]> {
    const found = await list(path)
    if (found === undefined) return []
    if (found.children.length === 0 && found.stat.version > 0) void this.#discard(path)
    return found.children.filter((name) => itemSequence(name) >= 0)
  }

  async #discard(path: string): Promise<void> {
    try {
      await this.#spec.zk.delete(path)
    } catch {
      // Somebody else's, or the next list's.
    }
  }

  async open(lane: string): Promise<OpenSegment> {
    const tail = this.#tails.get(lane) ?? (await this.#findTail(lane))
    this.#tails.set(lane, tail)
    const check: Step = {
      add: (transaction) => transaction.check(tail.path, { version: 0 }),
      mend: async (failure) => {
        this.#tails.delete(lane)
        return Promise.resolve(hasCode(failure, 'BAD_VERSION', 'NO_NODE'))
      },
    }
    return { path: tail.path, check, made: (path) => this.#made(tail, path) }
  }

  async #findTail(lane: string): Promise<Segment> {
    const { zk } = this.#spec
    const list: Lister = async (path) => childrenIfAny(zk, path)
    for (;;) {
      const last = (await this.segments(list)).filter((segment) => segment.lane === lane).at(-1)
      const stat = last === undefined ? undefined : await zk.exists(last.path)
      if (last !== undefined && stat?.version === 0) return last
      // Closed and yet the last: the one behind it was empty and is gone.
      await this.#make(this.#segment(lane, last === undefined ? 0 : last.index + 1))
    }
  }

  async #make(segment: Segment): Promise<void> {
    const { zk, acl } = this.#spec
    const mode = zk.supports('containers') ? 'container' : 'persistent'
    await zk.ensurePath(segment.path, { mode, ...(acl && { acl }) })
  }

  /** Closes a segment that is full, even if all packs in it were taken apart: as if all before were such as this one. */
  #made(tail: Segment, path: string): void {
    const items = (itemSequence(path) + 1) * countOf(nameOf(path))
    if (items < this.#spec.segmentItems || this.#tails.get(tail.lane) !== tail) return
    this.#tails.delete(tail.lane)
    void this.#close(tail)
  }

  async #close({ path, lane, index }: Segment): Promise<void> {
    const { zk, acl } = this.#spec
    const mode = zk.supports('containers') ? 'container' : 'persistent'
    const next = this.#segment(lane, index + 1)
    try {
      const transaction = zk.transaction().set(path, 'closed', { version: 0 })
      await transaction.create(next.path, null, { mode, ...(acl && { acl }) }).commit()
    } catch (error) {
      // Somebody else closed it, or the next put that finds it full does.
      if (isUnknown(error) || isPassing(error) || hasCode(error, 'TRANSACTION_FAILED', 'CLOSED')) return
      if (hasCode(error, 'SESSION_EXPIRED')) return
      zk.logger.warn({ path, error }, 'could not close a full segment of a queue; it grows on')
    }
  }
}

export async function childrenIfAny(zk: Zk, path: string): ReturnType<Lister> {
  try {
    return await zk.children(path)
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}
