/**
 * A claim on one znode of a queue: an ephemeral of ours, beside the item that stays until it is settled.
 *
 * Whatever becomes of the item is one transaction that removes or rewrites it (bound to its version) and deletes the
 * claim; so the claim can't outlive a settled item, and nobody settles an item that is another's by now. If the session
 * ends, the claim goes with it and the item is free again.
 *
 * A znode may hold several items: a pack of ours, or Curator's. Then each is settled by itself: the znode is rewritten with
 * those left, and removed with the last. What is settled in one turn, or while a settlement is under way, is settled together,
 * but for what may be refused by itself.
 */
import { hasCode, LockLostError, TransactionError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Session, Transaction, Zk } from '../../src/api/zk.js'
import { onAbort, quietController } from '../../src/runtime/abort.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { DeletionWatch } from '../kernel/deletion-watch.js'
import { isPassing, lossOf } from '../kernel/failure.js'
import { Janitor } from '../kernel/janitor.js'
import { claimToken, packClaimNote } from './claim-note.js'
import type { DeadSteps } from './dead-letters.js'
import type { JointCommits } from './joint-commits.js'
import type { Candidate, Layout, Placement } from './layout.js'
import {
  isPlain,
  notesAfter,
  planOf,
  type Holding,
  type ItemSettlement,
  type Plan,
  type Settlement,
} from './settlement.js'
import { commitSteps, type Commit, type Step } from './step.js'
import type { Stored } from './stored.js'

export interface ClaimSpec<T> {
  readonly zk: Zk
  readonly session: Session
  readonly layout: Layout
  /** As it calls itself in its claims. */
  readonly consumer: string
  readonly path: string
  readonly claimPath: string
  /** Of several items of a pack: what to guard with. */
  readonly guardPath: string | undefined
  readonly token: string
  /** What is in our hands. */
  readonly stored: Stored
  /** What was in the same pack, and is by itself now. */
  readonly apart: readonly Candidate[]
  /** By index; undefined for what can't be decoded. */
  readonly items: readonly (T | undefined)[]
  readonly ids: readonly string[]
  /** What each is stored under when it moves. */
  readonly tokens: readonly string[]
  /** Of the item's znode, now. */
  readonly version: number
  /** It was removed when it was taken: nothing is left to settle. */
  readonly removed: boolean
  /** Indexes of what became a dead letter when it was removed. */
  readonly buried: readonly number[]
  readonly deadSteps: DeadSteps
  readonly acks: JointCommits
  /** Puts a removed item into the queue again. */
  readonly putBack: (payload: Uint8Array, place: Placement, stored: Stored) => Promise<void>
}

interface Pending extends ItemSettlement {
  readonly done: Deferred<void>
}

/** What an acknowledgement takes in a request besides the items that it leaves, with a wide margin. */
const ACK_BYTES = 1_024

export class Claim<T> {
  readonly #spec: ClaimSpec<T>
  #version: number
  /** Indexes of items that are still in the znode. */
  #inside: ReadonlySet<number>
  /** Indexes of items that somebody here is still at work on. */
  #atWork: ReadonlySet<number>
  readonly #pending: Pending[] = []
  #settling = false
  /** The lowest number of a pack that was given back by itself. */
  #firstApart = Infinity
  #guardPath: string | undefined
  /** Indexes of items that somebody has guarded with it. */
  readonly #guarded = new Set<number>()
  readonly #progress = new Map<number, unknown>()
  #ended = false
  /** Somebody deleted it, or the item. */
  #isLost = false
  #controller: AbortController | undefined
  #stopListening: () => void = () => undefined

  constructor(spec: ClaimSpec<T>) {
    this.#spec = spec
    this.#version = spec.version
    this.#guardPath = spec.guardPath
    this.#inside = new Set(spec.items.length === 0 ? [0] : spec.items.keys())
    this.#atWork = new Set([...this.#inside].filter((index) => !spec.buried.includes(index)))
  }

  get path(): string {
    return this.#spec.path
  }

  /** Others of the pack, left by themselves when this was claimed. */
  get apart(): readonly Candidate[] {
    return this.#spec.apart
  }

  get session(): Session {
    return this.#spec.session
  }

  idOf(index: number): string {
    return this.#spec.ids[index] ?? ''
  }

