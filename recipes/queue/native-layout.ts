/**
 * Our own layout, made so that tens of thousands of items work and that consumers stay out of each other's way.
 *
 *   path/ready/<priority>.<n>/<token>-<sequence>          items, in segments (shelf.ts); names: item-name.ts; data: envelope.ts
 *   path/ready/<priority>.<n>/<token>x<count>-<sequence>  a pack: items that were put together; its only child, while
 *                                                         several of it are in somebody's hands, is an ephemeral to guard with
 *   path/delayed/<time slot>.<n>/<due>-<token>-<sequence> items that are not due yet, in slots of 16 s
 *   path/claims/<name of the item or pack>                ephemeral, a consumer's; data: claim-note.ts
 *   path/puts/<uuid>                                      ephemeral, a producer's mark of its last transaction
 *   path/waiting/…                                        idle consumers in line (work-watch.ts)
 *   path/ids/<id>                                         of a queue of ids: where the item is
 *   path/dead/…                                           dead letters, a queue of the same layout
 *
 * All parents are containers: what is empty goes by itself. A claim writes the item anew with one more attempt
 * counted, so the znode's version belongs to that claim alone, and a consumer that crashes is counted too.
 *
 * Small items that are put at the same time are one znode, a pack: one create, one claim and one removal for all of them. Who
 * claims a pack and wants fewer puts the others by themselves, in the same transaction; and so goes back what is given
 * back while others of the pack are still at work.
 */
import { hasCode, ZkError } from '../../src/api/errors.js'
import type { Acl } from '../../src/api/acl.js'
import { joinPath, nameOf, parentOf } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { encodeName } from '../kernel/check.js'
import { packEnvelope, unpackEnvelope } from './envelope.js'
import {
  apartName,
  apartPrefix,
  compareItems,
  countOf,
  packedToken,
  packPrefix,
  tokenOf,
} from './item-name.js'
import type { Candidate, Entry, Layout, Lister, Placement, Sight } from './layout.js'
import { packsOf, type Pack } from './packs.js'
import { childrenIfAny, Shelf, type OpenSegment, type Segment } from './shelf.js'
import { deletionOf, type Step } from './step.js'
import { part, type Notes, type Stored } from './stored.js'

export interface NativeSpec {
  readonly zk: Zk
  readonly path: string
  readonly acl: readonly Acl[] | undefined
  readonly segmentItems: number
  /** How many items may be put into one znode. */
  readonly packItems: number
}

/** Where an entry went that was put into a pack. */
interface Whereabouts {
  readonly number: number
  /** Of the pack's name, and of its own once it is by itself. */
  readonly prefixes: readonly [pack: string, apart: string]
}

/** The latest time that an item can be due, in milliseconds since the epoch: twelve hex digits, the year 10889. */
export const LATEST_DUE = 0xffff_ffff_ffff

