/**
 * Several locks as one: all of them or none.
 *
 * On the server: nothing of its own, only the contenders of each lock (a path stands for a `Mutex` on it). So it
 * contends with everybody else who uses one of them, and with Curator's InterProcessMultiLock.
 *
 * - The locks are taken one after the other in canonical order, that of their paths by code units, whatever order they
 *   were given in. Two that share locks then can't wait for each other. A process of another kind must keep to the same
 *   order: Curator takes them as listed.
 * - One deadline for all. When it gives up, everything that was taken is given back, the last taken first.
 * - If one that was taken is lost while a later one is waited for (session over, znode deleted), all are given back and
 *   it starts over under the same deadline: a caller never gets less than all.
 */
import { validatePath } from '../src/api/path.js'
import type { CheckResult, Transaction, TransactionResult, Zk } from '../src/api/zk.js'
import type { LockLostError } from '../src/api/errors.js'
import { abortable, onAbort, quietController } from '../src/runtime/abort.js'
import { Attempt, type WaitOptions } from './kernel/attempt.js'
import { describeLine } from './kernel/description.js'
import type { Hold } from './kernel/hold.js'
import type { LossPolicy } from './kernel/loss-policy.js'
import type { QueueMember } from './kernel/members.js'
import type { RevokeListener } from './kernel/revoke-requests.js'
import { runHeld } from './kernel/run-held.js'
import { Mutex } from './mutex/mutex.js'

/** What a {@link MultiLock} can take: a `Mutex`, either side of a `ReadWriteLock`, or what looks like them. */
export interface Lock {
  readonly path: string
  acquire(options?: WaitOptions): Promise<Hold>
  tryAcquire(options?: WaitOptions): Promise<Hold | undefined>
  contenders(options?: WaitOptions): Promise<readonly LockContender[]>
}

/** One in the queue of any lock. */
export interface LockContender extends QueueMember {
  readonly role: 'holder' | 'waiter'
}

export interface MultiLockOptions {
  /** Of the locks that are given as paths; see `MutexOptions`. Those that are given as locks have their own. */
  readonly lossPolicy?: LossPolicy | undefined
}

export class MultiLock {
  /** Of the locks, in the order in which they are taken. */
  readonly paths: readonly string[]
  readonly #zk: Zk
  readonly #locks: readonly Lock[]

  /**
   * @param locks - on the same client, each with a path of its own. A path stands for `new Mutex(zk, path)`.
   * @throws TypeError for none at all, a bad path, or two of one path (also the two sides of a read-write lock: the
   * second would wait for the first).
   */
  constructor(zk: Zk, locks: readonly (string | Lock)[], options: MultiLockOptions = {}) {
    const given: unknown = locks
    if (!Array.isArray(given) || given.length === 0) throw new TypeError('locks must be a non-empty array')
    this.#zk = zk
    this.#locks = locks.map((lock) => lockOf(zk, lock, options)).sort(byPath)
    this.paths = this.#locks.map(({ path }) => path)
    const twice = this.paths.find((path, index) => path === this.paths[index + 1])
    if (twice !== undefined) throw new TypeError(`two of the locks are on ${twice}: it would wait for itself`)
  }

