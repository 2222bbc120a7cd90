/**
 * Our own layout, made so that tens of thousands of items work and that consumers stay out of each other's way.
 *
 *   path/ready/<priority>.<n>/<token>-<sequence>          items, in segments (shelf.ts); data: envelope.ts
 *   path/delayed/<time slot>.<n>/<due>-<token>-<sequence> items that are not due yet, in slots of 16 s
 *   path/claims/<item's name>                             ephemeral, a consumer's; data: JSON, its token and progress
 *   path/puts/<uuid>                                      ephemeral, a producer's mark of its last transaction
 *   path/waiting/…                                        idle consumers in line (work-watch.ts)
 *   path/ids/<id>                                         of a queue of ids: where the item is
 *   path/dead/…                                           dead letters, a queue of the same layout
 *
 * All parents are containers: what is empty goes by itself. A claim writes the item anew with one more attempt
 * counted, so the znode's version belongs to that claim alone, and a consumer that crashes is counted too.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Acl } from '../../src/api/acl.js'
import { joinPath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { encodeName } from '../kernel/check.js'
import { packEnvelope, unpackEnvelope, type Notes } from './envelope.js'
import type { Candidate, Entry, Layout, Lister, Placement, Sight, Stored } from './layout.js'
import { childrenIfAny, itemSequence, Shelf, type OpenSegment, type Segment } from './shelf.js'
import type { Step } from './step.js'

export interface NativeSpec {
  readonly zk: Zk
  readonly path: string
  readonly acl: readonly Acl[] | undefined
  readonly segmentItems: number
}

/** The latest time that an item can be due, in milliseconds since the epoch: twelve hex digits, the year 10889. */
export const LATEST_DUE = 0xffff_ffff_ffff

const SLOT_MS = 16_384
const PRIORITY_OFFSET = 0x8000_0000

function laneOfPriority(priority: number): string {
  return (priority + PRIORITY_OFFSET).toString(16).padStart(8, '0')
}

function hexTime(ms: number): string {
  return Math.max(0, Math.ceil(ms)).toString(16).padStart(12, '0')
}

function dueOf(name: string): number {
  return Number.parseInt(name.slice(0, 12), 16)
}

/** Ids as znode names: what ZooKeeper does not allow, and `%`, as in URLs. */
function idName(id: string): string {
  return encodeName('id', id).replaceAll('.', '%2E')
}

export class NativeLayout implements Layout {
  readonly own: string
  readonly claims: string
  readonly keepsNotes = true
  readonly isClaimable = true
  readonly #spec: NativeSpec
  readonly #ready: Shelf
  readonly #delayed: Shelf

  constructor(spec: NativeSpec) {
    this.#spec = spec
    this.own = spec.path
    this.claims = joinPath(spec.path, 'claims')
    this.#ready = new Shelf({ ...spec, path: joinPath(spec.path, 'ready') })
    this.#delayed = new Shelf({ ...spec, path: joinPath(spec.path, 'delayed') })
  }

  async look(list: Lister, want: number): Promise<Sight> {
    const [claims, delayed, ready] = await Promise.all([
      list(this.claims, true),
      this.#delayed.segments(list),
      this.#ready.segments(list),
    ])
    const claimed = new Set(claims?.children)
    const { candidates, dueAt } = await this.#due(delayed, claimed, list)
    for (const segment of ready) {
      if (candidates.length >= want) break
      const names = await this.#ready.items(segment, list)
      names.sort((a, b) => itemSequence(a) - itemSequence(b))
      for (const name of names) if (!claimed.has(name)) candidates.push(candidate(segment, name))
    }
    return { candidates, dueAt }
  }

