/**
 * Curator's and kazoo's layouts: a lock guards a list of leases, one znode a permit. Whoever has the lock waits until the
 * list is short enough, and only that one watches it. So a release wakes one, and grants are in the lock's order.
 *
 * Curator and kazoo take one lease each time they have the lock, and Curator's acquire(n) does it n times: it holds what
 * it has got while it queues for more, and two of them can wait for each other. We take all n in one go, in the
 * transaction that gives the lock back (take-leases.ts).
 */
import { hasCode } from '../../src/api/errors.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from '../kernel/attempt.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import { throwUnlessPassing, type QueueSpec } from '../kernel/enqueue.js'
import { beforeRetry, isOver } from '../kernel/failure.js'
import { first } from '../kernel/line.js'
import { isLostAtOnce } from '../kernel/loss-policy.js'
import { listInSync } from '../kernel/lost-create.js'
import { membersOf, type QueueMember } from '../kernel/members.js'
import type { Place } from '../kernel/place.js'
import type { Claim } from '../kernel/revocation.js'
import { leasesIn, type GuardedLayout } from './guarded-layout.js'
import { Lease } from './lease.js'
import { LeasePart } from './lease-part.js'
import { Lookout, type View } from './lookout.js'
import type { PermitLimit } from './permit-limit.js'
import type { Pool, SemaphoreContender } from './pool.js'
import { takeLeases } from './take-leases.js'

export class GuardedPool implements Pool {
  readonly #path: string
  readonly #layout: GuardedLayout
  readonly #limit: PermitLimit
  readonly #lock: ContenderQueue
  readonly #leases: QueueSpec
  #isPrepared = false

