/**
 * A gate across processes: closed while its znode exists, open when it does not.
 *
 * On the server: `path`, persistent, empty (Curator's DistributedBarrier, kazoo's Barrier). Who waits watches it with
 * `exists` and looks again at each event, so that no stray wake-up lets anybody through.
 *
 * Lost replies. A lost `remove` is resolved by the znode's czxid: the one that was there is gone, or it is not. A lost `set` is
 * resolved by looking: the znode is there; or it is not and the parent has not changed since (pzxid), so it was never made. If
 * it is not there and the parent has changed, it may have been made and removed again: that is said, as an unknown outcome.
 */
import type { Acl } from '../src/api/acl.js'
import { validateAcl } from '../src/api/acl.js'
import { ConnectionLossError, hasCode } from '../src/api/errors.js'
import { parentOf, validatePath } from '../src/api/path.js'
import type { Data, Zk } from '../src/api/zk.js'
import { abortable } from '../src/runtime/abort.js'
import { Attempt, type WaitOptions } from './kernel/attempt.js'
import { checkData } from './kernel/check.js'
import { isUnknown } from './kernel/failure.js'
import { Final, repeatUntil } from './kernel/repeat.js'
import { WakeUp } from './kernel/wake-up.js'

export interface BarrierOptions {
  /** Written into the znode. Default: nothing. */
  readonly data?: Data | undefined
  /** For the znode and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
}

export class Barrier {
  readonly path: string
  readonly #zk: Zk
  readonly #options: BarrierOptions

  /** @throws TypeError, RangeError for a bad path or ACL. */
  constructor(zk: Zk, path: string, options: BarrierOptions = {}) {
    validatePath(path)
    if (options.acl !== undefined) validateAcl(options.acl)
    checkData('data', options.data)
    this.path = path
    this.#zk = zk
    this.#options = options
  }

  /**
   * Closes it. Resolves with whether it was open; missing parents are made. After an abort or a time limit it may be
   * closed, if the request was on its way.
   *
   * @throws ConnectionLossError with outcome `unknown` (see the head of this file); it may simply be called again.
   */
  async set(options: WaitOptions = {}): Promise<boolean> {
    using attempt = new Attempt(this.#zk, 'close', this.path, options)
    const parent = parentOf(this.path)
    let lost: { readonly pzxid: bigint | undefined; readonly error: unknown } | undefined
    return await repeatUntil(this.#zk, attempt, async (limits) => {
      // One round trip: the parent as it was before, and the barrier.
      const synced = this.#zk.sync(this.path, limits)
      const looking = [parent, this.path].map(async (path) => this.#zk.exists(path, limits))
      const [[above, there]] = await both(Promise.all(looking), synced)
      if (there !== undefined) return lost !== undefined
      if (lost !== undefined && above?.pzxid !== lost.pzxid) throw this.#unknown(lost.error)
      lost = undefined
      const { data = null, acl } = this.#options
      const creating = this.#zk.create(this.path, data, {
        generation: limits.generation,
        ...(acl && { acl }),
      })
      try {
        await abortable(creating, attempt.signal)
        return true
      } catch (error) {
        if (hasCode(error, 'NODE_EXISTS')) return false
        if (isUnknown(error) && !attempt.signal.aborted) lost = { pzxid: above?.pzxid, error }
        if (!hasCode(error, 'NO_NODE')) throw error
        const mode = this.#zk.supports('containers') ? 'container' : 'persistent'
        await this.#zk.ensurePath(parent, { mode, ...limits, ...(acl && { acl }) })
        return undefined
      }
    })
  }

  /** Opens it. Resolves with whether it was closed. Rejects as the server does (`NO_AUTH`, `NOT_EMPTY` …). */
  async remove(options: WaitOptions = {}): Promise<boolean> {
    using attempt = new Attempt(this.#zk, 'open', this.path, options)
    let seen: bigint | undefined
    return await repeatUntil(this.#zk, attempt, async (limits) => {
      const synced = this.#zk.sync(this.path, limits)
      const [, there] = await both(synced, this.#zk.exists(this.path, limits))
      // The one that we were to remove is gone; that another was set since is another matter.
      if (seen !== undefined && there?.czxid !== seen) return true
      if (there === undefined) return false
      seen = there.czxid
      const { generation } = limits
      await abortable(this.#zk.delete(this.path, { generation }), attempt.signal).catch((error: unknown) => {
        if (!hasCode(error, 'NO_NODE')) throw error
      })
      return true
    })
  }

  /** Whether it is closed, in sync with the leader. */
  async isSet(options: WaitOptions = {}): Promise<boolean> {
    using attempt = new Attempt(this.#zk, 'look at', this.path, options)
    return await repeatUntil(this.#zk, attempt, async (limits) => {
      const synced = this.#zk.sync(this.path, limits)
      const [, there] = await both(synced, this.#zk.exists(this.path, limits))
      return there !== undefined
    })
  }

  /**
   * Resolves when it is open: at once if it is. Waits through lost connections and ended sessions. Leaves no watch
   * behind.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    const zk = this.#zk
    using attempt = new Attempt(zk, 'wait at', this.path, options)
    await repeatUntil(this.#zk, attempt, async (limits, session) => {
      using wakeUp = new WakeUp(zk, session)
      // Sent in front of the look.
      const [, now] = await both(zk.sync(this.path, limits), zk.exists(this.path, limits))
      if (now === undefined) return true
      for (;;) {
        const { generation } = limits
        const looking = wakeUp.on(this.path, async (watch) => zk.exists(this.path, { watch, generation }))
        if ((await abortable(looking, attempt.signal)) === undefined) return true
        attempt.stage = 'it was closed'
        await abortable(wakeUp.next(), attempt.signal)
        session.signal.throwIfAborted()
      }
    })
  }

  #unknown(cause: unknown): Final {
    const message = `${this.path}: the reply to the closing got lost, and what became of it can not be found out`
    return new Final(new ConnectionLossError(message, { path: this.path, cause }))
  }
}

/** Both answers; the second may fail first without being unhandled. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  return Promise.all([first, second])
}
