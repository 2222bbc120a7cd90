/**
 * What becomes of items of a claim, as the steps of one transaction: those that are done go, those that are given back stay
 * for others, and the claim goes with the last.
 */
import type { Session, Transaction, Zk } from '../../src/api/zk.js'
import { claimToken } from './claim-note.js'
import type { Layout } from './layout.js'
import { deletionOf, type Intent, type Step } from './step.js'
import { part, type Notes, type Stored } from './stored.js'

export type Settlement =
  | { readonly how: 'ack'; readonly effects?: ((transaction: Transaction) => unknown) | undefined }
  | { readonly how: 'return'; readonly error?: string | undefined; readonly uncounted?: boolean }
  | { readonly how: 'delay'; readonly dueAt: number; readonly error?: string | undefined }
  | { readonly how: 'dead'; readonly error: string }

/** Of one item, by its index among those that were claimed. */
export interface ItemSettlement {
  readonly index: number
  readonly settlement: Settlement
}

/** What is in our hands. */
export interface Holding {
  readonly zk: Zk
  readonly session: Session
  readonly layout: Layout
  readonly path: string
  readonly claimPath: string
  readonly guardPath: string | undefined
  readonly token: string
  readonly stored: Stored
  /** Of the znode. */
  readonly version: number
  /** Indexes of items that are still in the znode. */
  readonly inside: ReadonlySet<number>
  /** Indexes of items that somebody here is still at work on. */
  readonly atWork: ReadonlySet<number>
  /** The lowest number that was given back by itself before. */
  readonly firstApart: number
  /** Of somebody's settlement who has guarded: what the others guard with from now on. */
  readonly nextGuard: { readonly path: string; readonly used: () => void } | undefined
  /** What the claim says while those are at work. */
  readonly note: (atWork: readonly number[]) => string
}

export interface Plan {
  /** None: nothing changes on the server. */
  readonly steps: readonly Step[]
  readonly wasApplied: Intent['wasApplied']
  readonly inside: ReadonlySet<number>
  readonly atWork: ReadonlySet<number>
  readonly firstApart: number
  /** The znode is written, and its version is the next. */
  readonly rewrites: boolean
}

/** It can only be refused because the claim is lost, and goes nowhere else. */
export function isPlain(settlement: Settlement): boolean {
  return settlement.how === 'return' || (settlement.how === 'ack' && settlement.effects === undefined)
}

/** @param batch - one, or several that are plain. */
export function planOf(holding: Holding, batch: readonly ItemSettlement[]): Plan {
  const { layout, stored, path, claimPath, version } = holding
  const atWork = without(holding.atWork, batch)
  const isLast = atWork.size === 0
  const returned = batch
    .filter(({ settlement }) => settlement.how === 'return')
    .map(({ index, settlement }) => ({ index, notes: notesAfter(stored.notes, settlement) }))
  const numbers = returned.map(({ index }) => stored.numbers?.[index] ?? index)
  // What stays in the pack comes before all that is by itself.
  const mayStay = isLast && areAlike(returned) && Math.max(...numbers) < holding.firstApart
  const goesApart = stored.numbers !== undefined && !mayStay
  const apart = goesApart ? returned : []
  const firstApart = Math.min(holding.firstApart, ...(goesApart ? numbers : []))
  const gone = [...batch.filter(({ settlement }) => settlement.how !== 'return'), ...apart]
  const inside = without(holding.inside, gone)
  const removes = inside.size === 0
  const rewrites = !removes && (gone.length > 0 || (layout.keepsNotes && isLast))
  const after = {
    inside,
    atWork,
    firstApart,
    rewrites,
    wasApplied: wasAppliedBy(holding, { removes, rewrites }),
  }
  // Of a format without packs what is given back waits for the others in its znode.
  if (!isLast && gone.length === 0) return { ...after, steps: [] }
  const steps = guardSteps(holding, isLast)
  if (removes) steps.push({ add: (transaction) => transaction.delete(path, { version }) })
  else if (rewrites) {
    const notes = (isLast && !goesApart ? returned[0]?.notes : undefined) ?? stored.notes
    const data = layout.pack({ notes, ...part(stored, inside) })
    steps.push({ add: (transaction) => transaction.set(path, data, { version }) })
  } else steps.push({ add: (transaction) => transaction.check(path, { version }) })
  steps.push(isLast ? { add: (transaction) => transaction.delete(claimPath) } : claimStep(holding, atWork))
  // An item that moves on keeps its entry among the ids.
  if (removes && batch.every(({ settlement }) => settlement.how !== 'delay'))
    steps.push(...layout.removalSteps(stored.notes))
  return { ...after, steps: [...steps, ...apartSteps(holding, apart)] }
}

/**
 * It goes with the claim; and with an item that was guarded, as the others would hold it up. If somebody has deleted it, nobody
 * guards with it any more, but the claim is ours all the same.
 */
function guardSteps({ guardPath, claimPath, nextGuard }: Holding, isLast: boolean): Step[] {
  if (guardPath === undefined) return []
  if (isLast) return [deletionOf(guardPath, claimPath)]
  if (nextGuard === undefined) return []
  const { path, used } = nextGuard
  const add: Step['add'] = (transaction) => {
    // What is guarded from now on is sent later.
    used()
    transaction.create(path, null, { mode: 'ephemeral' })
  }
  return [deletionOf(guardPath, claimPath), { add }]
}

function claimStep({ claimPath, stored, note }: Holding, atWork: ReadonlySet<number>): Step {
  if (stored.numbers === undefined) return { add: (transaction) => transaction.check(claimPath) }
  const data = note([...atWork])
  return { add: (transaction) => transaction.set(claimPath, data) }
}

function apartSteps(
  { layout, path, stored }: Holding,
  items: readonly { readonly index: number; readonly notes: Notes }[],
): Step[] {
  const { apart } = layout
  if (apart === undefined) return []
  return items.map(
    ({ index, notes }) =>
      apart(path, stored.numbers?.[index] ?? index, notes, stored.payloads[index] ?? Buffer.alloc(0)).step,
  )
}

/** What the item keeps of it. */
export function notesAfter(notes: Notes, settlement: Settlement): Notes {
  if (settlement.how === 'ack') return notes
  const isUncounted = settlement.how === 'return' && settlement.uncounted === true
  const error = settlement.error ?? notes.e
  return { ...notes, n: (notes.n ?? 1) - (isUncounted ? 1 : 0), ...(error === undefined ? {} : { e: error }) }
}

function wasAppliedBy(
  { zk, path, claimPath, token, version }: Holding,
  { removes, rewrites }: { readonly removes: boolean; readonly rewrites: boolean },
): Intent['wasApplied'] {
  return async (limits) => {
    const reading = claimToken(zk, claimPath, limits)
    reading.catch(() => undefined)
    const stat = await zk.exists(path, limits)
    const isOurs = (await reading) === token
    if (removes) return stat === undefined && !isOurs
    return rewrites ? stat?.version !== version : !isOurs
  }
}

function without(indexes: ReadonlySet<number>, items: readonly { readonly index: number }[]): Set<number> {
  const left = new Set(indexes)
  for (const { index } of items) left.delete(index)
  return left
}

function areAlike(items: readonly { readonly notes: Notes }[]): boolean {
  return new Set(items.map(({ notes }) => JSON.stringify(notes))).size <= 1
}
