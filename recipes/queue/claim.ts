/**
 * A claim on one znode of a queue: an ephemeral of ours, beside the item that stays until it is settled.
 *
 * Whatever becomes of the item is one transaction that removes or rewrites it (bound to its version) and deletes the
 * claim; so the claim can't outlive a settled item, and nobody settles an item that is another's by now. If the session
 * ends, the claim goes with it and the item is free again.
 *
 * Curator may store several items in one znode. Then each is settled by itself: the znode is rewritten with those
 * left, and removed with the last.
 */
import { hasCode, LockLostError, TransactionError } from '../../src/api/errors.js'
import type { Session, Transaction, Zk } from '../../src/api/zk.js'
import { onAbort, quietController } from '../../src/runtime/abort.js'
import { DeletionWatch } from '../kernel/deletion-watch.js'
import { isPassing, lossOf } from '../kernel/failure.js'
import type { DeadSteps } from './dead-letters.js'
import type { JointCommits } from './joint-commits.js'
import type { Layout, Placement, Stored } from './layout.js'
import { commitSteps, type Commit, type Step } from './step.js'

export interface ClaimSpec<T> {
  readonly zk: Zk
  readonly session: Session
  readonly layout: Layout
  readonly path: string
  readonly claimPath: string
  readonly token: string
  readonly stored: Stored
  readonly items: readonly T[]
  readonly id: string
  /** Its token, or in other libraries' formats the name of its znode. */
  readonly name: string
  /** Of the item's znode, now. */
  readonly version: number
  /** It was removed when it was taken: nothing is left to settle. */
  readonly removed: boolean
  readonly deadSteps: DeadSteps
  readonly acks: JointCommits
  /** Puts a removed item into the queue again. */
  readonly putBack: (payload: Uint8Array, place: Placement, stored: Stored) => Promise<void>
}

export type Settlement =
  | { readonly how: 'ack'; readonly effects?: ((transaction: Transaction) => unknown) | undefined }
  | { readonly how: 'return'; readonly error?: string | undefined; readonly uncounted?: boolean }
  | { readonly how: 'delay'; readonly dueAt: number; readonly error?: string | undefined }
  | { readonly how: 'dead'; readonly error: string }

/** What an acknowledgement takes in a request besides the items that it leaves, with a wide margin. */
const ACK_BYTES = 1_024

export class Claim<T> {
  readonly #spec: ClaimSpec<T>
  #version: number
  /** Indexes of items that are still in the znode. */
  readonly #stored: Set<number>
  /** Indexes of items that somebody here is still at work on. */
  readonly #atWork: Set<number>
  #settling: Promise<unknown> = Promise.resolve()
  #ended = false
  #controller: AbortController | undefined
  #stopListening: () => void = () => undefined

  constructor(spec: ClaimSpec<T>) {
    this.#spec = spec
    this.#version = spec.version
    const count = Math.max(1, spec.items.length)
    this.#stored = new Set(Array.from({ length: count }, (_, index) => index))
    this.#atWork = new Set(this.#stored)
  }

  get path(): string {
    return this.#spec.path
  }

  get id(): string {
    return this.#spec.id
  }

  get items(): readonly T[] {
    return this.#spec.items
  }

  get attempt(): number {
    return this.#spec.stored.notes.n ?? 1
  }

  get lastError(): string | undefined {
    return this.#spec.stored.notes.e
  }

  get keepsNotes(): boolean {
    return this.#spec.layout.keepsNotes
  }

  /** False if the session is known to be over. What was removed stays ours. */
  get isHeld(): boolean {
    const { session, removed } = this.#spec
    return removed || !session.signal.aborted
  }

  /** Aborts when the claim is lost: the session is over or in doubt, or somebody deleted the claim. */
  get signal(): AbortSignal {
    this.#controller ??= this.#listen()
    return this.#controller.signal
  }