  /**
   * Takes all of them, in order, and resolves when all are held. While it waits for one it holds those before it.
   *
   * It waits through lost connections; whatever it loses on the way, it starts over. Whenever it rejects, its znodes
   * are gone or are being deleted in the background until that is confirmed.
   *
   * @throws TimeoutError when `timeoutMs` is over; the signal's reason on abort; `ClosedError`; what the server
   * refuses for one of them.
   */
  async acquire(options: WaitOptions = {}): Promise<MultiHold> {
    using attempt = this.#attempt('acquire', options)
    if (options.timeoutMs !== 0) {
      for (;;) {
        const holds = await this.#takeAll(attempt, async (lock, signal) => lock.acquire({ signal }))
        if (typeof holds !== 'string') return new MultiHold(this.#locks, holds)
      }
    }
    const hold = await this.#try(attempt)
    if (hold !== undefined) return hold
    attempt.stage = 'somebody else held one of them'
    throw attempt.timeout()
  }

  /**
   * Takes all of them if all are free, else undefined, with none left taken. Waits only for the server's answers.
   *
   * @throws as {@link acquire}; never because one is busy.
   */
  async tryAcquire(options: WaitOptions = {}): Promise<MultiHold | undefined> {
    using attempt = this.#attempt('tryAcquire', options)
    return await this.#try(attempt)
  }

  /**
   * Acquires, runs `fn`, releases, and gives what `fn` gave. The options bound the acquiring, not `fn`.
   *
   * What `fn` throws is what this rejects with. If `fn` succeeded but one of the locks was lost while it ran, this
   * rejects with the `LockLostError`.
   */
  async run<T>(fn: (hold: MultiHold) => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`run needs a function, got ${typeof fn}`)
    const hold = await this.acquire(options)
    const held = {
      path: this.#first,
      get loss() {
        return hold.loss
      },
      release: async () => hold.release(),
    }
    return runHeld(held, this.#zk.logger, () => fn(hold))
  }

  /** Who holds and who waits, by path, in the order of {@link paths}. The answers are of slightly different moments. */
  async contenders(options: WaitOptions = {}): Promise<ReadonlyMap<string, readonly LockContender[]>> {
    using attempt = this.#attempt('contenders', options)
    const { signal } = attempt
    const lines = await Promise.all(
      this.#locks.map(async (lock) => [lock.path, await lock.contenders({ signal })] as const),
    )
    return new Map(lines)
  }

  /** One line for a log: of each lock, who holds, who waits, and how long they have. */
  async describe(options: WaitOptions = {}): Promise<string> {
    const { clock } = this.#zk.runtime
    const lines = [...(await this.contenders(options))].map(
      ([path, line]) => `${path} ${describeLine(line, clock)}`,
    )
    return `multi-lock of ${lines.length}: ${lines.join(' | ')}`
  }

  #attempt(what: string, options: WaitOptions): Attempt {
    return new Attempt(this.#zk, `${what} ${this.#locks.length} locks, the first`, this.#first, options)
  }

  get #first(): string {
    return this.paths[0] ?? '/'
  }

  async #try(attempt: Attempt): Promise<MultiHold | undefined> {
    for (;;) {
      const holds = await this.#takeAll(attempt, async (lock, signal) => lock.tryAcquire({ signal }))
      if (holds === 'busy') return undefined
      if (holds !== 'lost') return new MultiHold(this.#locks, holds)
    }
  }

  /** `lost`: one was lost before the last was taken. `busy`: `take` did not get one. Then none is left taken. */
  async #takeAll(
    attempt: Attempt,
    take: (lock: Lock, signal: AbortSignal) => Promise<Hold | undefined>,
  ): Promise<readonly Hold[] | 'lost' | 'busy'> {
    const holds: Hold[] = []
    const stop = quietController()
    const unlisten = [onAbort(attempt.signal, (reason) => stop.abort(reason))]
    const abandon = async (): Promise<void> => releaseAll(holds)
    try {
      for (const lock of this.#locks) {
        attempt.stage = `waiting for ${lock.path}, with ${holds.length} of ${this.#locks.length} taken`
        const previous = holds.at(-1)
        // Goes out with the next one's create: it costs a request, and no time.
        if (previous !== undefined) unlisten.push(onAbort(previous.signal, (reason) => stop.abort(reason)))
        const hold = await take(lock, stop.signal)
        if (hold === undefined) {
          await abortable(abandon(), attempt.signal)
          return 'busy'
        }
        holds.push(hold)
        stop.signal.throwIfAborted()
      }
      return holds
    } catch (error) {
      // Not waited for: who gives up has its answer now, and who starts over queues up behind its own deletes.
      abandon().catch((refused: unknown) => {
        this.#zk.logger.warn({ path: this.#first, error: refused }, 'could not give back what was taken')
      })
      attempt.signal.throwIfAborted()
      if (stop.signal.aborted) return 'lost'
      throw error
    } finally {
      for (const each of unlisten) each()
    }
  }
}

/** All of a {@link MultiLock}'s locks, held. It is lost when one of them is; the others stay until `release()`. */
export class MultiHold implements AsyncDisposable {
  /** Of each lock, by its path. Each is greater than that of every earlier hold of that lock. */
  readonly fencingTokens: ReadonlyMap<string, bigint>
  readonly #holds: readonly Hold[]
  #controller: AbortController | undefined
  #unlisten: (() => void)[] = []
  #release: Promise<void> | undefined

