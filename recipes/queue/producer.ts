/**
 * Putting items: what is put while a transaction is under way goes together into the next one, so that many puts at a
 * time cost few commits, and there is one transaction of this producer at a time.
 *
 *   own/puts/<uuid>   ephemeral, one a session; its data names the last transaction that was applied
 *
 * Each transaction makes its items and writes its own number into the mark. After a lost reply the mark says whether it
 * was applied, even if a consumer has taken the items since. If the session is over too the mark is gone with it, or an
 * operator deleted it: items that are found in the queue are put; of those that are not it can't be known, and the error says so.
 */
import { ConnectionLossError, hasCode, TransactionError, type ZkError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { beforeRetry } from '../kernel/failure.js'
import type { Entry, Layout } from './layout.js'
import { commitSteps, type Commit, type Step } from './step.js'

/** Items that are put together or not at all. */
export interface Unit {
  readonly entries: readonly Entry[]
  readonly bytes: number
  readonly done: Deferred<void>
  state: 'waiting' | 'sent' | 'put' | 'failed'
  /** Its caller gave up. */
  withdrawn: boolean
}

/** Of one transaction; far enough below jute.maxbuffer (1,048,575) for what the operations add. */
export const CHUNK_BYTES = 512 * 1024
export const CHUNK_ITEMS = 500
/** To take something back. */
const MOST_TRIES = 8
/** What an operation takes besides its data: path, ACL, headers. */
const OPERATION_BYTES = 200

export function unitOf(entries: readonly Entry[]): Unit {
  const bytes = entries.reduce((sum, { payload }) => sum + payload.length + OPERATION_BYTES, 0)
  return { entries, bytes, done: deferred(), state: 'waiting', withdrawn: false }
}

interface Mark {
  readonly session: Session
  readonly path: string
  made: boolean
}

export class Producer {
  readonly #zk: Zk
  readonly #layout: Layout
  readonly #waiting: Unit[] = []
  #running = false
  #mark: Mark | undefined

  constructor(zk: Zk, layout: Layout) {
    this.#zk = zk
    this.#layout = layout
  }

  /** Settles `unit.done`. */
  put(unit: Unit): void {
    unit.done.promise.catch(() => undefined)
    this.#waiting.push(unit)
    if (!this.#running) void this.#run()
  }

  /** Takes it back if it has not been sent; else, once it is put, unless a consumer was faster. */
  withdraw(unit: Unit): void {
    unit.withdrawn = true
    const index = this.#waiting.indexOf(unit)
    if (index >= 0) this.#waiting.splice(index, 1)
    else if (unit.state === 'put') void this.#takeBack(unit)
  }

  async #run(): Promise<void> {
    this.#running = true
    // What is put in the same turn goes together.
    await Promise.resolve()
    try {
      for (let batch = this.#next(); batch.length > 0; batch = this.#next()) await this.#send(batch)
    } finally {
      this.#running = false
    }
  }

  #next(): Unit[] {
    let bytes = 0
    let items = 0
    let count = 0
    for (const unit of this.#waiting) {
      bytes += unit.bytes
      items += unit.entries.length
      if (count > 0 && (bytes > CHUNK_BYTES || items > CHUNK_ITEMS)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #send(batch: readonly Unit[]): Promise<void> {
    for (const unit of batch) unit.state = 'sent'
    try {
      await this.#commit(batch.flatMap(({ entries }) => entries))
      for (const unit of batch) this.#settle(unit)
    } catch (error) {
      if (batch.length === 1 || !isRefusal(error)) for (const unit of batch) this.#settle(unit, error)
      // One of them is at fault; the others shall not suffer for it.
      else for (const unit of batch) await this.#send([unit])
    }
  }

  #settle(unit: Unit, error?: unknown): void {
    unit.state = error === undefined ? 'put' : 'failed'
    if (error !== undefined) unit.done.reject(error instanceof TransactionError ? error.failure : error)
    else if (unit.withdrawn) void this.#takeBack(unit)
    else unit.done.resolve()
  }

  async #commit(entries: readonly Entry[]): Promise<void> {
    for (let repetition = 1; ; repetition++) {
      const session = await this.#ready(repetition)
      const commit = await this.#commitOn(session, entries)
      if (commit.how === 'applied') return
      if (commit.inDoubt) return this.#search(entries)
    }
  }

  async #ready(repetition: number): Promise<Session> {
    const { state, session } = this.#zk
    if (repetition === 1 && state === 'connected' && session !== undefined) return session
    return beforeRetry(this.#zk, repetition, new AbortController().signal)
  }

  async #commitOn(session: Session, entries: readonly Entry[]): Promise<Commit> {
    const mark = this.#markOn(session)
    const number = this.#zk.runtime.random.uuid()
    const commit = await commitSteps(this.#zk, session, {
      steps: async () => [...(await this.#layout.putSteps(entries)), this.#markStep(mark, number)],
      wasApplied: async (limits) => {
        const synced = this.#zk.sync(mark.path, limits)
        const reading = this.#zk.get(mark.path, limits)
        reading.catch(() => undefined)
        await synced
        try {
          return (await reading).data.toString() === number
        } catch (error) {
          // That it never was says that nothing was applied; that it is no more, that somebody deleted it.
          if (hasCode(error, 'NO_NODE')) return mark.made ? undefined : false
          throw error
        }
      },
    })
    if (commit.how === 'applied') mark.made = true
    return commit
  }

  #markOn(session: Session): Mark {
    if (this.#mark?.session !== session) {
      const name = this.#zk.runtime.random.uuid()
      this.#mark = { session, path: joinPath(joinPath(this.#layout.own, 'puts'), name), made: false }
    }
    return this.#mark
  }

  #markStep(mark: Mark, number: string): Step {
    const mend = async (failure: ZkError): Promise<boolean> => {
      if (!hasCode(failure, 'NO_NODE')) return false
      // Its parent is missing, or somebody deleted it.
      if (mark.made) mark.made = false
      else await this.#layout.ensure(joinPath(this.#layout.own, 'puts'))
      return true
    }
    if (mark.made) return { add: (transaction) => transaction.set(mark.path, number), mend }
    return { add: (transaction) => transaction.create(mark.path, number, { mode: 'ephemeral' }), mend }
  }

  /** The mark is gone, with the session or by an operator. They were put all together, so one that is found stands for all. */
  async #search(entries: readonly Entry[]): Promise<void> {
    await this.#zk.ready()
    await this.#zk.sync(this.#layout.own)
    for (const entry of entries) if ((await this.#layout.isPut(entry).catch(() => undefined)) === true) return
    const what =
      'the reply was lost, and its mark is gone, as the session ended or somebody deleted it; the item is not in the queue: put or not, it is not known'
    throw new ConnectionLossError(what, { path: this.#layout.own })
  }

  /** In the background: takes back what was put for somebody who had given up by then, unless it was claimed. */
  async #takeBack(unit: Unit): Promise<void> {
    try {
      for (const entry of unit.entries) await this.#takeBackOne(entry)
    } catch (error) {
      this.#zk.logger.debug(
        { path: this.#layout.own, error },
        'an item that was given up while it was put stays',
      )
    }
  }

  async #takeBackOne(entry: Entry): Promise<void> {
    for (let tries = 1; ; tries++) {
      const steps = await this.#layout.takeBack(entry)
      if (steps === undefined) return
      const transaction = this.#zk.transaction()
      for (const step of steps) step.add(transaction)
      try {
        await transaction.commit()
        return
      } catch (error) {
        // Others of its pack are being taken back too, or it was claimed.
        if (tries === MOST_TRIES || !(error instanceof TransactionError)) throw error
        if (!hasCode(error.failure, 'BAD_VERSION')) throw error
      }
    }
  }
}

function isRefusal(error: unknown): boolean {
  return hasCode(error, 'TRANSACTION_FAILED', 'REQUEST_TOO_LARGE')
}
