/**
 * A gate that opens once, when enough has been done: `countDown` so many times, and all who wait go on.
 *
 *   path                persistent; what is left to be done, an int32 in big-endian order
 *   path/down-<id>      persistent, one for each countDown, by its id
 *   path/open           persistent; made by the countDown that brought it to 0
 *
 * Each countDown is one transaction: make the record of its id, set the number at the version that was read, and if that
 * comes to 0, make `open`. So
 * - it is counted once at most, whatever is lost: made again, its record exists. With an id of the caller's own that
 *   holds across sessions and processes: a worker that restarts and says it again is not counted twice;
 * - nobody who waits is woken before it is open: they watch `open` only;
 * - it stays open until somebody deletes the znodes. Deleting them while it is in use is for the caller to avoid: who
 *   waits then waits for the next latch at this path.
 * The records are small and as many as there are countDowns.
 */
import type { Acl } from '../src/api/acl.js'
import { validateAcl } from '../src/api/acl.js'
import { hasCode, NoNodeError, TransactionError, UnsupportedError, ZkError } from '../src/api/errors.js'
import { joinPath, parentOf, validatePath } from '../src/api/path.js'
import type { CallOptions, NodeData, Transaction, TransactionResult, Zk } from '../src/api/zk.js'
import { abortable, sleep } from '../src/runtime/abort.js'
import { Attempt, type WaitOptions } from './kernel/attempt.js'
import { checkText } from './kernel/check.js'
import { repeatUntil } from './kernel/repeat.js'
import { WakeUp } from './kernel/wake-up.js'

export interface CountDownLatchOptions {
  /** What the latch is made with by whoever comes first. Left out: it must be there. It is never changed by it. */
  readonly count?: number | undefined
  /** For the znodes and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
}

export interface CountDownOptions extends WaitOptions {
  /**
   * What is counted, once for ever: a name without slashes. Default: a new UUID, so that each call counts.
   */
  readonly id?: string | undefined
}

const MOST = 2_147_483_647
const LONGEST_PAUSE_MS = 100

interface Reading {
  readonly left: number
  readonly version: number
}

export class CountDownLatch {
  readonly path: string
  readonly #zk: Zk
  readonly #initial: number | undefined
  readonly #acl: readonly Acl[] | undefined

  /** @throws TypeError, RangeError for a bad path, count or ACL; UnsupportedError without transactions. */
  constructor(zk: Zk, path: string, options: CountDownLatchOptions = {}) {
    validatePath(path)
    if (options.count !== undefined) checkCount(options.count, 0, 'count')
    if (options.acl !== undefined) validateAcl(options.acl)
    if (!zk.supports('transactions'))
      throw new UnsupportedError(
        'UNSUPPORTED',
        `${path}: a latch needs transactions, which this driver has not: use the built-in client`,
        { path },
      )
    this.path = path
    this.#zk = zk
    this.#initial = options.count
    this.#acl = options.acl
  }

