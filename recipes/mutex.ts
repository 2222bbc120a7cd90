/**
 * A lock that one holds at a time, across processes and languages.
 *
 * On the server: `path/_c_<uuid>-lock-<sequence>`, ephemeral, one per contender (Curator's InterProcessMutex; other
 * dialects by option). Who stands first holds. A waiter watches only the contender right ahead of it, so a release wakes
 * one. A hold is lost when its session ends or somebody deletes its znode; then the next in line is let in.
 *
 * Handles own holds, not threads or tasks: an `acquire` inside a hold queues up behind it like anybody else.
 */
import type { Acl } from '../src/api/acl.js'
import { validateAcl } from '../src/api/acl.js'
import { validatePath } from '../src/api/path.js'
import type { Data, Zk } from '../src/api/zk.js'
import { Attempt, type WaitOptions } from './kernel/attempt.js'
import { ContenderQueue } from './kernel/contender-queue.js'
import { dialectOf, type Dialect, type DialectName } from './kernel/dialect.js'
import { Hold } from './kernel/hold.js'
import { first } from './kernel/line.js'
import { localAddress } from './kernel/local-address.js'
import { membersOf, type QueueMember } from './kernel/members.js'
import { runHeld } from './kernel/run-held.js'

export interface MutexOptions {
  /** Whose names to use. Default `curator`. */
  readonly dialect?: DialectName | Dialect | undefined
  /** Written into our znodes, to show who queues there. Default: as the dialect has it (Curator: this host's address). */
  readonly id?: Data | undefined
  /** For our znodes and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
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

  /**
   * @param path - the parent of the contenders' znodes. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, dialect or ACL.
   */
  constructor(zk: Zk, path: string, options: MutexOptions = {}) {
    validatePath(path)
    if (options.acl !== undefined) validateAcl(options.acl)
    const dialect = dialectOf(options.dialect ?? 'curator')
    this.path = path
    this.#zk = zk
    const data = options.id ?? (dialect.data === 'address' ? localAddress() : '')
    this.#queue = new ContenderQueue({ zk, container: path, dialect, data, acl: options.acl })
  }

  /**
   * Queues up and resolves when it is held. First come, first served. One round trip if it is free.
   *
   * It waits through lost connections, and through the end of its session, after which it queues up again at the end.
   * Whenever it rejects, its znode is gone or is being deleted in the background until that is confirmed.
   *
   * @throws TimeoutError when `timeoutMs` is over; the signal's reason on abort; `ClosedError`; what the server
   * refuses (`NoAuthError` …).
   */
  async acquire(options: WaitOptions = {}): Promise<Hold> {
    using attempt = new Attempt(this.#zk, 'acquire', this.path, options)
    if (options.timeoutMs !== 0) return new Hold(await this.#queue.wait(first, attempt))
    const place = await this.#queue.try(first, attempt)
    if (place !== undefined) return new Hold(place)
    attempt.stage = 'somebody else held it'
    throw attempt.timeout()
  }

  /**
   * Takes it if it is free: undefined if somebody holds it or waits for it. A free lock takes two round trips (it looks
   * before it queues), a busy one takes one and writes nothing. Waits only for the server's answer.
   *
   * @throws as {@link acquire}; never because it is busy.
   */
  async tryAcquire(options: WaitOptions = {}): Promise<Hold | undefined> {
    using attempt = new Attempt(this.#zk, 'tryAcquire', this.path, options)
    const place = await this.#queue.try(first, attempt)
    return place === undefined ? undefined : new Hold(place)
  }

  /**
   * Acquires, runs `fn`, releases, and gives what `fn` gave. The options bound the acquiring, not `fn`.
   *
   * What `fn` throws is what this rejects with, whatever becomes of the release (that is only logged). If `fn` succeeded
   * but the lock was lost while it ran, this rejects with the `LockLostError`: another may have run at the same time.
   */
  async run<T>(fn: (hold: Hold) => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`run needs a function, got ${typeof fn}`)
    const hold = await this.acquire(options)
    return runHeld(hold, this.#zk.logger, () => fn(hold))
  }

  /** Who holds and who waits, in order. Children that vanish while it asks are left out. */
  async contenders(options: WaitOptions = {}): Promise<MutexContender[]> {
    using attempt = new Attempt(this.#zk, 'contenders', this.path, options)
    const members = await membersOf(this.#queue, attempt)
    return members.map((member, index) => ({ role: index === 0 ? 'holder' : 'waiter', ...member }))
  }
}
