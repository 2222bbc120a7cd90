/**
 * A lock that many may hold for reading at a time, or one for writing; across processes and languages.
 *
 * On the server: `path/_c_<uuid>-__READ__<sequence>` and `path/_c_<uuid>-__WRIT__<sequence>`, ephemeral, one per
 * contender (Curator's InterProcessReadWriteLock; kazoo's `__rlock__` and `__lock__` by option). First come, first
 * served, by the number alone: a reader is let in when no writer is ahead of it, a writer when nobody is. So a writer
 * that waits holds back the readers behind it, and is never starved. Who watches whom: admission.ts. A hold is lost when
 * its session ends or somebody deletes its znode.
 *
 * A write hold can become a read hold with nobody in between (kernel/replace-place.ts); the other way does not exist: two that
 * tried it would wait for each other.
 *
 * Handles own holds, not threads or tasks. Only inside of `run` it is known who holds, and there a wait for oneself is
 * refused (nesting.ts).
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { validatePath } from '../../src/api/path.js'
import type { Data, Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkData } from '../kernel/check.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import { describeLine } from '../kernel/description.js'
import { localAddress } from '../kernel/local-address.js'
import { lossPolicyOf, type LossPolicy } from '../kernel/loss-policy.js'
import { breakClaim, revokeClaim, type Asked, type Broken, type Claim } from '../kernel/revocation.js'
import { readWriteDialectOf, type ReadWriteDialectName } from './read-write-dialect.js'
import { lineOf, type ReadWriteContender } from './read-write-contender.js'
import { ReadLock } from './read-lock.js'
import { WriteLock } from './write-lock.js'

export interface ReadWriteLockOptions {
  /** Whose names to use. Default `curator`. */
  readonly dialect?: ReadWriteDialectName | undefined
  /** Written into our znodes, to show who queues there. Default: as the dialect has it (Curator: this host's address). */
  readonly id?: Data | undefined
  /** For our znodes and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /** What to make of a lost connection: nothing before the session may be over (`deadline`, default), or a loss at once. */
  readonly lossPolicy?: LossPolicy | undefined
}

export class ReadWriteLock {
  readonly path: string
  /** Shared: held by any number at a time, while nobody holds or waits ahead for writing. */
  readonly readLock: ReadLock
  /** Exclusive: held by one, while nobody else holds in either way. */
  readonly writeLock: WriteLock
  readonly #zk: Zk
  readonly #dialect: string
  readonly #line: (attempt: Attempt) => Promise<ReadWriteContender[]>

  /**
   * @param path - the parent of the contenders' znodes. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, dialect or ACL.
   */
  constructor(zk: Zk, path: string, options: ReadWriteLockOptions = {}) {
    validatePath(path)
    const { id, acl } = options
    if (acl !== undefined) validateAcl(acl)
    checkData('id', id)
    const lossPolicy = lossPolicyOf(options.lossPolicy)
    const { read, write, isReader } = readWriteDialectOf(options.dialect ?? 'curator')
    const data = id ?? (read.data === 'address' ? localAddress() : '')
    const readers = new ContenderQueue({ zk, container: path, dialect: read, data, acl, lossPolicy })
    const writers = new ContenderQueue({ zk, container: path, dialect: write, data, acl, lossPolicy })
    this.path = path
    this.#zk = zk
    this.#dialect = read.name
    this.#line = async (attempt) => lineOf(readers, isReader, attempt)
    this.readLock = new ReadLock(readers, isReader, this.#line)
    this.writeLock = new WriteLock(writers, readers, isReader, this.#line)
  }

  /** Who holds and who waits, readers and writers in one line. Children that vanish while it asks are left out. */
  async contenders(options: WaitOptions = {}): Promise<ReadWriteContender[]> {
    using attempt = new Attempt(this.#zk, 'contenders', this.path, options)
    return await this.#line(attempt)
  }

  /** One line for a log: who holds, who waits, and how long they have. */
  async describe(options: WaitOptions = {}): Promise<string> {
    const line = describeLine(await this.contenders(options), this.#zk.runtime.clock)
    return `read-write lock ${this.path} (${this.#dialect}): ${line}`
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