  /** What is left to be done, in sync with the leader; 0: it is open. */
  async count(options: WaitOptions = {}): Promise<number> {
    using attempt = new Attempt(this.#zk, 'look at', this.path, options)
    return await repeatUntil(this.#zk, attempt, async (limits) => {
      const [, { left }] = await Promise.all([this.#zk.sync(this.path, limits), this.#read(limits)])
      return left
    })
  }

  /**
   * Counts `by` down, not below 0, and resolves with what is left as far as this call has seen. Counted once at most, also
   * when replies are lost; after an abort or a time limit it may have been counted.
   *
   * @throws NoNodeError if there is no latch and no count to make it with; TimeoutError; the signal's reason.
   */
  async countDown(by = 1, options: CountDownOptions = {}): Promise<number> {
    checkCount(by, 1, 'by')
    const { id = this.#zk.runtime.random.uuid() } = options
    checkText('id', id)
    const record = joinPath(this.path, `down-${id}`)
    validatePath(record)
    if (id === '' || parentOf(record) !== this.path)
      throw new TypeError(`id must be a name without slashes, got ${JSON.stringify(id)}`)
    using attempt = new Attempt(this.#zk, 'count down', this.path, options)
    let conflicts = 0
    return await repeatUntil(this.#zk, attempt, async (limits) => {
      const { left, version } = await this.#read(limits)
      if (left === 0) return 0
      const rest = Math.max(0, left - by)
      try {
        await abortable(this.#write(record, rest, version, limits), attempt.signal)
        return rest
      } catch (error) {
        if (attempt.signal.aborted || !(error instanceof TransactionError)) throw error
        const failure: ZkError = error.failure
        if (failure.code === 'NODE_EXISTS' && error.failedIndex === 0) return left // It was counted before.
        if (failure.code !== 'BAD_VERSION' && failure.code !== 'NO_NODE') throw failure
        const { clock, random } = this.#zk.runtime
        if (conflicts++ > 0)
          await sleep(clock, random.next() * Math.min(2 ** conflicts, LONGEST_PAUSE_MS), attempt.signal)
        return undefined
      }
    })
  }

  async #write(record: string, rest: number, version: number, { generation }: CallOptions): Promise<unknown> {
    const acl = this.#acl && { acl: this.#acl }
    let transaction: Transaction<readonly TransactionResult[]> = this.#zk.transaction()
    transaction = transaction.create(record, null, { ...acl }).set(this.path, encode(rest), { version })
    if (rest === 0) transaction = transaction.create(joinPath(this.path, 'open'), null, { ...acl })
    return transaction.commit({ generation })
  }

  /** Resolves when it is open, at once if it is. Leaves no watch behind. Rejects as {@link countDown}. */
  async wait(options: WaitOptions = {}): Promise<void> {
    const zk = this.#zk
    const open = joinPath(this.path, 'open')
    using attempt = new Attempt(zk, 'wait for', this.path, options)
    await repeatUntil(this.#zk, attempt, async (limits, session) => {
      const { generation } = session
      using wakeUp = new WakeUp(zk, session)
      const [, { left }] = await Promise.all([zk.sync(this.path, limits), this.#read(limits)])
      if (left === 0) return true
      for (;;) {
        const looking = wakeUp.on(open, async (watch) => zk.exists(open, { watch, generation }))
        if ((await abortable(looking, attempt.signal)) !== undefined) return true
        attempt.stage = 'it was not counted down yet'
        await abortable(wakeUp.next(), attempt.signal)
        session.signal.throwIfAborted()
      }
    })
  }

  /** What is left; makes the latch if it is missing and that is allowed. */
  async #read(limits: CallOptions): Promise<Reading> {
    for (;;) {
      const { data, stat } = (await this.#get(limits)) ?? {}
      if (data?.length === 4 && stat !== undefined)
        return { left: this.#checked(data), version: stat.version }
      if (data !== undefined) throw this.#isNone(`${data.length} bytes, a latch holds 4`)
      await this.#make(limits)
    }
  }

  #checked(data: Buffer): number {
    const left = data.readInt32BE()
    if (left < 0) throw this.#isNone(`${left}, which is no count`)
    return left
  }

  #isNone(what: string): ZkError {
    return new ZkError('DATA_INCONSISTENCY', `${this.path} holds ${what}`, { path: this.path })
  }

  async #get(limits: CallOptions): Promise<NodeData | undefined> {
    try {
      return await this.#zk.get(this.path, limits)
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return undefined
      throw error
    }
  }

  async #make(limits: CallOptions): Promise<void> {
    const count = this.#initial
    if (count === undefined)
      throw new NoNodeError(`${this.path} does not exist: give the count to make it with`, {
        path: this.path,
      })
    const acl = this.#acl && { acl: this.#acl }
    const mode = this.#zk.supports('containers') ? 'container' : 'persistent'
    await this.#zk.ensurePath(parentOf(this.path), { ...limits, ...acl, mode })
    let transaction: Transaction<readonly TransactionResult[]> = this.#zk.transaction()
    transaction = transaction.create(this.path, encode(count), { ...acl })
    if (count === 0) transaction = transaction.create(joinPath(this.path, 'open'), null, { ...acl })
    try {
      await transaction.commit(limits)
    } catch (error) {
      if (!(error instanceof TransactionError)) throw error
      // Others made it; or its parent was reaped in between.
      if (!['NODE_EXISTS', 'NO_NODE'].includes(error.failure.code)) throw error.failure
    }
  }
}

function checkCount(count: unknown, least: number, what: string): void {
  if (typeof count !== 'number' || Number.isNaN(count))
    throw new TypeError(`${what} must be a number, got ${typeof count}`)
  if (!Number.isInteger(count) || count < least || count > MOST)
    throw new RangeError(`${what} must be an integer from ${least} to ${MOST}, got ${count}`)
}

function encode(count: number): Buffer {
  const data = Buffer.alloc(4)
  data.writeInt32BE(count)
  return data
}