  /** By index; undefined for what can't be decoded. */
  get items(): readonly (T | undefined)[] {
    return this.#spec.items
  }

  /** Indexes of items that are to be handed out. */
  get atWork(): ReadonlySet<number> {
    return this.#atWork
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

  /** False if it is known to be lost. What was removed stays ours. */
  get isHeld(): boolean {
    const { session, removed } = this.#spec
    return removed || !(session.signal.aborted || this.#isLost)
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
        if (end.how === 'gone') this.#lose()
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

  #lose(): LockLostError {
    const { path } = this.#spec
    const message = `lost the claim on ${path}: somebody deleted it, or the item`
    const lost = new LockLostError(message, 'node-deleted', { path })
    this.#isLost = true
    this.#controller?.abort(lost)
    return lost
  }

  /** A check that the item is still ours, for a transaction of the caller's. */
  guard(index: number, transaction: Transaction): unknown {
    const { layout, path, claimPath, removed } = this.#spec
    if (removed) throw new TypeError('an item that is delivered at most once has no claim to guard with')
    this.#guarded.add(index)
    if (this.#guardPath !== undefined) return transaction.check(this.#guardPath)
    // With notes the version is of this claim alone; else the claim itself must do.
    return layout.keepsNotes
      ? transaction.check(path, { version: this.#version })
      : transaction.check(claimPath)
  }

  /** Written into the claim, for others to see. */
  async progress(index: number, value: unknown): Promise<void> {
    const { zk, session, claimPath, removed } = this.#spec
    if (removed) return
    const before = this.#progress.get(index)
    this.#progress.set(index, value)
    try {
      await zk.set(claimPath, this.#note([...this.#atWork]), { generation: session.generation })
    } catch (error) {
      // The others of the pack, whose settlements write the claim too, are not to be refused for it.
      this.#progress.set(index, before)
      if (hasCode(error, 'NO_NODE')) throw this.#lose()
      throw error
    }
  }

  #note(atWork: readonly number[]): string {
    const { token, consumer, stored } = this.#spec
    const { numbers, notes } = stored
    const own = { token, by: consumer, id: notes.k }
    if (numbers === undefined) return packClaimNote({ ...own, progress: this.#progress.get(0) })
    const said = atWork.filter((index) => this.#progress.has(index))
    const progress = Object.fromEntries(
      said.map((index) => [String(numbers[index]), this.#progress.get(index)]),
    )
    return packClaimNote({ ...own, items: atWork.map((index) => numbers[index] ?? index), progress })
  }

  /** One after the other, or together: each commit stands on the version that the one before left. */
  async settle(index: number, settlement: Settlement): Promise<void> {
    const { removed, stored, putBack, zk } = this.#spec
    if (removed) {
      const payload = stored.payloads[index] ?? Buffer.alloc(0)
      if (settlement.how === 'dead' || settlement.how === 'ack') return
      const dueAt = settlement.how === 'delay' ? settlement.dueAt : undefined
      return putBack(payload, { dueAt, priority: stored.notes.p }, stored)
    }
    const pending: Pending = { index, settlement, done: deferred() }
    this.#pending.push(pending)
    if (!this.#settling) {
      this.#settling = true
      // What is settled in the same turn goes together.
      if (this.#atWork.size > 1) zk.runtime.clock.defer(() => void this.#settleAll())
      else void this.#settleAll()
    }
    return pending.done.promise
  }

  async #settleAll(): Promise<void> {
    for (let batch = this.#next(); batch.length > 0; batch = this.#next())
      try {
        await this.#commit(batch)
        for (const { done } of batch) done.resolve()
      } catch (error) {
        for (const { done } of batch) done.reject(error)
      }
    this.#settling = false
  }

  /** Those that can go together; the server may refuse what goes to other places, so that goes by itself. */
  #next(): readonly Pending[] {
    const [first] = this.#pending
    if (first === undefined || !isPlain(first.settlement)) return this.#pending.splice(0, 1)
    const batch = this.#pending.filter(({ settlement }) => isPlain(settlement))
    this.#pending.splice(0, Infinity, ...this.#pending.filter(({ settlement }) => !isPlain(settlement)))
    return batch
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const guardPath = this.#guardPath
    const plan = planOf(
      {
        ...this.#spec,
        version: this.#version,
        inside: this.#inside,
        atWork: this.#atWork,
        firstApart: this.#firstApart,
        guardPath,
        nextGuard: this.#nextGuard(batch),
        note: (atWork) => this.#note(atWork),
      },
      batch,
    )
    const isLast = plan.atWork.size === 0
    if (isLast) this.#ended = true
    try {
      if (plan.steps.length > 0) await this.#apply(batch, plan)
    } catch (error) {
      this.#ended = false
      this.#guardPath = guardPath
      throw error
    }
    this.#inside = plan.inside
    this.#firstApart = plan.firstApart
    this.#atWork = plan.atWork
    if (plan.rewrites) this.#version++
    if (isLast) this.#stopListening()
  }

  #nextGuard(batch: readonly ItemSettlement[]): Holding['nextGuard'] {
    if (!batch.some(({ index }) => this.#guarded.has(index))) return undefined
    const { zk, path: item } = this.#spec
    const path = joinPath(item, zk.runtime.random.uuid())
    return { path, used: () => (this.#guardPath = path) }
  }

  async #apply(batch: readonly Pending[], { steps: own, wasApplied }: Plan): Promise<void> {
    const { zk, session, acks, stored } = this.#spec
    const effects = batch.flatMap(({ settlement }) =>
      settlement.how === 'ack' ? (settlement.effects ?? []) : [],
    )
    const steps = async (): Promise<readonly Step[]> => {
      const moves = await Promise.all(batch.map(async (pending) => this.#moveSteps(pending)))
      return [...own, ...moves.flat(), ...effects.map((add) => ({ add }))]
    }
    const bytes = stored.payloads.reduce((sum, { length }) => sum + length, ACK_BYTES)
    const isShared = effects.length === 0 && batch.every(({ settlement }) => settlement.how === 'ack')
    let commit: Commit
    try {
      commit = await (isShared
        ? acks.commit(session, { steps, wasApplied, bytes })
        : commitSteps(zk, session, { steps, wasApplied }))
    } catch (error) {
      throw this.#refusal(error, own.length)
    }
    if (commit.how === 'over') throw this.#over(commit.inDoubt)
  }

  async #moveSteps({ index, settlement }: ItemSettlement): Promise<readonly Step[]> {
    const { layout, stored, deadSteps, tokens } = this.#spec
    if (settlement.how !== 'delay' && settlement.how !== 'dead') return []
    const notes = notesAfter(stored.notes, settlement)
    const payload = stored.payloads[index] ?? Buffer.alloc(0)
    const token = tokens[index] ?? ''
    if (settlement.how === 'dead') return deadSteps(notes, payload, token)
    const place = { dueAt: settlement.dueAt, id: notes.k, priority: notes.p }
    return layout.putSteps([{ place, notes, payload, token, moves: true }])
  }

  /** A refusal of one of our own steps says that the claim is lost; what the caller added is the caller's. */
  #refusal(error: unknown, ownSteps: number): unknown {
    if (!(error instanceof TransactionError)) return error
    const { failedIndex, failure, message } = error
    if (failedIndex >= ownSteps) return new TransactionError(message, failedIndex - ownSteps, failure)
    if (!hasCode(failure, 'NO_NODE', 'BAD_VERSION')) return failure
    void this.#letGo()
    return this.#lose()
  }

  /** Somebody wrote or deleted the item, and not the claim: it would keep others out for as long as our session lives. */
  async #letGo(): Promise<void> {
    const { zk, session, claimPath, token } = this.#spec
    try {
      const { generation } = session
      if ((await claimToken(zk, claimPath, { generation })) !== token) return
      await Janitor.of(zk).remove(claimPath, session)
    } catch (error) {
      zk.logger.debug(
        { path: claimPath, error },
        'a lost claim could not be looked at; it ends with the session',
      )
    }
  }

  #over(inDoubt: boolean): LockLostError {
    const { session, claimPath } = this.#spec
    const { message, reason, path, cause } = lossOf(session, claimPath)
    if (!inDoubt) return new LockLostError(message, reason, { path, cause })
    const doubt = `${message}; whether it was settled before that is not known`
    return new LockLostError(doubt, reason, { path, cause, outcome: 'unknown' })
  }
}
