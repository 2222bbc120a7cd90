/**
 * Terms of office: candidates campaign, one is elected, shows a value to all who observe, and resigns or loses its term.
 *
 * On the server: the mutex's layout, `path/_c_<uuid>-lock-<sequence>`, ephemeral, one per candidate, with its value as data
 * (Curator's LeaderSelector; with the dialect `kazoo`, kazoo's Election). Who stands first is elected. A candidate watches
 * only the one right ahead of it. The form is that of etcd's Election.
 *
 * One object is one candidate: it campaigns or leads once at a time. Its states tell how each campaign went:
 * idle → campaigning → leading → resigned or lost; or campaigning → failed. A new campaign may follow each of the ends.
 */
import type { Acl } from '../../src/api/acl.js'
import { validateAcl } from '../../src/api/acl.js'
import type { LockLostError } from '../../src/api/errors.js'
import { validatePath } from '../../src/api/path.js'
import type { Data, Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import { dialectOf, type Dialect, type DialectName } from '../kernel/dialect.js'
import { Feed } from '../kernel/feed.js'
import { first } from '../kernel/line.js'
import { lossPolicyOf, type LossPolicy } from '../kernel/loss-policy.js'
import { membersOf, type QueueMember } from '../kernel/members.js'
import type { Place } from '../kernel/place.js'
import { runHeld } from '../kernel/run-held.js'
import { findLeader, type Leader } from './leader.js'
import { observeLeader } from './observation.js'
import { participantId } from './participant-id.js'
import { Term } from './term.js'
import { checkValue } from './value.js'

export interface LeaderElectionOptions {
  /** Whose names to use. Default `curator`: LeaderSelector's. With `kazoo`: those of its Election. */
  readonly dialect?: DialectName | Dialect | undefined
  /** What candidates show of themselves, unless a campaign says otherwise. Default: host name and process id. */
  readonly id?: string | undefined
  /** For our znodes and for missing parents. Default: creator-only when the client has credentials, else open. */
  readonly acl?: readonly Acl[] | undefined
  /** When a term counts as lost while the connection is: `deadline` (default) or `suspended`, at once. */
  readonly lossPolicy?: LossPolicy | undefined
}

export interface CampaignOptions extends WaitOptions {
  /** What our znode shows from the start. Default: the election's `id`. */
  readonly value?: Data | undefined
}

export interface LeadOptions {
  /** Ends it: no campaign is begun any more, and the one under way is given up. A term that runs goes on to its end. */
  readonly signal?: AbortSignal | undefined
  /** Bound on each campaign, in milliseconds; then it rejects with `TimeoutError`. Terms are not bounded. Default: none. */
  readonly timeoutMs?: number | undefined
  /** What our znode shows from the start. Default: the election's `id`. */
  readonly value?: Data | undefined
}

export type ElectionState =
  | { readonly status: 'idle' }
  | { readonly status: 'campaigning' }
  | { readonly status: 'leading'; readonly term: Term }
  | { readonly status: 'resigned' }
  | { readonly status: 'lost'; readonly error: LockLostError }
  /** The campaign ended without a term: aborted, out of time, refused. */
  | { readonly status: 'failed'; readonly error: unknown }

/** One in the line of candidates; its `id` is the value that it shows. */
export interface Candidate extends QueueMember {
  /** The first in line, as of the answer. */
  readonly isLeader: boolean
}

export class LeaderElection {
  readonly path: string
  readonly #zk: Zk
  readonly #id: string
  readonly #queue: ContenderQueue
  readonly #feed: Feed<ElectionState>

  /**
   * @param path - the parent of the candidates' znodes. Missing parents are made when needed.
   * @throws TypeError, RangeError for a bad path, dialect, id, ACL or loss policy.
   */
  constructor(zk: Zk, path: string, options: LeaderElectionOptions = {}) {
    validatePath(path)
    if (options.acl !== undefined) validateAcl(options.acl)
    this.path = path
    this.#zk = zk
    this.#id = participantId(options.id)
    this.#feed = new Feed<ElectionState>(zk.logger, { status: 'idle' })
    this.#queue = new ContenderQueue({
      zk,
      container: path,
      dialect: dialectOf(options.dialect ?? 'curator'),
      data: this.#id,
      acl: options.acl,
      lossPolicy: lossPolicyOf(options.lossPolicy),
    })
  }

  get state(): ElectionState {
    return this.#feed.value
  }

  /** The term that is ours now, as far as is known; undefined while there is none. */
  get term(): Term | undefined {
    const { value } = this.#feed
    return value.status === 'leading' && value.term.isHeld ? value.term : undefined
  }

  /**
   * Stands for election and resolves with the term when elected. It waits through lost connections, and through the end of
   * its session, after which it stands again, behind the others. Whenever it rejects, its znode is gone or is being deleted
   * in the background until that is confirmed.
   *
   * @throws TimeoutError when `timeoutMs` is over; the signal's reason on abort; `ClosedError`; what the server refuses
   * (`NoAuthError` …); TypeError while another campaign or term of this object goes on.
   */
  async campaign(options: CampaignOptions = {}): Promise<Term> {
    const { value = this.#id, ...limits } = options
    checkValue(value)
    const { state } = this
    if (state.status === 'campaigning' || this.term !== undefined)
      throw new TypeError(
        `this candidate is ${state.status} for ${this.path} already: make another LeaderElection`,
      )
    // Its end may be known to whoever campaigns again before it is to us.
    if (state.status === 'leading') this.#conclude(state.term)
    using attempt = new Attempt(this.#zk, 'campaign', this.path, limits)
    this.#feed.publish({ status: 'campaigning' })
    let place: Place
    try {
      place = await this.#elected(value, attempt, limits)
    } catch (error) {
      this.#feed.publish({ status: 'failed', error })
      throw error
    }
    const term = new Term(place)
    this.#feed.publish({ status: 'leading', term })
    void term.ended.then(() => this.#conclude(term))
    return term
  }

  async #elected(value: Data, attempt: Attempt, { timeoutMs }: WaitOptions): Promise<Place> {
    const queue = new ContenderQueue({ ...this.#queue.spec, data: value })
    if (timeoutMs !== 0) return queue.wait(first, attempt)
    const place = await queue.try(first, attempt)
    if (place !== undefined) return place
    attempt.stage = 'another one led'
    throw attempt.timeout()
  }

  #conclude(term: Term): void {
    const { value } = this.#feed
    if (value.status !== 'leading' || value.term !== term) return
    const { loss: error } = term
    this.#feed.publish(error === undefined ? { status: 'resigned' } : { status: 'lost', error })
  }

  /**
   * Shows `value` to all who observe, for as long as our term lasts. See {@link Term.proclaim}.
   *
   * @throws TypeError if we have no term.
   */
  async proclaim(value: Data, options: WaitOptions = {}): Promise<void> {
    const { term } = this
    if (term === undefined) throw new TypeError(`there is no term of ours at ${this.path} to proclaim in`)
    await term.proclaim(value, options)
  }

  /** Ends our term, if there is one; the next candidate is elected. Resolves when that is confirmed. */
  async resign(options?: WaitOptions): Promise<void> {
    await this.term?.resign(options)
  }

  /**
   * Campaigns, runs `fn` while we lead, resigns. Without `requeue` once: it gives what `fn` gave, rejects with what `fn`
   * threw, and with the `LockLostError` if the term was lost while it ran, as another one may have led at the same time.
   *
   * With `requeue` again and again, until `signal` aborts; then it rejects with the signal's reason, after the term that
   * runs has ended. A lost term is a reason to campaign again, also if `fn` threw after it was lost. Anything else that
   * `fn` throws ends it, and is what it rejects with. It never ends silently.
   */
  async lead(fn: (term: Term) => unknown, options: LeadOptions & { requeue: true }): Promise<never>
  async lead<T>(fn: (term: Term) => T | Promise<T>, options?: LeadOptions & { requeue?: false }): Promise<T>
  async lead<T>(
    fn: (term: Term) => T | Promise<T>,
    { requeue = false, ...options }: LeadOptions & { requeue?: boolean } = {},
  ): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`lead needs a function, got ${typeof fn}`)
    for (;;) {
      const term = await this.campaign(options)
      try {
        const result = await runHeld(term, this.#zk.logger, () => fn(term))
        if (!requeue) return result
      } catch (error) {
        if (!requeue || term.loss === undefined) throw error
        this.#zk.logger.warn({ path: this.path, error }, 'lost a term; campaigning again')
      }
      options.signal?.throwIfAborted()
    }
  }

  /**
   * Who leads and what it shows: at once, then at each change, the newest always; undefined while nobody leads. Several
   * changes while the reader is busy are one. It goes on through lost connections and new sessions, and ends when `signal`
   * aborts.
   *
   * @throws what the server refuses; `ClosedError`.
   */
  observe(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncIterableIterator<Leader | undefined> {
    return observeLeader(this.#queue, options.signal)
  }

  /** Who leads now, in sync with the ensemble; undefined if there is no candidate. */
  async leader(options: WaitOptions = {}): Promise<Leader | undefined> {
    using attempt = new Attempt(this.#zk, 'leader', this.path, options)
    return await findLeader(this.#queue, attempt)
  }

  /** Who leads and who waits, in order. Those that vanish while it asks are left out. */
  async candidates(options: WaitOptions = {}): Promise<Candidate[]> {
    using attempt = new Attempt(this.#zk, 'candidates', this.path, options)
    const members = await membersOf(this.#queue, attempt)
    return members.map((member, index) => ({ ...member, isLeader: index === 0 }))
  }

  /** Calls `listener` at each change of {@link state}, in order. Returns the way to stop. What it throws is logged. */
  on(event: 'state', listener: (state: ElectionState) => void): () => void {
    if ((event as string) !== 'state') throw new TypeError(`there is no event ${JSON.stringify(event)}`)
    return this.#feed.listen(listener)
  }

  /** The state now, then the newest after each change. Ends when `signal` aborts. */
  states(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<ElectionState> {
    return this.#feed.values(options.signal)
  }
}