  /** What is due of the delayed ones, the longest overdue first, and when the next will be. */
  async #due(
    segments: readonly Segment[],
    claimed: ReadonlySet<string>,
    list: Lister,
  ): Promise<{ candidates: Candidate[]; dueAt: number | undefined }> {
    const now = this.#spec.zk.runtime.clock.wall()
    const due: { readonly name: string; readonly segment: Segment }[] = []
    let dueAt: number | undefined
    const later = (at: number): void => void (dueAt = Math.min(dueAt ?? at, at))
    for (const segment of segments) {
      const start = Number.parseInt(segment.lane, 16) * SLOT_MS
      if (start > now) {
        later(start)
        break
      }
      for (const name of await this.#delayed.items(segment, list)) {
        if (dueOf(name) > now) later(dueOf(name))
        else if (!claimed.has(name)) due.push({ name, segment })
      }
    }
    due.sort((a, b) => dueOf(a.name) - dueOf(b.name) || itemSequence(a.name) - itemSequence(b.name))
    return { candidates: due.map(({ name, segment }) => candidate(segment, name)), dueAt }
  }

  unpack(data: Buffer): Stored {
    const { notes, payload } = unpackEnvelope(data)
    return { notes, payloads: [payload] }
  }

  pack({ notes, payloads }: Stored): Buffer {
    return packEnvelope(notes, payloads[0] ?? Buffer.alloc(0))
  }

  async putSteps(entries: readonly Entry[]): Promise<Step[]> {
    const steps: Step[] = []
    const checked = new Set<string>()
    for (const entry of entries) {
      const { path, check, made } = await this.#tailFor(entry.place)
      if (!checked.has(path)) steps.push(check)
      checked.add(path)
      const data = packEnvelope(entry.notes, entry.payload)
      const { acl } = this.#spec
      const mode = 'persistentSequential'
      steps.push({
        add: (transaction) =>
          transaction.create(joinPath(path, prefixOf(entry)), data, { mode, ...(acl && { acl }) }),
        made,
      })
      if (entry.place.id !== undefined) steps.push(this.#indexStep(entry, entry.place.id, path))
    }
    return steps
  }

  async #tailFor({ priority = 0, dueAt }: Placement): Promise<OpenSegment> {
    if (dueAt === undefined) return this.#ready.open(laneOfPriority(priority))
    return this.#delayed.open(
      Math.floor(Math.max(0, dueAt) / SLOT_MS)
        .toString(16)
        .padStart(12, '0'),
    )
  }

  #indexStep(entry: Entry, id: string, segment: string): Step {
    const index = this.idPath(id)
    const data = joinPath(segment, prefixOf(entry))
    const { acl } = this.#spec
    if (entry.moves === true) return { add: (transaction) => transaction.set(index, data) }
    return {
      add: (transaction) => transaction.create(index, data, { ...(acl && { acl }) }),
      mend: async (failure) => {
        if (!hasCode(failure, 'NO_NODE')) return false
        await this.ensure(joinPath(this.own, 'ids'))
        return true
      },
    }
  }

  /** Of the znode that says where the item of this id is. */
  idPath(id: string): string {
    return joinPath(joinPath(this.own, 'ids'), idName(id))
  }

  removalSteps({ k }: Notes): Step[] {
    return k === undefined ? [] : [{ add: (transaction) => transaction.delete(this.idPath(k)) }]
  }

  async find(entry: Entry): Promise<string | undefined> {
    const list: Lister = async (path) => childrenIfAny(this.#spec.zk, path)
    const prefix = prefixOf(entry)
    for (const parent of (await this.parents(list)).toReversed()) {
      const name = (await list(parent))?.children.find((each) => each.startsWith(prefix))
      if (name !== undefined) return joinPath(parent, name)
    }
    return undefined
  }

  /** One request a segment, all at once. */
  async count(): Promise<number> {
    const { zk } = this.#spec
    const parents = await this.parents(async (path) => childrenIfAny(zk, path))
    const stats = await Promise.all(parents.map(async (path) => zk.exists(path)))
    return stats.reduce((sum, stat) => sum + (stat?.numChildren ?? 0), 0)
  }

  async parents(list: Lister): Promise<readonly string[]> {
    const shelves = await Promise.all([this.#delayed.segments(list), this.#ready.segments(list)])
    return shelves.flat().map(({ path }) => path)
  }

  async ensure(path: string): Promise<void> {
    const { zk, acl } = this.#spec
    const mode = zk.supports('containers') ? 'container' : 'persistent'
    await zk.ensurePath(path, { mode, ...(acl && { acl }) })
  }
}

function prefixOf({ place, token }: Entry): string {
  return place.dueAt === undefined ? `${token}-` : `${hexTime(place.dueAt)}-${token}-`
}

function candidate(segment: Segment, name: string): Candidate {
  return { path: joinPath(segment.path, name), name, id: tokenOf(name) }
}

/** What an item is called by all its life, wherever it moves: without when it is due and its place in the segment. */
export function tokenOf(name: string): string {
  return /(?:^|-)([^-]*)-\d{10}$/.exec(name)?.[1] ?? name
}
