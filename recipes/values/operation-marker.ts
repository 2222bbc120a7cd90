/**
 * The operation id of a writer: an ephemeral child of the value's znode, whose version counts the writes of its owner.
 *
 *   path                         the value
 *   path/_op_<uuid>              ephemeral, empty; set in the same transaction as the value
 *
 * Every write is one transaction: set the value at the version that was read, and set the marker at the version that we
 * left it with. So after a lost reply the marker says whether *our* write was applied, whatever others wrote since. The
 * version of the value can't say that: one further may be somebody else's write of the same bytes.
 *
 * Not obvious:
 * - As long as the marker stands, the value's znode can't have been deleted and made again (a znode with children can't
 *   be deleted). So a version read after the marker was made stands for one state of one znode; without it, a znode made
 *   again may have the version of the old one with another value.
 * - Neither Curator nor kazoo look at children of a value's znode, and children change neither its data nor its version.
 * - It costs no request of its own but for the first write of a handle on a session: there it is made along with the read.
 *   It is taken away when the handle has been idle for a while, is closed, or its session ends.
 * - The one outcome that it can't tell: the reply was lost *and* the session ended before we could ask, as the marker
 *   ended with it. A persistent marker could tell, and would be left behind by every process that dies.
 */
import type { Acl } from '../../src/api/acl.js'
import { joinPath } from '../../src/api/path.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { IdleTimer } from '../kernel/idle-timer.js'
import { Janitor } from '../kernel/janitor.js'
import { makeEphemeral } from '../kernel/make-ephemeral.js'
import { sessionTimer } from '../kernel/session-timer.js'

/** After that long without a write the marker is taken away. */
export const IDLE_MS = 5_000

/** Far from where int32 versions end: −1 would mean "any version". A marker that old is replaced. */
const WORN_OUT = 2_000_000_000

/** What names of markers begin with. */
export const MARKER_PREFIX = '_op_'

export class OperationMarker {
  readonly path: string
  readonly session: Session
  /** As of our last write that is known to be applied. */
  version = 0
  readonly #zk: Zk
  readonly #idle: IdleTimer
  #gone: Promise<unknown> | undefined

  private constructor(zk: Zk, path: string, session: Session, onIdle: () => void) {
    this.#zk = zk
    this.path = path
    this.session = session
    this.#idle = new IdleTimer({
      clock: { now: () => zk.runtime.clock.now(), setTimer: (ms, fn) => sessionTimer(zk, session, ms, fn) },
      idleMs: IDLE_MS,
      onIdle,
    })
  }

  /**
   * Makes one; the request is on its way when this returns. A lost reply is resolved by making it again: its name is its
   * own. Rejects with `NO_NODE` if there is no value; whatever it rejects with, nothing is left.
   */
  static async make(
    zk: Zk,
    parent: string,
    session: Session,
    options: {
      readonly signal: AbortSignal
      readonly acl?: readonly Acl[] | undefined
      /** Nobody has used it for a while: it is to be removed. */
      readonly onIdle: () => void
    },
  ): Promise<OperationMarker> {
    const name = MARKER_PREFIX + zk.runtime.random.uuid()
    const path = joinPath(parent, name)
    await makeEphemeral(zk, { parent, name, session, acl: options.acl }, options.signal)
    return new OperationMarker(zk, path, session, options.onIdle)
  }

  get isUsable(): boolean {
    return !this.session.signal.aborted && this.#gone === undefined && this.version < WORN_OUT
  }

  /** It is in use: it stays. */
  wake(): void {
    this.#idle.wake()
  }

  /** Nobody uses it for now. */
  rest(): void {
    if (this.isUsable) this.#idle.rest()
  }

  /** Takes it away for good. Resolves when it is gone, or the session is over. Idempotent, never rejects. */
  async remove(): Promise<void> {
    this.#idle.stop()
    this.#gone ??= Janitor.of(this.#zk).remove(this.path, this.session)
    await this.#gone
  }
}