  /** @internal */
  constructor(locks: readonly Lock[], holds: readonly Hold[]) {
    this.#holds = holds
    const tokens = holds.map(({ fencingToken }, index) => [locks[index]?.path ?? '', fencingToken] as const)
    this.fencingTokens = new Map(tokens)
  }

  /**
   * Aborts with the `LockLostError` of the first lock that is lost. It does not abort on `release()`.
   *
   * The first read sets a watch on each znode that is not watched yet (one request each, not waited for).
   */
  get signal(): AbortSignal {
    this.#controller ??= this.#listen()
    return this.#controller.signal
  }

  #listen(): AbortController {
    const controller = quietController()
    if (this.#release !== undefined) {
      const { loss } = this
      if (loss !== undefined) controller.abort(loss)
      return controller
    }
    const abort = (reason: unknown): void => controller.abort(reason)
    this.#unlisten = this.#holds.map(({ signal }) => onAbort(signal, abort))
    return controller
  }

  /**
   * Tells `listener`, once, when somebody asks for one of the locks to be given up. Advisory: see `Hold`.
   *
   * Sets a watch on each znode, the same as {@link signal}.
   *
   * @returns the way to stop.
   */
  onRevokeRequested(listener: RevokeListener): () => void {
    let stops: (() => void)[] = []
    const stop = (): void => {
      for (const each of stops.splice(0)) each()
    }
    const tell = (): void | Promise<void> => {
      stop()
      return listener()
    }
    if (typeof listener !== 'function') {
      throw new TypeError(`onRevokeRequested needs a function, got ${typeof listener}`)
    }
    stops = this.#holds.map((hold) => hold.onRevokeRequested(tell))
    return stop
  }

  /**
   * Of the first that is lost, as far as is known here.
   *
   * @internal
   */
  get loss(): LockLostError | undefined {
    return this.#holds.find(({ loss }) => loss !== undefined)?.loss
  }

  /**
   * Asks the ensemble whether all are still held. The requests go out together, one a lock. Nothing that is lost comes
   * back, so if each answer is yes, all were held together at the time of the first answer.
   *
   * @throws LockLostError if one is not held, `TimeoutError` or the abort reason if that can't be found out in time.
   */
  async confirm(options: WaitOptions = {}): Promise<void> {
    await Promise.all(this.#holds.map(async (hold) => hold.confirm(options)))
  }

  /**
   * Adds a check of every lock's znode: the transaction commits only while all are held, whatever happened since.
   *
   * @throws LockLostError at once if one is known to be lost, `TypeError` if they were released.
   */
  guard<R extends readonly TransactionResult[]>(
    transaction: Transaction<R>,
  ): Transaction<readonly [...R, ...CheckResult[]]> {
    let guarded: Transaction = transaction as unknown as Transaction
    for (const hold of this.#holds) guarded = hold.guard(guarded) as unknown as Transaction
    return guarded as unknown as Transaction<readonly [...R, ...CheckResult[]]>
  }

  /**
   * Gives all back, the last taken first; the deletions are sent at once, and the promise resolves when all are
   * confirmed or the session is over. May be called again, and after a loss.
   *
   * @param options - bounds on this wait only: the deletions go on in the background.
   * @throws ZkError the first that the server refuses; the others are released all the same.
   */
  async release(options?: WaitOptions): Promise<void> {
    for (const unlisten of this.#unlisten.splice(0)) unlisten()
    this.#release ??= releaseAll(this.#holds)
    if (options === undefined) return this.#release
    this.#release.catch(() => undefined) // Told below, hold by hold.
    await releaseAll(this.#holds, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}

/** Waits for all, then throws the first error. */
async function releaseAll(holds: readonly Hold[], options?: WaitOptions): Promise<void> {
  const releases = [...holds].reverse().map(async (hold) => hold.release(options))
  const outcomes = await Promise.allSettled(releases)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

function lockOf(zk: Zk, lock: string | Lock, options: MultiLockOptions): Lock {
  if (typeof lock === 'string') return new Mutex(zk, lock, options)
  const given = lock as Partial<Record<keyof Lock, unknown>> | null | undefined
  if (typeof given?.acquire !== 'function' || typeof given.tryAcquire !== 'function') {
    throw new TypeError('each of locks must be a path, or a lock with acquire and tryAcquire')
  }
  validatePath(lock.path)
  return lock
}

function byPath(a: Lock, b: Lock): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}