  #listen(): AbortController {
    const { zk, session, claimPath, removed } = this.#spec
    const controller = quietController()
    if (removed || this.#ended) return controller
    const unlisten = onAbort(session.signal, () => controller.abort(lossOf(session, claimPath)))
    if (session.signal.aborted) return controller
    let watch: DeletionWatch | undefined
    const look = (): void => {
      watch = new DeletionWatch(zk, claimPath, session, (end) => {
        if (this.#ended || session.signal.aborted) return
        if (end.how === 'gone') controller.abort(this.#lost())
        else if (isPassing(end.error)) look()
      })
    }
    look()
    this.#stopListening = () => {
      unlisten()
      watch?.stop()
    }
    return controller
  }

  #lost(): LockLostError {
    const { path } = this.#spec
    const message = `lost the claim on ${path}: somebody deleted it, or the item`
    return new LockLostError(message, 'node-deleted', { path })
  }

  /** A check that the item is still ours, for a transaction of the caller's. */
  guard(transaction: Transaction): unknown {
    const { layout, path, claimPath, removed } = this.#spec
    if (removed) throw new TypeError('an item that is delivered at most once has no claim to guard with')
    // With notes the version is of this claim alone; else the claim itself must do.
    return layout.keepsNotes
      ? transaction.check(path, { version: this.#version })
      : transaction.check(claimPath)
  }

  /** Written into the claim, for others to see. */
  async progress(value: unknown, consumer: string): Promise<void> {
    const { zk, session, claimPath, token, removed } = this.#spec
    if (removed) return
    const data = JSON.stringify({ token, by: consumer, progress: value })
    try {
      await zk.set(claimPath, data, { generation: session.generation })
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) throw this.#lost()
      throw error
    }
  }

  /** One after the other: each stands on the version that the one before left. */
  async settle(index: number, settlement: Settlement): Promise<void> {
    const settled = this.#settling.then(async () => this.#settle(index, settlement))
    this.#settling = settled.catch(() => undefined)
    return settled
  }

  async #settle(index: number, settlement: Settlement): Promise<void> {
    const { removed, stored, putBack } = this.#spec
    if (removed) {
      const payload = stored.payloads[index] ?? Buffer.alloc(0)
      if (settlement.how === 'dead' || settlement.how === 'ack') return
      const dueAt = settlement.how === 'delay' ? settlement.dueAt : undefined
      return putBack(payload, { dueAt, priority: stored.notes.p }, stored)
    }
    const isLast = this.#atWork.size === 1 && this.#atWork.has(index)
    if (settlement.how !== 'return' || isLast) await this.#commit(index, settlement, isLast)
    this.#atWork.delete(index)
    if (settlement.how !== 'return') this.#stored.delete(index)
    if (!isLast) return
    this.#ended = true
    this.#stopListening()
  }

  async #commit(index: number, settlement: Settlement, isLast: boolean): Promise<void> {
    const { zk, session, acks, stored } = this.#spec
    const left = [...this.#stored].filter((each) => settlement.how === 'return' || each !== index)
    const own = this.#ownSteps(left, settlement, isLast)
    const effects = settlement.how === 'ack' ? settlement.effects : undefined
    const moved = async (): Promise<readonly Step[]> => this.#moveSteps(index, settlement)
    const steps = async (): Promise<readonly Step[]> => {
      const all = [...own.steps, ...(await moved())]
      return effects === undefined ? all : [...all, { add: effects }]
    }
    const wasApplied = async (limits: { readonly generation: number }): Promise<boolean> =>
      own.wasApplied(limits)
    let commit: Commit
    if (isLast) this.#ended = true
    try {
      const bytes = stored.payloads.reduce((sum, { length }) => sum + length, ACK_BYTES)
      const isPlain = settlement.how === 'ack' && effects === undefined
      commit = await (isPlain
        ? acks.commit(session, { steps, wasApplied, bytes })
        : commitSteps(zk, session, { steps, wasApplied }))
    } catch (error) {
      this.#ended = false
      throw this.#refusal(error, own.steps.length)
    }
    if (commit.how === 'over') throw this.#over(commit.inDoubt)
    if (own.rewrites) this.#version++
  }

