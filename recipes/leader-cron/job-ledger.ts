/**
 * The record of one job, `path/jobs/<name>`, persistent, and how it is changed: read, edit, write back by its version.
 *
 * A start is written together with a check of the leader's znode, in one transaction: it is applied only while that
 * leadership lasts. If the reply is lost the record is read back, in sync with the ensemble: does it carry what we wrote? If
 * not the same change is tried again by the same version, so that of two only one can ever be applied. Only what is
 * certainly written counts as started: at most once is worth more here than at least once.
 */
import type { Acl } from '../../src/api/acl.js'
import { hasCode, TransactionError } from '../../src/api/errors.js'
import { parentOf } from '../../src/api/path.js'
import type { NodeData, Transaction, TransactionResult, Zk } from '../../src/api/zk.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry } from '../kernel/failure.js'
import type { Hold } from '../kernel/hold.js'
import { inSync } from '../kernel/in-sync.js'
import { formatRecord, parseRecord, type JobRecord } from './job-record.js'

interface Known {
  readonly record: JobRecord
  readonly version: number
}

export interface Change {
  /** Undefined: nothing is to be written. Called again with each newer record. */
  readonly edit: (record: JobRecord | undefined) => JobRecord | undefined
  /** Whether the record shows that the change was applied: asked after a lost reply or a conflict. */
  readonly isIn: (record: JobRecord) => boolean
  /** Only while this is held. */
  readonly guard?: Hold | undefined
}

export class JobLedger {
  readonly path: string
  readonly #zk: Zk
  readonly #acl: readonly Acl[] | undefined
  /** The record as we last saw or wrote it: mostly it is still the newest, and saves a read. */
  #known: Known | undefined
  /** One change at a time, so that those of one process do not conflict. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(zk: Zk, path: string, acl: readonly Acl[] | undefined) {
    this.#zk = zk
    this.path = path
    this.#acl = acl
  }

  /** In sync with the ensemble; undefined if there is none. @throws ZkError (`DATA_INCONSISTENCY`) if it is none. */
  async read(signal: AbortSignal): Promise<JobRecord | undefined> {
    const { path } = this
    for (let repetition = 0; ; repetition++) {
      try {
        if (repetition > 0) await beforeRetry(this.#zk, repetition, signal)
        const get = async (): Promise<NodeData> => this.#zk.get(path, { signal })
        const { data, stat } = await inSync(this.#zk, path, { signal }, get)
        this.#known = { record: parseRecord(data, path), version: stat.version }
        return this.#known.record
      } catch (error) {
        signal.throwIfAborted()
        if (hasCode(error, 'NO_NODE')) return (this.#known = undefined)
        throwUnlessPassing(error)
      }
    }
  }

  /**
   * Makes a change. Resolves with the record that has it; undefined if there was nothing to write.
   *
   * @throws LockLostError if the guard is held no more; the signal's reason; what the server refuses.
   */
  async change(change: Change, signal: AbortSignal): Promise<JobRecord | undefined> {
    const changed = this.#last.then(async () => this.#change(change, signal))
    this.#last = changed.catch(() => undefined)
    return changed
  }

  async #change({ edit, isIn, guard }: Change, signal: AbortSignal): Promise<JobRecord | undefined> {
    for (let repetition = 0; ; repetition++) {
      signal.throwIfAborted()
      if (repetition > 0 || this.#known === undefined) {
        if (repetition > 0) await beforeRetry(this.#zk, repetition, signal)
        const record = await this.read(signal)
        if (record !== undefined && isIn(record)) return record
      }
      const known = this.#known
      const record = edit(known?.record)
      if (record === undefined) return undefined
      try {
        await this.#write(known, record, guard, signal)
        return record
      } catch (error) {
        this.#known = undefined
        signal.throwIfAborted()
        await this.#throwUnlessConflict(error, guard, signal)
      }
    }
  }

  async #write(
    known: Known | undefined,
    record: JobRecord,
    guard: Hold | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const data = formatRecord(record)
    const made = { ...(this.#acl && { acl: this.#acl }) }
    const transaction: Transaction<readonly TransactionResult[]> =
      known === undefined
        ? this.#zk.transaction().create(this.path, data, made)
        : this.#zk.transaction().set(this.path, data, { version: known.version })
    await (guard === undefined ? transaction : guard.guard(transaction)).commit({ signal })
    this.#known = { record, version: known === undefined ? 0 : known.version + 1 }
  }

  /** Another one wrote, or nobody knows: both mean to look again. */
  async #throwUnlessConflict(error: unknown, guard: Hold | undefined, signal: AbortSignal): Promise<void> {
    const failure = error instanceof TransactionError ? error.failure : error
    if (hasCode(failure, 'BAD_VERSION', 'NODE_EXISTS')) return
    if (!hasCode(failure, 'NO_NODE')) return throwUnlessPassing(failure)
    if (failure.path === guard?.path) await guard?.confirm({ signal })
    try {
      const acl = this.#acl && { acl: this.#acl }
      await this.#zk.ensurePath(parentOf(this.path), { signal, ...acl })
    } catch (refusal) {
      signal.throwIfAborted()
      throwUnlessPassing(refusal)
    }
  }
}
