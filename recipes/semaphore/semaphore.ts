/**
 * A number of permits, shared by processes: an acquire takes one or more of them, all or none, or waits in line.
 *
 * - Never half: who waits for two holds neither, so two that ask for 2 of 2 never wait for each other.
 * - First come, first served, whatever the sizes: small requests behind a big one wait for it, so it is not starved.
 * - A lease is ephemeral: it ends with its session.
 *
 * On the server: our own layout, one znode a request (native-pool.ts), or by option that of Curator's
 * InterProcessSemaphoreV2 or of kazoo's Semaphore (guarded-pool.ts). Processes share permits only if all use one layout.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { parentOf, validatePath } from '../../src/api/path.js'
import type { Data, Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkData } from '../kernel/check.js'
import { describeLine } from '../kernel/description.js'
import { localAddress } from '../kernel/local-address.js'
import { lossPolicyOf, type LossPolicy } from '../kernel/loss-policy.js'
import { breakClaim, revokeClaim, type Asked, type Broken, type Claim } from '../kernel/revocation.js'
import { runHeld } from '../kernel/run-held.js'
import { curatorLayout, kazooLayout } from './guarded-layout.js'
import { GuardedPool } from './guarded-pool.js'
import type { Lease } from './lease.js'
import { NativePool } from './native-pool.js'
import { checkPermits, PermitLimit, type SharedPermits } from './permit-limit.js'
import type { Pool, SemaphoreContender } from './pool.js'

export type SemaphoreDialectName = 'native' | 'curator' | 'kazoo'

export interface SemaphoreOptions {
  /** How many there are: a number that all processes agree on, or a znode that says it and can be changed. */
  readonly permits: number | SharedPermits
  /** Whose layout to use. Default `native`. */
  readonly dialect?: SemaphoreDialectName | undefined
  /** Written into our znodes, to show who holds. Default: this host's address (kazoo: nothing). */
  readonly id?: Data | undefined
  /** For our znodes and for missing parents. It must let us write and delete our own. Default: the client's. */
  readonly acl?: readonly Acl[] | undefined
  /** What to make of a lost connection: nothing before the session may be over (`deadline`, default), or a loss at once. */
  readonly lossPolicy?: LossPolicy | undefined
}

export interface SemaphoreRunOptions extends WaitOptions {
  /** How many to hold while it runs. Default 1. */
  readonly permits?: number | undefined
}

export class Semaphore {
  readonly path: string
  readonly dialect: SemaphoreDialectName
  readonly #zk: Zk
  readonly #limit: PermitLimit
  readonly #pool: Pool