  /** What happens to the item and to the claim, and how to tell afterwards. */
  #ownSteps(
    left: readonly number[],
    settlement: Settlement,
    isLast: boolean,
  ): { steps: Step[]; rewrites: boolean; wasApplied: (limits: { generation: number }) => Promise<boolean> } {
    const { zk, layout, path, claimPath, token, stored } = this.#spec
    const version = this.#version
    const steps: Step[] = []
    const removes = left.length === 0
    const rewrites = !removes && (settlement.how !== 'return' || layout.keepsNotes)
    if (removes) steps.push({ add: (transaction) => transaction.delete(path, { version }) })
    else if (rewrites) {
      const payloads = left.map((index) => stored.payloads[index] ?? Buffer.alloc(0))
      const data = layout.pack({ notes: this.#notesAfter(settlement), payloads })
      steps.push({ add: (transaction) => transaction.set(path, data, { version }) })
    } else steps.push({ add: (transaction) => transaction.check(path, { version }) })
    steps.push({
      add: (transaction) => (isLast ? transaction.delete(claimPath) : transaction.check(claimPath)),
    })
    // An item that moves on keeps its entry among the ids.
    if (removes && settlement.how !== 'delay') steps.push(...layout.removalSteps(stored.notes))
    const wasApplied = async (limits: { generation: number }): Promise<boolean> => {
      const reading = claimToken(zk, claimPath, limits)
      reading.catch(() => undefined)
      const stat = await zk.exists(path, limits)
      const isOurs = (await reading) === token
      if (removes) return stat === undefined && !isOurs
      return rewrites ? stat?.version !== version : !isOurs
    }
    return { steps, rewrites, wasApplied }
  }

  #notesAfter(settlement: Settlement): Stored['notes'] {
    const { notes } = this.#spec.stored
    if (settlement.how === 'ack') return notes
    const isUncounted = settlement.how === 'return' && settlement.uncounted === true
    const error = settlement.error ?? notes.e
    return { ...notes, n: this.attempt - (isUncounted ? 1 : 0), ...(error === undefined ? {} : { e: error }) }
  }

  async #moveSteps(index: number, settlement: Settlement): Promise<readonly Step[]> {
    const { layout, stored, deadSteps, name } = this.#spec
    if (settlement.how !== 'delay' && settlement.how !== 'dead') return []
    const notes = this.#notesAfter(settlement)
    const payload = stored.payloads[index] ?? Buffer.alloc(0)
    if (settlement.how === 'dead') return deadSteps(notes, payload, name)
    const place = { dueAt: settlement.dueAt, id: notes.k, priority: notes.p }
    return layout.putSteps([{ place, notes, payload, token: name, moves: true }])
  }

  /** A refusal of one of our own steps says that the claim is lost; what the caller added is the caller's. */
  #refusal(error: unknown, ownSteps: number): unknown {
    if (!(error instanceof TransactionError)) return error
    const { failedIndex, failure, message } = error
    if (failedIndex >= ownSteps) return new TransactionError(message, failedIndex - ownSteps, failure)
    if (!hasCode(failure, 'NO_NODE', 'BAD_VERSION')) return failure
    const lost = this.#lost()
    this.#controller?.abort(lost)
    return lost
  }

  #over(inDoubt: boolean): LockLostError {
    const { session, claimPath } = this.#spec
    const { message, reason, path, cause } = lossOf(session, claimPath)
    if (!inDoubt) return new LockLostError(message, reason, { path, cause })
    const doubt = `${message}; whether it was settled before that is not known`
    return new LockLostError(doubt, reason, { path, cause, outcome: 'unknown' })
  }
}

/** Whose claim it is, in sync with the leader; undefined if there is none. */
export async function claimToken(
  zk: Zk,
  path: string,
  limits: { readonly generation: number },
): Promise<string | undefined> {
  const synced = zk.sync(path, limits)
  const reading = zk.get(path, limits)
  reading.catch(() => undefined) // Awaited below, but the sync may reject first.
  await synced
  try {
    return tokenIn((await reading).data)
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}

function tokenIn(data: Buffer): string {
  try {
    return String((JSON.parse(data.toString('utf8')) as { token?: unknown } | null)?.token)
  } catch {
    return '' // A peer's.
  }
}