  /** @param spec - `container` is the semaphore's path. */
  constructor(spec: Omit<QueueSpec, 'dialect'>, layout: GuardedLayout, limit: PermitLimit) {
    const { container } = spec
    this.#path = container
    this.#layout = layout
    this.#limit = limit
    this.#lock = new ContenderQueue({
      ...spec,
      container: layout.lockPath(container),
      dialect: layout.lock,
    })
    this.#leases = { ...spec, container: layout.leasesPath(container), dialect: layout.leases }
  }

  async wait(permits: number, attempt: Attempt): Promise<Lease> {
    await this.#prepareOnce(attempt)
    for (let round = 0; ; round++) {
      if (round > 1) await beforeRetry(this.#leases.zk, round, attempt.signal)
      const lease = await this.#take(await this.#lock.wait(first, attempt), permits, attempt, 'wait')
      if (typeof lease !== 'string') return lease
    }
  }

  /** Looks before it queues. Somebody in the lock stands for "busy", though that one may be about to leave. */
  async try(permits: number, attempt: Attempt): Promise<Lease | undefined> {
    await this.#prepareOnce(attempt)
    for (;;) {
      if (!(await this.#isFree(permits, attempt))) return undefined
      const guard = await this.#lock.try(first, attempt)
      if (guard === undefined) return undefined
      const lease = await this.#take(guard, permits, attempt, 'try')
      if (lease === 'busy') return undefined
      if (typeof lease !== 'string') return lease
    }
  }

  async #prepareOnce(attempt: Attempt): Promise<void> {
    // Curator's parents are made when they turn out to be missing; kazoo's says how many permits there are.
    if (this.#isPrepared || this.#layout.name !== 'kazoo') return
    await this.#prepare(attempt)
    this.#isPrepared = true
  }

  async #prepare(attempt: Attempt): Promise<void> {
    await this.#layout.prepare(this.#leases, this.#limit.fixed ?? 0, attempt)
  }

  /** With the lock: waits until there is room, takes the leases and gives the lock back, or else just gives it back. */
  async #take(
    guard: Place,
    permits: number,
    attempt: Attempt,
    patience: 'wait' | 'try',
  ): Promise<Lease | 'busy' | 'again'> {
    let outcome: Lease | 'busy' | 'again'
    try {
      outcome = await this.#takeWith(guard, permits, attempt, patience)
      if (outcome instanceof Lease) {
        const isLost = guard.session.signal.aborted || isLostAtOnce(guard.lossPolicy, this.#leases.zk)
        if (!isLost && !attempt.signal.aborted) return outcome
        void outcome.release()
        attempt.signal.throwIfAborted()
        outcome = 'again'
      }
    } catch (error) {
      void guard.leave()
      attempt.signal.throwIfAborted()
      if (!isOver(guard.session, error)) throw error
      return 'again'
    }
    const left = guard.leave()
    if (outcome === 'busy') await abortable(left, attempt.signal)
    return outcome
  }

  async #takeWith(
    guard: Place,
    permits: number,
    attempt: Attempt,
    patience: 'wait' | 'try',
  ): Promise<Lease | 'busy' | 'again'> {
    const { session } = guard
    const { zk, container } = this.#leases
    const { signal } = attempt
    const limit = this.#limit
    const makeContainer = async (): Promise<void> => this.#prepare(attempt)
    const lookout = new Lookout({ zk, container, limit, session, signal, makeContainer })
    const hasRoom = (view: View): boolean => this.#taken(view.children) + permits <= view.limit.permits
    const isDecided = (view: View): boolean => session.signal.aborted || guard.deleted || hasRoom(view)
    const onWait = (wake: () => void): (() => void) => {
      guard.onWatchEnd(wake)
      void guard.watch()
      return () => guard.onWatchEnd(undefined)
    }
    let view = await lookout.look()
    for (let misses = 0; ;) {
      if (session.signal.aborted || guard.deleted) return 'again'
      if (hasRoom(view)) {
        const mode = this.#layout.leaseMode
        const taken = await takeLeases(
          { leases: this.#leases, mode, limit, attempt },
          guard,
          permits,
          view.limit,
        )
        if (taken === 'vanished') return 'again'
        if (typeof taken !== 'string') return this.#lease(taken)
        if (taken === 'no-parent') await makeContainer()
        else await beforeRetry(zk, ++misses, signal)
        view = await lookout.look()
        continue
      }
      if (patience === 'try') return 'busy'
      attempt.stage = `waiting, first in line, with ${this.#taken(view.children)} of ${view.limit.permits} permits taken`
      view = await lookout.lookOrWait(isDecided, onWait)
    }
  }

  #lease([place, ...others]: readonly [Place, ...Place[]]): Lease {
    const parts = others.map((each) => new LeasePart(each, 1))
    return new Lease(this.#leases.zk, this.#path, [new LeasePart(place, 1), ...parts])
  }

  #taken(children: readonly string[]): number {
    return leasesIn(children, this.#layout.leases).length
  }

  async #isFree(permits: number, attempt: Attempt): Promise<boolean> {
    const { zk, container } = this.#leases
    const { signal } = attempt
    for (let repetition = 1; ; repetition++) {
      try {
        attempt.stage = 'waiting for a connection'
        const { generation } = await beforeRetry(zk, repetition, signal)
        attempt.stage = 'waiting for the list of leases'
        const options = { signal, generation }
        const list = async (): Promise<readonly string[]> => listInSync(zk, container, options)
        const { value, limit } = await this.#limit.during(list, options)
        return this.#taken(value) + permits <= limit.permits
      } catch (error) {
        signal.throwIfAborted()
        if (hasCode(error, 'NO_NODE') && error.path === container) await this.#prepare(attempt)
        else throwUnlessPassing(error)
      }
    }
  }

  get containers(): readonly string[] {
    return [this.#leases.container, this.#lock.spec.container]
  }

  async contenders(attempt: Attempt): Promise<SemaphoreContender[]> {
    const members = await membersOf(new ContenderQueue(this.#leases), attempt)
    const leases = new Map<string, SemaphoreContender & { permits: number; znodes: Claim[] }>()
    for (const { name, path, czxid, fencingToken, isRevokeRequested, ...member } of members) {
      const { id, sessionId, since } = member
      // Those of one lease carry the same token; Curator's and kazoo's are each a lease.
      const key = czxid === fencingToken ? name : `${fencingToken} of ${sessionId}`
      const known = leases.get(key)
      const znodes = [...(known?.znodes ?? []), { path, czxid }]
      const permits = znodes.length
      const isAsked = isRevokeRequested || known?.isRevokeRequested === true
      const lease = { id, sessionId, since, fencingToken, znodes, permits, isRevokeRequested: isAsked }
      leases.set(key, { role: 'holder', ...lease })
    }
    const holders = [...leases.values()].sort((a, b) => (a.fencingToken < b.fencingToken ? -1 : 1))
    return [...holders, ...(await membersOf(this.#lock, attempt)).map(waiterOf)]
  }
}

function waiterOf(member: QueueMember): SemaphoreContender {
  const { id, path, czxid, sessionId, since, fencingToken, isRevokeRequested } = member
  const znodes = [{ path, czxid }]
  return { role: 'waiter', permits: undefined, id, znodes, sessionId, since, fencingToken, isRevokeRequested }
}