  /**
   * @param path - of the semaphore. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, number, dialect, ACL or loss policy.
   */
  constructor(zk: Zk, path: string, options: SemaphoreOptions) {
    validatePath(path)
    const { permits, dialect = 'native', id, acl } = options
    const lossPolicy = lossPolicyOf(options.lossPolicy)
    if (acl !== undefined) validateAcl(acl)
    checkData('id', id)
    this.path = path
    this.dialect = dialect
    this.#zk = zk
    this.#limit = new PermitLimit(zk, permits, acl)
    const data = id ?? (dialect === 'kazoo' ? '' : localAddress())
    const spec = { zk, container: path, data, acl, lossPolicy }
    if (dialect === 'native') this.#pool = new NativePool(spec, this.#limit)
    else if (dialect === 'curator') this.#pool = new GuardedPool(spec, curatorLayout, this.#limit)
    else if ((dialect as string) === 'kazoo') this.#pool = new GuardedPool(spec, kazooLayout, this.#limit)
    else {
      const given = JSON.stringify(dialect)
      throw new TypeError(`unknown dialect ${given} for a semaphore: use one of native, curator, kazoo`)
    }
    if (dialect === 'kazoo' && this.#limit.fixed === undefined)
      throw new TypeError('kazoo writes the number of permits into the semaphore: it can not be shared')
  }

  /**
   * Queues up and resolves when all of `permits` are held. One round trip if they are free (`curator`, `kazoo`: two, and
   * one for the list). While it waits, it holds none.
   *
   * It waits through lost connections, and through the end of its session, after which it queues up again at the end.
   * Whenever it rejects, its znodes are gone or are being deleted in the background until that is confirmed.
   *
   * More than a shared limit has now are waited for until it is raised, and everybody behind waits too.
   *
   * @throws TimeoutError when `timeoutMs` is over; the signal's reason on abort; `ClosedError`; what the server refuses
   * (`NoAuthError` …); `NoNodeError` if a shared limit is missing; `RangeError` at once for more than a fixed limit.
   */
  async acquire(permits = 1, options: WaitOptions = {}): Promise<Lease> {
    this.#check(permits)
    using attempt = new Attempt(this.#zk, `acquire ${permits} of`, this.path, options)
    if (options.timeoutMs !== 0) return await this.#pool.wait(permits, attempt)
    const lease = await this.#pool.try(permits, attempt)
    if (lease !== undefined) return lease
    attempt.stage = 'too few were free, or others waited'
    throw attempt.timeout()
  }

  /**
   * Takes them if they are free and nobody waits, else undefined. It looks before it queues: a busy semaphore costs one
   * round trip and no write. Waits only for the server's answers. With `curator` and `kazoo` it may also say undefined
   * while another one is just taking or trying.
   *
   * @throws as {@link acquire}; never because it is busy.
   */
  async tryAcquire(permits = 1, options: WaitOptions = {}): Promise<Lease | undefined> {
    this.#check(permits)
    using attempt = new Attempt(this.#zk, `tryAcquire ${permits} of`, this.path, options)
    return await this.#pool.try(permits, attempt)
  }

  /**
   * Acquires, runs `fn`, releases, and gives what `fn` gave. The options bound the acquiring, not `fn`.
   *
   * What `fn` throws is what this rejects with. If `fn` succeeded but the lease was lost while it ran, this rejects with
   * the `LockLostError`: more than the limit may have run at the same time.
   */
  async run<T>(fn: (lease: Lease) => T | Promise<T>, options: SemaphoreRunOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`run needs a function, got ${typeof fn}`)
    const lease = await this.acquire(options.permits, options)
    return runHeld(lease, this.#zk.logger, () => fn(lease))
  }

  #check(permits: number): void {
    checkPermits(permits, 1, 'permits')
    const { fixed } = this.#limit
    if (fixed !== undefined && permits > fixed)
      throw new RangeError(`${permits} permits can never be had: there are ${fixed}`)
  }

  /** How many permits there are: the fixed number, or what the shared limit says now. */
  async limit(options: WaitOptions = {}): Promise<number> {
    using attempt = new Attempt(this.#zk, 'limit', this.path, options)
    return (await this.#limit.read(attempt)).permits
  }

  /**
   * Changes a shared limit, for all processes (Curator's, with a SharedCount on it, too). Up: waiters are let in. Down:
   * who holds goes on, and nobody is let in until so many have left. 0 stops all.
   *
   * @throws TypeError if the limit is fixed; `ConnectionLossError` (`outcome` unknown) if the reply got lost and others
   * have changed it since; `NoAuthError` …
   */
  async resize(permits: number, options: WaitOptions = {}): Promise<void> {
    using attempt = new Attempt(this.#zk, 'resize', this.path, options)
    await this.#limit.write(permits, attempt)
  }

  /**
   * Who holds and who waits, holders first, each in order. Znodes that vanish while it asks are left out. In the native
   * layout, a holder that a lowered limit leaves no room for may be shown as a waiter: its znode does not tell. In the
   * others, the first waiter may be one that has just the lock and is about to take a free permit.
   */
  async contenders(options: WaitOptions = {}): Promise<SemaphoreContender[]> {
    using attempt = new Attempt(this.#zk, 'contenders', this.path, options)
    return await this.#pool.contenders(attempt)
  }

  /** The leases. */
  async holders(options: WaitOptions = {}): Promise<SemaphoreContender[]> {
    return (await this.contenders(options)).filter(({ role }) => role === 'holder')
  }

  /** One line for a log: how many permits are taken, by how many, and how many wait. */
  async describe(options: WaitOptions = {}): Promise<string> {
    using attempt = new Attempt(this.#zk, 'describe', this.path, options)
    const contenders = await this.#pool.contenders(attempt)
    const { permits } = await this.#limit.read(attempt)
    const holders = contenders.filter(({ role }) => role === 'holder')
    const taken = holders.reduce((sum, holder) => sum + (holder.permits ?? 0), 0)
    const line = describeLine(contenders, this.#zk.runtime.clock, 'none held')
    return `semaphore ${this.path} (${this.dialect}): ${taken} of ${permits} permits in ${holders.length} leases, ${line}`
  }

  /**
   * Asks a contender, as `contenders()` shows it, to give up: its owner is told if it listens (`onRevokeRequested` of its
   * lease). Advisory. Needs WRITE on its znodes.
   *
   * @returns `asked`, or `gone` if none of its znodes is there any more. On abort it may have been asked, or not.
   * @throws TypeError for what is no contender of this semaphore; `NoAuthError` …
   */
  async revoke(contender: Pick<SemaphoreContender, 'znodes'>, options: WaitOptions = {}): Promise<Asked> {
    const outcomes = await this.#each(contender, options, revokeClaim)
    return outcomes.includes('asked') ? 'asked' : 'gone'
  }

  /**
   * For operators: takes a lease or a place in the line away, whoever owns it. Only exactly the znodes that `contenders()`
   * showed, never one that came later. Others are let in **while that one may still be at work**: its `signal` aborts with the
   * reason `revoked` if it is alive and watches. Look at `sessionId`, `id` and `since` first. A waiter that is broken queues
   * up again, at the end. Of several znodes, some may have been deleted when it rejects.
   *
   * Needs DELETE on the parent, and WRITE on the znodes: without that the reason told is `node-deleted`.
   *
   * @returns `broken`, or `gone` if all of it had gone before. On abort it may have been broken, or not.
   * @throws TypeError for what is no contender of this semaphore; `NoAuthError` …
   */
  async break(contender: Pick<SemaphoreContender, 'znodes'>, options: WaitOptions = {}): Promise<Broken> {
    const outcomes = await this.#each(contender, options, breakClaim)
    return outcomes.includes('broken') ? 'broken' : 'gone'
  }

  async #each<T>(
    { znodes }: Pick<SemaphoreContender, 'znodes'>,
    options: WaitOptions,
    act: (zk: Zk, container: string, claim: Claim, options: WaitOptions) => Promise<T>,
  ): Promise<T[]> {
    const { containers } = this.#pool
    const container =
      containers.find((each) => znodes.every(({ path }) => parentOf(path) === each)) ?? this.path
    return Promise.all(znodes.map(async (claim) => act(this.#zk, container, claim, options)))
  }
}
