/**
 * Begin together, end together: `n` members enter when all are there, and leave when all are done.
 *
 * The default layout is our own (native-round.ts): it can't be passed by too few. With `dialect` it is Curator's or
 * kazoo's (shared-ready.ts), for members in Java and Python; what those layouts can't promise is said there and in the guide.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { UnsupportedError } from '../../src/api/errors.js'
import { validatePath } from '../../src/api/path.js'
import type { Data, Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkData, checkOneOf } from '../kernel/check.js'
import { BarrierPass } from './barrier-pass.js'
import { enterRound, leaveRound, memberDialect } from './native-round.js'
import { SharedReady } from './shared-ready.js'

export type DoubleBarrierDialectName = 'native' | 'curator' | 'kazoo'

export interface DoubleBarrierOptions {
  /** How many enter and leave together: the same in all processes. */
  readonly members: number
  /** Whose znodes: our own (the default), or those of Curator's DistributedDoubleBarrier or kazoo's DoubleBarrier. */
  readonly dialect?: DoubleBarrierDialectName | undefined
  /** Written into our znode, in the dialects only. Default: nothing. */
  readonly id?: Data | undefined
  /** For our znodes and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
}

const MOST_MEMBERS = 5_000

export class DoubleBarrier {
  readonly path: string
  readonly members: number
  readonly #zk: Zk
  readonly #options: DoubleBarrierOptions
  readonly #dialect: DoubleBarrierDialectName

  /**
   * @param path - the parent of the members' znodes. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, number, dialect or ACL.
   */
  constructor(zk: Zk, path: string, options: DoubleBarrierOptions) {
    validatePath(path)
    const { members, dialect = 'native', acl } = options
    if (!Number.isSafeInteger(members))
      throw new TypeError(`members must be an integer, got ${String(members)}`)
    if (members < 1 || members > MOST_MEMBERS)
      throw new RangeError(`members must be from 1 to ${MOST_MEMBERS}, got ${members}`)
    checkOneOf('dialect', dialect, ['native', 'curator', 'kazoo'])
    checkData('id', options.id)
    if (acl !== undefined) validateAcl(acl)
    this.path = path
    this.members = members
    this.#zk = zk
    this.#options = options
    this.#dialect = dialect
  }

  /**
   * Waits until all members are there. Waits through lost connections, and through the end of the session, after which
   * it comes anew. Whenever it rejects, our znode is gone or being deleted in the background; until that is confirmed
   * the others may still count us as there.
   *
   * Source: the double barrier of ZooKeeper's recipes page; the rounds are our own.
   *
   * @throws TimeoutError, the signal's reason, `ClosedError`, what the server refuses; `UnsupportedError` if the
   * driver has no transactions and the layout is our own.
   */
  async enter(options: WaitOptions = {}): Promise<BarrierPass> {
    const { path, members } = this
    const zk = this.#zk
    const { acl, id = null } = this.#options
    using attempt = new Attempt(zk, 'enter', path, options)
    if (this.#dialect !== 'native') {
      const shared = new SharedReady({ zk, path, members, acl, data: id, names: this.#dialect })
      const place = await shared.enter(attempt)
      return new BarrierPass(place, place.czxid, async (remove, leaving) =>
        shared.leave(place, remove, leaving),
      )
    }
    if (!zk.supports('transactions'))
      throw new UnsupportedError(
        'UNSUPPORTED',
        `${path}: rounds need transactions, which this driver has not: use the built-in client, or the dialect 'curator'`,
        { path },
      )
    const spec = { zk, container: path, dialect: memberDialect(members), data: null, acl }
    const entered = await enterRound(spec, members, attempt)
    return new BarrierPass(entered.place, entered.round, async (remove, leaving) =>
      leaveRound(spec, entered, remove, leaving),
    )
  }

  /**
   * Enters, runs `fn`, leaves, and gives what `fn` gave. The options bound the entering. If `fn` throws, our znode is
   * deleted, nobody is waited for, and this rejects with what it threw.
   */
  async run<T>(fn: (pass: BarrierPass) => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`run needs a function, got ${typeof fn}`)
    const pass = await this.enter(options)
    let result: T
    try {
      result = await fn(pass)
    } catch (error) {
      await pass.withdraw()
      throw error
    }
    await pass.leave()
    return result
  }
}