const SLOT_MS = 16_384
/** Packs, by a count. */
const READ_AT_ONCE = 256
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
  readonly #whereabouts = new WeakMap<Entry, Whereabouts>()

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
      names.sort(compareItems)
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
    due.sort((a, b) => dueOf(a.name) - dueOf(b.name) || compareItems(a.name, b.name))
    return { candidates: due.map(({ name, segment }) => candidate(segment, name)), dueAt }
  }

  unpack(data: Buffer): Stored {
    return unpackEnvelope(data)
  }

  pack(stored: Stored): Buffer {
    return packEnvelope(stored)
  }

  tokenOf(name: string, { numbers }: Stored, index: number): string {
    const number = numbers?.[index]
    return number === undefined ? tokenOf(name) : packedToken(name, number)
  }

  readonly apart: Layout['apart'] = (path, number, notes, payload) => {
    const name = apartName(nameOf(path), number)
    const own = joinPath(parentOf(path), name)
    const data = packEnvelope({ notes, payloads: [payload] })
    const { acl } = this.#spec
    const step: Step = { add: (transaction) => transaction.create(own, data, { ...(acl && { acl }) }) }
    return { step, candidate: { path: own, name, count: 1 } }
  }

  async putSteps(entries: readonly Entry[]): Promise<Step[]> {
    const steps: Step[] = []
    const checked = new Set<string>()
    for (const pack of packsOf(entries, this.#spec.packItems)) {
      const [first] = pack
      const { path, check, made } = await this.#tailFor(first.place)
      if (!checked.has(path)) steps.push(check)
      checked.add(path)
      steps.push(this.#createStep(pack, path, made))
      if (first.place.id !== undefined) steps.push(this.#indexStep(first, first.place.id, path))
    }
    return steps
  }

  #createStep(pack: Pack, segment: string, made: OpenSegment['made']): Step {
    const [first] = pack
    const isOne = pack.length === 1
    const prefix = isOne ? prefixOf(first) : packPrefix(first.token, pack.length)
    for (const [number, entry] of pack.entries())
      if (isOne) this.#whereabouts.delete(entry)
      else this.#whereabouts.set(entry, { number, prefixes: [prefix, apartPrefix(first.token, number)] })
    const numbers = isOne ? undefined : pack.map((_, number) => number)
    const payloads = pack.map(({ payload }) => Buffer.from(payload))
    const data = packEnvelope({ notes: first.notes, payloads, numbers })
    const { acl } = this.#spec
    const mode = 'persistentSequential'
    return {
      add: (transaction) =>
        transaction.create(joinPath(segment, prefix), data, { mode, ...(acl && { acl }) }),
      made,
    }
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
    // Without its entry the item could never be got rid of, and would come back for ever.
    return k === undefined ? [] : [deletionOf(this.idPath(k), this.own)]
  }

  async isPut(entry: Entry): Promise<boolean> {
    return (await this.#find(entry)) !== undefined
  }

  /** The znode that it was put into, or, of a pack that was taken apart, its own. */
  async #find(entry: Entry): Promise<string | undefined> {
    const list: Lister = async (path) => childrenIfAny(this.#spec.zk, path)
    const prefixes = this.#whereabouts.get(entry)?.prefixes ?? [prefixOf(entry)]
    for (const parent of (await this.#parents(list)).toReversed()) {
      const names = (await list(parent))?.children
      const name = names?.find((each) => prefixes.some((start) => each.startsWith(start)))
      if (name !== undefined) return joinPath(parent, name)
    }
    return undefined
  }

  async takeBack(entry: Entry): Promise<Step[] | undefined> {
    const path = await this.#find(entry)
    if (path === undefined) return undefined
    const packed = this.#whereabouts.get(entry)
    if (packed === undefined || !nameOf(path).startsWith(packed.prefixes[0]))
      return [
        { add: (transaction) => transaction.delete(path, { version: 0 }) },
        ...this.removalSteps(entry.notes),
      ]
    const { data, stat } = await this.#spec.zk.get(path)
    const stored = unpackEnvelope(data)
    const { notes, numbers = [] } = stored
    const { number } = packed
    // Claimed once, and so perhaps in somebody's hands; or taken back already.
    if (notes.n !== undefined || !numbers.includes(number)) return undefined
    const { version } = stat
    if (numbers.length === 1) return [{ add: (transaction) => transaction.delete(path, { version }) }]
    const others = new Set([...numbers.keys()].filter((index) => numbers[index] !== number))
    const left = packEnvelope({ notes, ...part(stored, others) })
    return [{ add: (transaction) => transaction.set(path, left, { version }) }]
  }

  async count(list: Lister = async (path) => childrenIfAny(this.#spec.zk, path)): Promise<number> {
    const packs: string[] = []
    const tally = await this.#tally(list, (path) => packs.push(path))
    let gone = 0
    for (let at = 0; at < packs.length; at += READ_AT_ONCE) {
      const missing = packs.slice(at, at + READ_AT_ONCE).map(async (path) => this.#missing(path))
      for (const count of await Promise.all(missing)) gone += count
    }
    return tally - gone
  }

  async tally(list: Lister): Promise<number> {
    return this.#tally(list)
  }

  /** @param pack - told the path of each pack. */
  async #tally(list: Lister, pack: (path: string) => void = () => undefined): Promise<number> {
    const parents = await this.#parents(list)
    const lists = await Promise.all(parents.map(async (path) => list(path)))
    let sum = 0
    for (const [index, found] of lists.entries())
      for (const name of found?.children ?? []) {
        const count = countOf(name)
        sum += count
        if (count > 1) pack(joinPath(parents[index] ?? '', name))
      }
    return sum
  }

  /** How many of a pack have gone since it was put. */
  async #missing(path: string): Promise<number> {
    const { zk } = this.#spec
    const count = countOf(nameOf(path))
    const stat = await zk.exists(path)
    if (stat?.version === 0) return 0
    try {
      return count - unpackEnvelope((await zk.get(path)).data).payloads.length
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return count
      if (error instanceof ZkError) throw error
      return count - 1 // No pack: whoever takes it makes one dead letter of it.
    }
  }

  async #parents(list: Lister): Promise<readonly string[]> {
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
  return { path: joinPath(segment.path, name), name, count: countOf(name) }
}
