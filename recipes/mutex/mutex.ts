/**
 * A lock that one holds at a time, across processes and languages.
 *
 * On the server: `path/_c_<uuid>-lock-<sequence>`, ephemeral, one per contender (Curator's InterProcessMutex; other
 * dialects by option). Who stands first holds. A waiter watches only the contender right ahead of it, so a release wakes
 * one. A hold is lost when its session ends or somebody deletes its znode; then the next in line is let in.
 *
 * Handles own holds, not threads or tasks: an `acquire` inside a hold queues up behind it like anybody else, unless it
 * is told to be re-entrant (scope.ts). The tasks of one process take turns and use one znode at a time (local-queue.ts),
 * or, in biased mode, keep it from one to the next (bias-term.ts).
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { validatePath } from '../../src/api/path.js'
import type { Data, Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkData, checkFlag } from '../kernel/check.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import { dialectOf, type Dialect, type DialectName } from '../kernel/dialect.js'
import { describeLine } from '../kernel/description.js'
import { Hold } from '../kernel/hold.js'
import { localAddress } from '../kernel/local-address.js'
import { lossPolicyOf, type LossPolicy } from '../kernel/loss-policy.js'
import { membersOf, type QueueMember } from '../kernel/members.js'
import { breakClaim, revokeClaim, type Asked, type Broken, type Claim } from '../kernel/revocation.js'
import { runHeld } from '../kernel/run-held.js'
import { biasLimits, type BiasLimits } from './bias-term.js'
import { LocalGate, OpenGate, type Gate } from './gate.js'
import { holding, reenter } from './scope.js'
import type { Tenancy } from './tenure.js'

export interface MutexOptions {
  /** Whose names to use. Default `curator`. */
  readonly dialect?: DialectName | Dialect | undefined
  /** Written into our znodes, to show who queues there. Default: as the dialect has it (Curator: this host's address). */
  readonly id?: Data | undefined
  /** For our znodes and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /** What to make of a lost connection: nothing before the session may be over (`deadline`, default), or a loss at once. */
  readonly lossPolicy?: LossPolicy | undefined
  /**
   * Whether the tasks of this process wait for each other here, with one znode for all, those of every other `Mutex` of
   * this client with this path and dialect included. Default true. False: each task is a contender of its own.
   */
  readonly localQueue?: boolean | undefined
  /**
   * Keeps the znode after a release for the next task of this process, until another process queues up: that takes no
   * request. Holds of one znode have the **same fencing token**. Bounded by these limits. Default false.
   */
  readonly biased?: boolean | Partial<BiasLimits> | undefined
  /**
   * Whether an acquire inside of the function of `run` is granted at once, on what that run holds. Only `run` makes such
   * a scope, for all re-entrant mutexes of this client with this path and dialect. Default false.
   */
  readonly reentrant?: boolean | undefined
}

/** One in the queue of a mutex. Its `czxid` is its fencing token. */
export interface MutexContender extends QueueMember {
  /** The first in line; as of the answer, things may have moved on. */
  readonly role: 'holder' | 'waiter'
}

export class Mutex {
  readonly path: string
  readonly #zk: Zk
  readonly #queue: ContenderQueue
  /** Of the lock that this stands for, within the client. */
  readonly #key: string
  readonly #gate: Gate
  readonly #isReentrant: boolean

