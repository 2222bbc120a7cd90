/**
 * Our own layout: `path/<uuid>-permits-<n>-<sequence>`, ephemeral, one znode a request, whatever it asks for.
 *
 * It is the place in the line and, once the permits of all ahead and its own are within the limit, the lease. A free
 * semaphore takes one round trip, a create and a list that go out together, and the release one delete. Who waits for
 * whom: permit-turn.ts.
 */
import { hasCode } from '../../src/api/errors.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Session } from '../../src/api/zk.js'
import type { Attempt } from '../kernel/attempt.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import { enqueue, makeContainer, throwUnlessPassing, type QueueSpec } from '../kernel/enqueue.js'
import { beforeRetry } from '../kernel/failure.js'
import { lineUp } from '../kernel/line.js'
import { isLostAtOnce } from '../kernel/loss-policy.js'
import { listInSync } from '../kernel/lost-create.js'
import { membersOf } from '../kernel/members.js'
import type { Place } from '../kernel/place.js'
import type { Turn } from '../kernel/turn.js'
import { replacePlace } from '../kernel/replace-place.js'
import { announce } from './announce.js'
import { Lease } from './lease.js'
import { LeasePart, type Shrink } from './lease-part.js'
import { namesFor, permitsIn, sumOf } from './native-names.js'
import type { PermitLimit } from './permit-limit.js'
import { PermitTurn } from './permit-turn.js'
import type { Pool, SemaphoreContender } from './pool.js'

export class NativePool implements Pool {
  readonly #spec: Omit<QueueSpec, 'dialect'>
  readonly #limit: PermitLimit
  #strangersSaid = false

  constructor(spec: Omit<QueueSpec, 'dialect'>, limit: PermitLimit) {
    this.#spec = spec
    this.#limit = limit
  }

  async wait(permits: number, attempt: Attempt): Promise<Lease> {
    for (let round = 0; ; round++) {
      const lease = await this.#round(round, permits, attempt, 'wait')
      if (typeof lease !== 'string') return lease
    }
  }

  /** Looks before it queues, so that a busy semaphore costs one round trip and no write. */
  async try(permits: number, attempt: Attempt): Promise<Lease | undefined> {
    for (let round = 0; ; round++) {
      if (!(await this.#isFree(permits, attempt))) return undefined
      const lease = await this.#round(round, permits, attempt, 'try')
      if (lease === 'busy') return undefined
      if (typeof lease !== 'string') return lease
    }
  }

  #names(permits: number): QueueSpec {
    return { ...this.#spec, dialect: namesFor(permits) }
  }

  async #round(
    round: number,
    permits: number,
    attempt: Attempt,
    patience: 'wait' | 'try',
  ): Promise<Lease | Exclude<Turn, 'granted'>> {
    const { zk } = this.#spec
    const queue = this.#names(permits)
    if (round > 1) await beforeRetry(zk, round, attempt.signal)
    const enqueued = await enqueue(queue, attempt)
    const { place } = enqueued
    this.#sayStrangers(enqueued.children)
    let turn: Turn
    try {
      const make = async (): Promise<void> => makeContainer(queue, attempt)
      const permitTurn = new PermitTurn({ queue, limit: this.#limit, attempt, makeContainer: make }, enqueued)
      turn = await permitTurn.take(patience)
      if (place.session.signal.aborted || isLostAtOnce(queue.lossPolicy, zk)) turn = 'session-over'
      attempt.signal.throwIfAborted()
      if (turn === 'granted' && permitTurn.isFollowed) void announce(place, queue.data)
    } catch (error) {
      void place.leave()
      throw error
    }
    if (turn === 'granted') return this.#lease(place, permits)
    if (turn === 'vanished')
      zk.logger.warn({ path: place.path }, 'somebody deleted our place; queueing up again')
    const left = place.leave()
    if (turn === 'busy') await abortable(left, attempt.signal)
    return turn
  }

  #lease(place: Place, permits: number): Lease {
    const { zk, container } = this.#spec
    // What makes a reader of a writer: another znode with the same place in the line, in one transaction.
    const shrink: Shrink = async (old, left) => replacePlace(this.#names(left), old)
    return new Lease(zk, container, [new LeasePart(place, permits, shrink)])
  }

  async #isFree(permits: number, attempt: Attempt): Promise<boolean> {
    const { zk } = this.#spec
    const { signal } = attempt
    for (let repetition = 1; ; repetition++) {
      try {
        attempt.stage = 'waiting for a connection'
        const session = await beforeRetry(zk, repetition, signal)
        attempt.stage = 'waiting for the list of leases'
        const options = { signal, generation: session.generation }
        const { value, limit } = await this.#limit.during(async () => this.#list(session, signal), options)
        this.#sayStrangers(value)
        const { contenders } = lineUp(value, namesFor(permits))
        return sumOf(contenders) + permits <= limit.permits
      } catch (error) {
        signal.throwIfAborted()
        throwUnlessPassing(error)
      }
    }
  }

  async #list({ generation }: Session, signal: AbortSignal): Promise<readonly string[]> {
    const { zk, container } = this.#spec
    try {
      return await listInSync(zk, container, { signal, generation })
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return []
      throw error
    }
  }

  get containers(): readonly string[] {
    return [this.#spec.container]
  }

  async contenders(attempt: Attempt): Promise<SemaphoreContender[]> {
    const members = await membersOf(new ContenderQueue(this.#names(1)), attempt)
    const limit = await this.#limit.read(attempt)
    let taken = 0
    return members.map((member) => {
      const { id, name, path, sessionId, since, czxid, fencingToken, isRevokeRequested } = member
      const permits = permitsIn(name)
      taken += permits
      const role = czxid !== fencingToken || taken <= limit.permits ? 'holder' : 'waiter'
      const znodes = [{ path, czxid }]
      return { role, permits, id, znodes, sessionId, since, fencingToken, isRevokeRequested }
    })
  }

  #sayStrangers(children: readonly string[]): void {
    if (this.#strangersSaid) return
    const { strangers } = lineUp(children, namesFor(1))
    if (strangers.length === 0) return
    this.#strangersSaid = true
    const { zk, container } = this.#spec
    const fields = { path: container, children: strangers.slice(0, 5), count: strangers.length }
    const isCurators = strangers.includes('leases') || strangers.includes('locks')
    const hint = isCurators
      ? "; this path is Curator's layout, whose leases we do not see: use dialect 'curator'"
      : ''
    zk.logger.warn(fields, `children that are no requests for permits: ignored${hint}`)
  }
}
