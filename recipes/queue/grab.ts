/**
 * Taking one item: it is claimed, or, where nothing honours claims or at most once was asked for, removed.
 *
 *   claim:  read; then in one transaction the item written anew with one more attempt counted, and our claim made
 *   remove: read; then in one transaction the item deleted, and our claim made, which proves after a lost reply that
 *           it was we who deleted it; it is deleted in the background afterwards
 *
 * Both are bound to the item's version, so of several consumers one gets it. What can't be decoded is claimed or removed
 * just so, and becomes a dead letter.
 */
import { BadVersionError, hasCode, NoNodeError, TransactionError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { NodeData, Session, Zk } from '../../src/api/zk.js'
import { Janitor } from '../kernel/janitor.js'
import { Claim, claimToken, type ClaimSpec } from './claim.js'
import type { ItemCodec } from '../kernel/codec.js'
import type { Candidate, Layout, Stored } from './layout.js'
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

export async function grab<T>(
  spec: GrabSpec<T>,
  session: Session,
  { path, name, id }: Candidate,
  { commits, reading }: Grip,
): Promise<Claim<T> | Miss> {
  const { zk, layout } = spec
  let node: NodeData
  try {
    node = await reading
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return 'beaten'
    throw error
  }
  const content = decode(spec, node.data)
  const removes = spec.delivery === 'at-most-once' && content.error === undefined
  const token = zk.runtime.random.uuid()
  const stored = counted(content.stored)
  const rewrite = layout.keepsNotes && content.stored.payloads.length > 0 && !removes
  const claimPath = joinPath(layout.claims, name)
  const itemStep: Step = removes
    ? { add: (transaction) => transaction.delete(path, { version: node.stat.version }) }
    : rewrite
      ? { add: (transaction) => transaction.set(path, layout.pack(stored), { version: node.stat.version }) }
      : { add: (transaction) => transaction.check(path, { version: node.stat.version }) }
  const claimStep = makeClaim(spec, claimPath, token)
  try {
    const removal = removes ? layout.removalSteps(stored.notes) : []
    const commit = await commits.commit(session, {
      bytes: node.data.length + CLAIM_BYTES,
      isLost: async (limits) => (await zk.exists(claimPath, limits)) !== undefined,
      steps: async () => Promise.resolve([itemStep, claimStep, ...removal]),
      wasApplied: async (limits) => (await claimToken(zk, claimPath, limits)) === token,
    })
    if (commit.how === 'over') return 'session-over'
  } catch (error) {
    if (isTaken(error)) return 'beaten'
    throw error
  }
  if (removes) void Janitor.of(zk).remove(claimPath, session)
  const claim = new Claim<T>({
    ...spec,
    session,
    path,
    claimPath,
    token,
    stored,
    items: content.items,
    id: content.stored.notes.k ?? id ?? name,
    name: layout.keepsNotes ? (id ?? name) : name,
    version: node.stat.version + (rewrite ? 1 : 0),
    removed: removes,
  })
  if (content.error === undefined) return claim
  await bury(spec, claim, content.error)
  return 'buried'
}

async function bury<T>(spec: GrabSpec<T>, claim: Claim<T>, error: Error): Promise<void> {
  spec.zk.logger.error(
    { path: claim.path, error },
    'an item that can not be decoded: moved to the dead letters',
  )
  await claim.settle(0, { how: 'dead', error: `undecodable: ${error.message}` })
}

function makeClaim(
  { layout, consumer }: Pick<GrabSpec<unknown>, 'layout' | 'consumer'>,
  path: string,
  token: string,
): Step {
  const data = JSON.stringify({ token, by: consumer })
  return {
    add: (transaction) => transaction.create(path, data, { mode: 'ephemeral' }),
    mend: async (failure) => {
      if (!hasCode(failure, 'NO_NODE')) return false
      await layout.ensure(layout.claims)
      return true
    },
  }
}

/** Somebody else was faster. */
function isTaken(error: unknown): boolean {
  if (!(error instanceof TransactionError)) return false
  const { failure } = error
  return (
    failure instanceof NoNodeError || failure instanceof BadVersionError || hasCode(failure, 'NODE_EXISTS')
  )
}

interface Content<T> {
  readonly stored: Stored
  readonly items: readonly T[]
  readonly error?: Error
}

function decode<T>({ layout, codec }: GrabSpec<T>, data: Buffer): Content<T> {
  let stored: Stored | undefined
  try {
    stored = layout.unpack(data)
    return { stored, items: stored.payloads.map((payload) => codec.decode(payload)) }
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    // Of what is no item of ours all bytes are kept.
    return { stored: stored ?? { notes: {}, payloads: [data] }, items: [], error }
  }
}

function counted({ notes, payloads }: Stored): Stored {
  return { notes: { ...notes, n: (notes.n ?? 0) + 1 }, payloads }
}
