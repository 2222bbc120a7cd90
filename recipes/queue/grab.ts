/**
 * Taking an item, or as many of a pack as are wanted: they are claimed, or, where nothing honours claims or at most once was
 * asked for, removed.
 *
 *   claim:  read; then in one transaction the item written anew with one more attempt counted, and our claim made
 *   remove: read; then in one transaction the item deleted, and our claim made, which proves after a lost reply that
 *           it was we who deleted it; it is deleted in the background afterwards
 *
 * Both are bound to the item's version, so of several consumers one gets it. What can't be decoded is claimed or removed
 * just so, and becomes a dead letter.
 *
 * Of a pack those that are not wanted are put by themselves in the same transaction, for others to take. If several are
 * taken, their version changes whenever some of them are settled, so it says nothing to guard with; that is what an ephemeral
 * child of the pack is for, of a name that no other claim has. It is made with the claim and goes with it, at the latest
 * when the next one claims the pack.
 */
import { BadVersionError, hasCode, NoNodeError, TransactionError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { NodeData, Session, Zk } from '../../src/api/zk.js'
import { Janitor } from '../kernel/janitor.js'
import { Claim, type ClaimSpec } from './claim.js'
import type { ItemCodec } from '../kernel/codec.js'
import { claimToken, packClaimNote, type ClaimNote } from './claim-note.js'
import type { Apart, Candidate, Layout } from './layout.js'
import type { Stored } from './stored.js'
import type { DeadSteps } from './dead-letters.js'
import type { JointCommits } from './joint-commits.js'
import type { Step } from './step.js'

export interface GrabSpec<T> {
  readonly zk: Zk
  readonly layout: Layout
  readonly codec: ItemCodec<T>
  /** Written into our claims, to show whose they are. */
  readonly consumer: string
  readonly delivery: 'at-least-once' | 'at-most-once'
  readonly deadSteps: DeadSteps
  readonly putBack: ClaimSpec<T>['putBack']
  /** Of claims that a rival may spoil. */
  readonly claims: JointCommits
  /** Of acknowledgements, and of claims while there are no rivals. */
  readonly acks: JointCommits
}

/** How this one is grabbed. */
export interface Grip {
  readonly commits: JointCommits
  /** What the item's znode holds. */
  readonly reading: Promise<NodeData>
}

/** What a claim takes in a request besides the item's own data, with a wide margin. */
const CLAIM_BYTES = 1_024

/** Why an item was not got: somebody else's or gone; no item, and a dead letter now; or our session is over. */
export type Miss = 'beaten' | 'buried' | 'session-over'

/** @param want - how many items of a pack, at least 1. */
export async function grab<T>(
  spec: GrabSpec<T>,
  session: Session,
  candidate: Candidate,
  want: number,
  { commits, reading }: Grip,
): Promise<Claim<T> | Miss> {
  const { zk } = spec
  const found = await look(zk, candidate.path, session, reading)
  if (found === undefined) return 'beaten'
  const content = decode(spec, found.node.data)
  const grasp = graspOf(spec, candidate, content, want)
  const claims = claimSteps(spec, candidate, grasp, found)
  const { claimPath, apart, token, removes, broken } = grasp
  try {
    const commit = await commits.commit(session, {
      bytes: found.node.data.length + CLAIM_BYTES * (1 + apart.length),
      isLost: async (limits) => (await zk.exists(claimPath, limits)) !== undefined,
      steps: async () => [
        ...claims,
        ...apart.map(({ step }) => step),
        ...(removes ? await removalSteps(spec, grasp) : []),
      ],
      wasApplied: async (limits) => (await claimToken(zk, claimPath, limits)) === token,
    })
    if (commit.how === 'over') return 'session-over'
  } catch (error) {
    if (isTaken(error, claims.length)) return 'beaten'
    throw error
  }
  if (removes) void Janitor.of(zk).remove(claimPath, session)
  const claim = claimOf(spec, session, candidate, content, grasp, found.node.stat.version)
  try {
    for (const [index, error] of broken) await bury(spec, claim, index, error)
  } catch (error) {
    if (hasCode(error, 'LOCK_LOST')) return 'beaten'
    await giveBackOthers(claim, new Set(broken.map(([index]) => index)))
    throw error
  }
  return broken.length > 0 && broken.length >= grasp.taken.payloads.length ? 'buried' : claim
}

interface Found {
  readonly node: NodeData
  readonly children: readonly string[]
}

/** What is there, and of a pack its children: whoever claimed it before, and lost that, may have left something to guard with. */
async function look(
  zk: Zk,
  path: string,
  { generation }: Session,
  reading: Promise<NodeData>,
): Promise<Found | undefined> {
  try {
    const node = await reading
    if (node.stat.numChildren === 0) return { node, children: [] }
    return { node, children: (await zk.children(path, { generation })).children }
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}

/** What is taken, and how. */
interface Grasp {
  readonly token: string
  readonly claimPath: string
  readonly guardPath: string | undefined
  /** With one more attempt counted. */
  readonly taken: Stored
  readonly tokens: readonly string[]
  /** The others, which are put by themselves. */
  readonly apart: readonly Apart[]
  /** Of those that are taken: what can't be decoded, by index. */
  readonly broken: readonly (readonly [number, Error])[]
  readonly removes: boolean
  readonly rewrites: boolean
}

function graspOf<T>(
  { zk, layout, delivery }: GrabSpec<T>,
  { path, name }: Candidate,
  { stored, errors }: Content<T>,
  want: number,
): Grasp {
  const { notes, payloads, numbers } = stored
  const { apart } = layout
  const count = numbers === undefined ? payloads.length : Math.min(want, payloads.length)
  const taken = {
    notes: { ...notes, n: (notes.n ?? 0) + 1 },
    payloads: payloads.slice(0, count),
    numbers: numbers?.slice(0, count),
  }
  const token = zk.runtime.random.uuid()
  const removes = delivery === 'at-most-once'
  const others = payloads
    .slice(count)
    .map((payload, index) => apart?.(path, numbers?.[count + index] ?? 0, notes, payload))
  return {
    token,
    claimPath: joinPath(layout.claims, name),
    guardPath: numbers !== undefined && count > 1 && !removes ? joinPath(path, token) : undefined,
    taken,
    tokens: taken.payloads.map((_, index) => layout.tokenOf(name, taken, index)),
    apart: others.filter((each) => each !== undefined),
    broken: [...errors].filter(([index]) => index < Math.max(1, count)),
    removes,
    rewrites: layout.keepsNotes && count > 0 && !removes,
  }
}

/** Each is refused only if somebody else was faster. */
function claimSteps(
  { layout, consumer }: GrabSpec<unknown>,
  { path }: Candidate,
  { taken, token, claimPath, guardPath, removes, rewrites }: Grasp,
  { node, children }: Found,
): Step[] {
  const { version } = node.stat
  const itemStep: Step = removes
    ? removal(path, version)
    : rewrites
      ? { add: (transaction) => transaction.set(path, layout.pack(taken), { version }) }
      : { add: (transaction) => transaction.check(path, { version }) }
  const note = { token, by: consumer, id: taken.notes.k, items: taken.numbers }
  return [
    ...children.map((child) => removal(joinPath(path, child))),
    itemStep,
    ...(guardPath === undefined ? [] : [ephemeral(guardPath)]),
    makeClaim(layout, claimPath, note),
  ]
}

/** What goes with items that are removed at once; those that can't be decoded become dead letters. */
async function removalSteps(
  { layout, deadSteps }: GrabSpec<unknown>,
  { taken, tokens, token, broken }: Grasp,
): Promise<Step[]> {
  const graves = broken.map(async ([index, error]) => {
    const notes = { ...taken.notes, e: undecodable(error) }
    return deadSteps(notes, taken.payloads[index] ?? Buffer.alloc(0), tokens[index] ?? token)
  })
  return [...layout.removalSteps(taken.notes), ...(await Promise.all(graves)).flat()]
}

function claimOf<T>(
  spec: GrabSpec<T>,
  session: Session,
  candidate: Candidate,
  { items }: Content<T>,
  { taken, tokens, broken, removes, rewrites, apart, ...grasp }: Grasp,
  version: number,
): Claim<T> {
  return new Claim<T>({
    ...spec,
    ...grasp,
    session,
    path: candidate.path,
    stored: taken,
    apart: apart.map(({ candidate: each }) => each),
    items: items.slice(0, taken.payloads.length),
    ids: tokens.map((own) => taken.notes.k ?? candidate.id ?? own),
    tokens,
    version: version + (rewrites ? 1 : 0),
    removed: removes,
    buried: removes ? broken.map(([index]) => index) : [],
  })
}

async function bury<T>({ zk }: GrabSpec<T>, claim: Claim<T>, index: number, error: Error): Promise<void> {
  const what = 'an item that can not be decoded: moved to the dead letters'
  zk.logger.error({ path: claim.path, error }, what)
  await claim.settle(index, { how: 'dead', error: undecodable(error) })
}

/** What can't be buried stays ours, so that it is not met with again and again; nothing else is kept from others for it. */
async function giveBackOthers<T>(claim: Claim<T>, broken: ReadonlySet<number>): Promise<void> {
  const others = [...claim.atWork].filter((index) => !broken.has(index))
  await Promise.allSettled(
    others.map(async (index) => claim.settle(index, { how: 'return', uncounted: true })),
  )
}

function undecodable({ message }: Error): string {
  return `undecodable: ${message}`
}

function removal(path: string, version?: number): Step {
  return { add: (transaction) => transaction.delete(path, version === undefined ? {} : { version }) }
}

function ephemeral(path: string): Step {
  return { add: (transaction) => transaction.create(path, null, { mode: 'ephemeral' }) }
}

function makeClaim(layout: Layout, path: string, note: ClaimNote): Step {
  return {
    add: (transaction) => transaction.create(path, packClaimNote(note), { mode: 'ephemeral' }),
    mend: async (failure) => {
      if (!hasCode(failure, 'NO_NODE')) return false
      await layout.ensure(layout.claims)
      return true
    },
  }
}

/** Somebody else was faster. @param steps - of the claim itself; what comes behind them has nothing to do with rivals. */
function isTaken(error: unknown, steps: number): boolean {
  if (!(error instanceof TransactionError) || error.failedIndex >= steps) return false
  const { failure } = error
  return (
    failure instanceof NoNodeError || failure instanceof BadVersionError || hasCode(failure, 'NODE_EXISTS')
  )
}

interface Content<T> {
  readonly stored: Stored
  /** By index; undefined for what can't be decoded. */
  readonly items: readonly (T | undefined)[]
  /** Why, by index. */
  readonly errors: ReadonlyMap<number, Error>
}

function decode<T>({ layout, codec }: GrabSpec<T>, data: Buffer): Content<T> {
  const errors = new Map<number, Error>()
  const attempt = <R>(index: number, read: () => R): R | undefined => {
    try {
      return read()
    } catch (cause) {
      errors.set(index, cause instanceof Error ? cause : new Error(String(cause)))
      return undefined
    }
  }
  // Of what is no item of ours all bytes are kept.
  const stored = attempt(0, () => layout.unpack(data)) ?? { notes: {}, payloads: [data] }
  const items =
    errors.size > 0
      ? [undefined]
      : stored.payloads.map((payload, index) => attempt(index, () => codec.decode(payload)))
  return { stored, items, errors }
}
