/**
 * One of many processes is in charge for as long as it lives: who started first leads, the others stand by.
 *
 * On the server: `path/_c_<uuid>-latch-<sequence>`, ephemeral, one per participant, with its id as data (Curator's
 * LeaderLatch). Who stands first leads. A participant that waits watches only the one right ahead of it.
 *
 * The latch is a loop: queue up, lead, and when leadership is over queue up again, for as long as it is started. It
 * leads only by the place that the kernel granted it, on the session and generation that made it; a znode of an
 * earlier session is never its own. That is what Curator got wrong and mended from 644 over 696 to 724: there a latch
 * finds "its" node by name after a reconnect, and the fixes traded two leaders for a livelock and that for none.
 *
 * States: latent → started → closed or failed. The last two are final. It fails when the server refuses its znode for
 * good (no right to create it, client closed …): a latch that neither leads nor waits says so.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import { ClosedError, hasCode } from '../../src/api/errors.js'
import { validatePath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable, quietController } from '../../src/runtime/abort.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { checkOneOf } from '../kernel/check.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import type { Dialect } from '../kernel/dialect.js'
import { Feed } from '../kernel/feed.js'
import { Janitor } from '../kernel/janitor.js'
import { first } from '../kernel/line.js'
import { lossPolicyOf, type LossPolicy } from '../kernel/loss-policy.js'
import { membersOf, type QueueMember } from '../kernel/members.js'
import type { Place } from '../kernel/place.js'
import { SEQUENCE_PATTERN } from '../kernel/sequence.js'
import { Leadership } from './leadership.js'
import { findLeader, type Leader } from './leader.js'
import { participantId } from './participant-id.js'

export interface LeaderLatchOptions {
  /** Who we are, for the others to see. Default: host name and process id. */
  readonly id?: string | undefined
  /** For our znode and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /**
   * When leadership counts as lost while the connection is: `deadline` (default), when the session may be over by our
   * own clock; `suspended`, at once.
   */
  readonly lossPolicy?: LossPolicy | undefined
}

export interface LatchCloseOptions extends WaitOptions {
  /**
   * Whether those who use the latch are told that it leads no more. `silent` (default): no, whoever closes it knows.
   * `notify`: the `signal` of its leadership aborts (reason `resigned`) and its listeners hear of it, before the znode
   * is deleted, so before another one can lead.
   */
  readonly mode?: 'silent' | 'notify' | undefined
}

export type LatchState =
  | { readonly status: 'latent' }
  | {
      readonly status: 'started'
      /** Undefined while another one leads, or nobody can be known to. */
      readonly leadership: Leadership | undefined
    }
  | { readonly status: 'closed' }
  | { readonly status: 'failed'; readonly error: unknown }

export interface LatchParticipant extends QueueMember {
  /** The first in line, as of the answer. */
  readonly isLeader: boolean
}

/** Curator orders all children by what follows the last `latch-`. */
const curatorLatch: Dialect = {
  name: "Curator's LeaderLatch",
  create: '_c_{uuid}-latch-',
  contenders: [new RegExp(`latch-${SEQUENCE_PATTERN}$`)],
}

export class LeaderLatch implements AsyncDisposable {
  readonly path: string
  readonly id: string
  readonly #zk: Zk
  readonly #queue: ContenderQueue
  readonly #feed: Feed<LatchState>
  readonly #closing = quietController()
  #place: Place | undefined
  #running: Promise<void> | undefined
  #closed: Promise<void> | undefined

