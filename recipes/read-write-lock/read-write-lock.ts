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
import { ContenderQueue } from '../kernel/contender-queue.js'
import { localAddress } from '../kernel/local-address.js'
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
}

export class ReadWriteLock {
  readonly path: string
  /** Shared: held by any number at a time, while nobody holds or waits ahead for writing. */
  readonly readLock: ReadLock
  /** Exclusive: held by one, while nobody else holds in either way. */
  readonly writeLock: WriteLock
  readonly #zk: Zk
  readonly #line: (attempt: Attempt) => Promise<ReadWriteContender[]>

  /**
   * @param path - the parent of the contenders' znodes. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, dialect or ACL.
   */
  constructor(zk: Zk, path: string, options: ReadWriteLockOptions = {}) {
    validatePath(path)
    const { id, acl } = options
    if (acl !== undefined) validateAcl(acl)
    const { read, write, isReader } = readWriteDialectOf(options.dialect ?? 'curator')
    const data = id ?? (read.data === 'address' ? localAddress() : '')
    const readers = new ContenderQueue({ zk, container: path, dialect: read, data, acl })
    const writers = new ContenderQueue({ zk, container: path, dialect: write, data, acl })
    this.path = path
    this.#zk = zk
    this.#line = async (attempt) => lineOf(readers, isReader, attempt)
    this.readLock = new ReadLock(readers, isReader, this.#line)
    this.writeLock = new WriteLock(writers, readers, isReader, this.#line)
  }

  /** Who holds and who waits, readers and writers in one line. Children that vanish while it asks are left out. */
  async contenders(options: WaitOptions = {}): Promise<ReadWriteContender[]> {
    using attempt = new Attempt(this.#zk, 'contenders', this.path, options)
    return await this.#line(attempt)
  }
}