  /**
   * @param path - the parent of the contenders' znodes. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, dialect, ACL, loss policy or limits, and for `biased` without
   * `localQueue`.
   */
  constructor(zk: Zk, path: string, options: MutexOptions = {}) {
    validatePath(path)
    if (options.acl !== undefined) validateAcl(options.acl)
    checkData('id', options.id)
    const dialect = dialectOf(options.dialect ?? 'curator')
    this.path = path
    this.#zk = zk
    const data = options.id ?? (dialect.data === 'address' ? localAddress() : '')
    this.#queue = new ContenderQueue({
      zk,
      container: path,
      dialect,
      data,
      acl: options.acl,
      lossPolicy: lossPolicyOf(options.lossPolicy),
    })
    const { localQueue = true, biased = false, reentrant = false } = options
    checkFlag('localQueue', localQueue)
    checkFlag('reentrant', reentrant)
    const bias = biasLimits(biased)
    if (bias !== undefined && !localQueue) throw new TypeError('biased needs the localQueue')
    this.#key = `${path} ${dialect.create}`
    this.#gate = localQueue ? new LocalGate(this.#queue, this.#key, bias) : new OpenGate(this.#queue)
    this.#isReentrant = reentrant
  }

  /**
   * Queues up and resolves when it is held. First come, first served. One round trip if it is free. Tasks of this
   * process wait for each other first, without a request.
   *
   * It waits through lost connections, and through the end of its session, after which it queues up again at the end.
   * Whenever it rejects, its znode is gone or is being deleted in the background until that is confirmed.
   *
   * @throws TimeoutError when `timeoutMs` is over; the signal's reason on abort; `ClosedError`; what the server
   * refuses (`NoAuthError` …); if re-entrant, `LockLostError` inside of a `run` that lost what it holds.
   */
  async acquire(options: WaitOptions = {}): Promise<Hold> {
    return new Hold(await this.#acquire(options))
  }

  async #acquire(options: WaitOptions): Promise<Tenancy> {
    using attempt = new Attempt(this.#zk, 'acquire', this.path, options)
    const tenancy =
      this.#reenter(attempt) ?? (await this.#gate.take(attempt, options.timeoutMs === 0 ? 'try' : 'wait'))
    if (tenancy !== undefined) return tenancy
    attempt.stage = 'somebody else held it'
    throw attempt.timeout()
  }

  #reenter({ signal }: Attempt): Tenancy | undefined {
    if (!this.#isReentrant) return undefined
    signal.throwIfAborted()
    return reenter(this.#zk, this.#key)
  }

  /**
   * Takes it if it is free: undefined if somebody holds it or waits for it. If that is a task of this process, as far as
   * is known here, the answer comes at once, without a request. Else a free lock takes two round trips (it looks
   * before it queues), a busy one takes one and writes nothing. Waits only for the server's answer.
   *
   * @throws as {@link acquire}; never because it is busy.
   */
  async tryAcquire(options: WaitOptions = {}): Promise<Hold | undefined> {
    using attempt = new Attempt(this.#zk, 'tryAcquire', this.path, options)
    const tenancy = this.#reenter(attempt) ?? (await this.#gate.take(attempt, 'try'))
    return tenancy && new Hold(tenancy)
  }

  /**
   * Acquires, runs `fn`, releases, and gives what `fn` gave. The options bound the acquiring, not `fn`.
   *
   * What `fn` throws is what this rejects with, whatever becomes of the release (that is only logged). If `fn` succeeded
   * but the lock was lost while it ran, this rejects with the `LockLostError`: another may have run at the same time.
   *
   * If re-entrant, `fn` and all that it starts are one holder: what acquires in there is in at once, beside each other too.
   */
  async run<T>(fn: (hold: Hold) => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`run needs a function, got ${typeof fn}`)
    const tenancy = await this.#acquire(options)
    const hold = new Hold(tenancy)
    const work = this.#isReentrant
      ? async () => holding(this.#zk, this.#key, hold, tenancy, () => fn(hold))
      : () => fn(hold)
    return runHeld(hold, this.#zk.logger, work)
  }

  /** Tasks of this process that wait for their turn here, and so are not among the {@link contenders}. */
  get localWaiters(): number {
    return this.#gate.localWaiters
  }

  /**
   * Who holds and who waits on the server, in order. Children that vanish while it asks are left out. Of this process
   * there is one at most, unless it does without the local queue.
   */
  async contenders(options: WaitOptions = {}): Promise<MutexContender[]> {
    using attempt = new Attempt(this.#zk, 'contenders', this.path, options)
    const members = await membersOf(this.#queue, attempt)
    return members.map((member, index) => ({ role: index === 0 ? 'holder' : 'waiter', ...member }))
  }

  /** One line for a log: who holds, who waits, and how long they have; and how many more wait in this process. */
  async describe(options: WaitOptions = {}): Promise<string> {
    const line = describeLine(await this.contenders(options), this.#zk.runtime.clock)
    const local = this.localWaiters === 0 ? '' : `; ${this.localWaiters} more in this process`
    return `mutex ${this.path} (${this.#queue.spec.dialect.name}): ${line}${local}`
  }

  /**
   * Asks a contender, as `contenders()` shows it, to give up: its owner is told if it listens (`onRevokeRequested`, or
   * Curator's `makeRevocable`). Advisory: that one may take its time, or ignore it. Curator's holders are told only of what comes
   * after they began to listen, so asking again may help. Needs WRITE on its znode.
   *
   * @returns `asked`, or `gone` if it is not there any more. On abort it may have been asked, or not.
   * @throws TypeError for what is no contender of this lock; `NoAuthError` …
   */
  async revoke(contender: Claim, options: WaitOptions = {}): Promise<Asked> {
    return revokeClaim(this.#zk, this.path, contender, options)
  }

  /**
   * For operators: takes the place of a contender away, whoever owns it, such as of a process that hangs and keeps its
   * session alive. Only exactly the znode that `contenders()` showed (path and czxid), never one that came later. If it held,
   * the next in line is let in **while the one before may still be at work**: its `signal` aborts with the reason `revoked` if it
   * is alive and watches, but a process that hangs does not hear it. Look at `sessionId`, `id` and `since` first. A waiter
   * that is broken queues up again, at the end.
   *
   * Needs DELETE on the parent, and WRITE on the znode: without that the reason told is `node-deleted`.
   *
   * @returns `broken`, or `gone` if it had gone before. On abort it may have been broken, or not.
   * @throws TypeError for what is no contender of this lock; `NoAuthError` …
   */
  async break(contender: Claim, options: WaitOptions = {}): Promise<Broken> {
    return breakClaim(this.#zk, this.path, contender, options)
  }
}