  /**
   * @param path - the parent of the participants' znodes. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, id, ACL or loss policy.
   */
  constructor(zk: Zk, path: string, options: LeaderLatchOptions = {}) {
    validatePath(path)
    if (options.acl !== undefined) validateAcl(options.acl)
    this.path = path
    this.id = participantId(options.id)
    this.#zk = zk
    this.#feed = new Feed<LatchState>(zk.logger, { status: 'latent' })
    this.#queue = new ContenderQueue({
      zk,
      container: path,
      dialect: curatorLatch,
      data: this.id,
      acl: options.acl,
      lossPolicy: lossPolicyOf(options.lossPolicy),
    })
  }

  get state(): LatchState {
    return this.#feed.value
  }

  /** The leadership that is ours now, as far as is known; undefined while it is not. */
  get leadership(): Leadership | undefined {
    const { value } = this.#feed
    if (value.status !== 'started' || value.leadership?.isHeld !== true) return undefined
    return value.leadership
  }

  /**
   * Whether we lead, as far as is known here, without a request: by the znode that we were granted, on the session that
   * made it. False from the moment on in which that session is over or in doubt. To act on it safely use `leadership`.
   */
  get isLeader(): boolean {
    return this.leadership !== undefined
  }

  /**
   * Takes part: makes our znode, and keeps one standing until `close()`. Resolves when it stands for the first time,
   * which may be long before we lead. It waits for a connection if there is none.
   *
   * @throws what the server refuses (`NoAuthError` …): the latch has `failed` then. `TimeoutError` or the signal's
   * reason: it is `closed` then, and nothing is left behind. TypeError if it was started before.
   */
  async start(options: WaitOptions = {}): Promise<void> {
    const { status } = this.state
    if (status !== 'latent') throw new TypeError(`the latch on ${this.path} can not start: it is ${status}`)
    using attempt = new Attempt(this.#zk, 'start', this.path, options)
    attempt.stage = 'waiting for our znode to be made'
    if (attempt.signal.aborted) {
      void this.close()
      throw attempt.signal.reason
    }
    const standing = deferred<undefined>()
    this.#feed.publish({ status: 'started', leadership: undefined })
    this.#running = this.#run(standing)
    standing.promise.catch(() => undefined)
    try {
      await abortable(standing.promise, attempt.signal)
    } catch (error) {
      void this.close()
      throw error
    }
  }

  async #run(standing: Deferred<undefined>): Promise<void> {
    try {
      for (;;) {
        const leadership = await this.#contend(standing)
        // Closed in the moment between the grant and here: the place is being left already.
        if (this.#isClosing()) return await leadership.release()
        this.#feed.publish({ status: 'started', leadership })
        await leadership.ended
        if (this.#isClosing()) return
        this.#feed.publish({ status: 'started', leadership: undefined })
        // Lost in doubt, its znode may still stand. If the server refuses to delete it, the janitor has said so.
        leadership.release().catch(() => undefined)
      }
    } catch (error) {
      standing.reject(error)
      if (this.#isClosing()) return
      if (!hasCode(error, 'CLOSED'))
        this.#zk.logger.error({ path: this.path, error }, 'the leader latch has failed')
      this.#feed.end({ status: 'failed', error })
    }
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  async #contend(standing: Deferred<undefined>): Promise<Leadership> {
    const { signal } = this.#closing
    using attempt = new Attempt(this.#zk, 'lead', this.path, { signal })
    const place = await this.#queue.wait(first, attempt, (taken) => {
      this.#place = taken
      standing.resolve(undefined)
    })
    return new Leadership(place)
  }

  /**
   * Leads no more and takes part no more; for good. The deletion of our znode is sent before this returns. Resolves when
   * it is confirmed or the session is over. May be called at any time, and again.
   *
   * @param options - `mode`: see {@link LatchCloseOptions}. The limits bound this wait only.
   */
  async close(options: LatchCloseOptions = {}): Promise<void> {
    const { mode = 'silent', ...limits } = options
    checkOneOf('mode', mode, ['silent', 'notify'])
    using attempt = new Attempt(this.#zk, 'close', this.path, limits)
    attempt.stage = 'waiting for the server to confirm it (the deletion goes on in the background)'
    this.#closed ??= this.#close(mode)
    await abortable(this.#closed, attempt.signal)
  }

  async #close(mode: 'silent' | 'notify'): Promise<void> {
    const { value } = this.#feed
    const leadership = value.status === 'started' ? value.leadership : undefined
    this.#closing.abort(new ClosedError(`the latch on ${this.path} is closed`))
    if (mode === 'notify' && leadership !== undefined) {
      leadership.announceRelease()
      this.#feed.publish({ status: 'started', leadership: undefined })
    }
    this.#feed.end({ status: 'closed' }, mode === 'notify' ? 'told' : 'silent')
    // If the server refuses the deletion the janitor says so, and goes on.
    const released = leadership?.release().catch(() => undefined)
    void this.#place?.leave()
    await this.#running
    await released
    await this.#place?.leave()
    // Closed while its znode was being made: until that is gone too.
    await Janitor.of(this.#zk).settled(this.path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Resolves with our leadership when we lead, at once if we do.
   *
   * @throws TimeoutError, the signal's reason; `ClosedError` if the latch is closed, its error if it has failed; TypeError
   * if it was not started.
   */
  async waitForLeadership(options: WaitOptions = {}): Promise<Leadership> {
    using attempt = new Attempt(this.#zk, 'waitForLeadership', this.path, options)
    attempt.stage = 'another one led'
    if (options.timeoutMs === 0 && this.state.status === 'started' && !this.isLeader) throw attempt.timeout()
    return await this.#feed.until((state) => this.#leadershipIn(state), attempt.signal)
  }

  #leadershipIn(state: LatchState): Leadership | undefined {
    if (state.status === 'started') return state.leadership?.isHeld === true ? state.leadership : undefined
    if (state.status === 'failed') throw state.error
    if (state.status === 'closed') throw new ClosedError(`the latch on ${this.path} is closed`)
    throw new TypeError(`the latch on ${this.path} was not started`)
  }

  /** Calls `listener` at each change of {@link state}, in order. Returns the way to stop. What it throws is logged. */
  on(event: 'state', listener: (state: LatchState) => void): () => void {
    if ((event as string) !== 'state') throw new TypeError(`there is no event ${JSON.stringify(event)}`)
    return this.#feed.listen(listener)
  }

  /**
   * The state now, then the newest after each change: several changes while the reader is busy are one, so two leaderships
   * may follow one another (tell them by `fencingToken`). Ends with the latch, or when `signal` aborts.
   */
  states(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<LatchState> {
    return this.#feed.values(options.signal)
  }

  /** Who leads now, in sync with the ensemble; undefined if nobody takes part. `value` is its id. */
  async leader(options: WaitOptions = {}): Promise<Leader | undefined> {
    using attempt = new Attempt(this.#zk, 'leader', this.path, options)
    return await findLeader(this.#queue, attempt)
  }

  /** Who takes part, in the order in which they will lead. Those that vanish while it asks are left out. */
  async participants(options: WaitOptions = {}): Promise<LatchParticipant[]> {
    using attempt = new Attempt(this.#zk, 'participants', this.path, options)
    const members = await membersOf(this.#queue, attempt)
    return members.map((member, index) => ({ ...member, isLeader: index === 0 }))
  }
}
