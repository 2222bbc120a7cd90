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
import { claimToken } from './settlement.js'
import type { ItemCodec } from '../kernel/codec.js'
import { packClaimNote, type ClaimNote } from './claim-note.js'
import type { Candidate, Layout } from './layout.js'
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
  const { zk, layout } = spec
  const found = await look(zk, candidate.path, session, reading)
  if (found === undefined) return 'beaten'
  const { node, children } = found
  const { stored, items, errors } = decode(spec, node.data)
  const token = zk.runtime.random.uuid()
  const { taken, apart } = share(spec, candidate, stored, want)
  const count = taken.payloads.length
  const broken = [...errors].filter(([index]) => index < Math.max(1, count))
  const removes = spec.delivery === 'at-most-once'
  const rewrites = layout.keepsNotes && count > 0 && !removes
  const claimPath = joinPath(layout.claims, candidate.name)
  const guardPath =
    taken.numbers !== undefined && count > 1 && !removes ? joinPath(candidate.path, token) : undefined
  const { version } = node.stat
  const tokens = taken.payloads.map((_, index) => layout.tokenOf(candidate.name, taken, index))
  const claims: Step[] = [
    ...children.map((child) => removal(joinPath(candidate.path, child))),
    removes
      ? removal(candidate.path, version)
      : rewrites
        ? { add: (transaction) => transaction.set(candidate.path, layout.pack(taken), { version }) }
        : { add: (transaction) => transaction.check(candidate.path, { version }) },
    ...(guardPath === undefined ? [] : [ephemeral(guardPath)]),
    makeClaim(spec, claimPath, { token, by: spec.consumer, id: taken.notes.k, items: taken.numbers }),
  ]
  const buries = async (): Promise<Step[]> => {
    const payloadOf = (index: number): Buffer => taken.payloads[index] ?? Buffer.alloc(0)
    const graves = broken.map(async ([index, error]) =>
      spec.deadSteps({ ...taken.notes, e: undecodable(error) }, payloadOf(index), tokens[index] ?? token),
    )
    return [...layout.removalSteps(taken.notes), ...(await Promise.all(graves)).flat()]
  }
  try {
    const commit = await commits.commit(session, {
      bytes: node.data.length + CLAIM_BYTES * (1 + apart.length),
      isLost: async (limits) => (await zk.exists(claimPath, limits)) !== undefined,
      steps: async () => [...claims, ...apart, ...(removes ? await buries() : [])],
      wasApplied: async (limits) => (await claimToken(zk, claimPath, limits)) === token,
    })
    if (commit.how === 'over') return 'session-over'
  } catch (error) {
    if (isTaken(error, claims.length)) return 'beaten'
    throw error
  }
  if (removes) void Janitor.of(zk).remove(claimPath, session)
  const claim = new Claim<T>({
    ...spec,
    session,
    path: candidate.path,
    claimPath,
    guardPath,
    token,
    stored: taken,
    items: items.slice(0, count),
    ids: tokens.map((own) => taken.notes.k ?? candidate.id ?? own),
    tokens,
    version: version + (rewrites ? 1 : 0),
    removed: removes,
    buried: removes ? broken.map(([index]) => index) : [],
  })
  for (const [index, error] of broken) await bury(spec, claim, index, error)
  return broken.length > 0 && broken.length >= count ? 'buried' : claim
}

/** What is there, and of a pack its children: whoever claimed it before, and lost that, may have left something to guard with. */
async function look(
  zk: Zk,
  path: string,
  { generation }: Session,
  reading: Promise<NodeData>,
): Promise<{ node: NodeData; children: readonly string[] } | undefined> {
  try {
    const node = await reading
    if (node.stat.numChildren === 0) return { node, children: [] }
    return { node, children: (await zk.children(path, { generation })).children }
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}

/** Those that are taken, with one more attempt counted, and the steps that put the others by themselves. */
function share(
  { layout }: GrabSpec<unknown>,
  { path }: Candidate,
  { notes, payloads, numbers }: Stored,
  want: number,
): { taken: Stored; apart: Step[] } {
  const counted = { ...notes, n: (notes.n ?? 0) + 1 }
  if (numbers === undefined || layout.apart === undefined)
    return { taken: { notes: counted, payloads }, apart: [] }
  const { apart } = layout
  const others = payloads
    .slice(want)
    .map((payload, index) => apart(path, numbers[want + index] ?? 0, notes, payload))
  return {
    taken: { notes: counted, payloads: payloads.slice(0, want), numbers: numbers.slice(0, want) },
    apart: others,
  }
}

async function bury<T>({ zk }: GrabSpec<T>, claim: Claim<T>, index: number, error: Error): Promise<void> {
  const what = 'an item that can not be decoded: moved to the dead letters'
  zk.logger.error({ path: claim.path, error }, what)
  await claim.settle(index, { how: 'dead', error: undecodable(error) })
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

function makeClaim({ layout }: Pick<GrabSpec<unknown>, 'layout'>, path: string, note: ClaimNote): Step {
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
