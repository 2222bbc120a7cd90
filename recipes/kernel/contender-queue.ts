/**
 * The contender kernel: queueing up for something on ephemeral sequential znodes under one parent, as every lock and
 * election here does. The algorithm is the lock of ZooKeeper's recipes page in the form of Curator's LockInternals,
 * with what those leave open closed.
 *
 *   container/<name with a UUID><sequence>     one per contender, ephemeral
 *
 * Not obvious, and each of it the end of somebody's bug:
 * 1. Create and list go out in one tick; a free lock takes one round trip. The list is newer than our place, so it
 *    shows everybody who will ever be ahead of us (enqueue.ts).
 * 2. A create is never aborted, only abandoned: somebody always awaits its answer and deletes what it made (janitor.ts).
 * 3. After a lost reply we look for our UUID, in sync with the leader and on the same session only. A znode of an
 *    earlier session is never ours, a new try has a new UUID (lost-create.ts).
 * 4. Order is serial arithmetic on the signed sequence number, never of strings (sequence.ts).
 * 5. Strangers without a number are no claim; strangers with one that were there before us may be (line.ts).
 * 6. Only the nearest contender in the way is watched, with a `get`: no herd, no watch on a deleted znode
 *    (deletion-watch.ts). One that vanishes between list and watch is a reason to look again, not an error.
 * 7. The deletion of the only one in the way is the grant; else it lists again, so that one who leaves the middle of
 *    the queue lets nobody in (turn.ts).
 * 8. The end of our own session wakes the waiter, which starts over in the next one. Being suspended does not.
 * 9. The container may be reaped at any moment that it is empty.
 * 10. A delete is owned until it is confirmed or the session is over; giving up never waits for it (janitor.ts).
 * 11. A grant is handed out only while the session is not known to be over: checked last, in the same turn. With the
 *    loss policy `suspended`, only while we are connected.
 *
 * A semaphore is not "within the first n" of such a queue: of n holders any can go, and a waiter that watches one of
 * them misses the others. It has a turn of its own (semaphore/permit-turn.ts), or is a mutex round a list of leases.
 */
import { hasCode } from '../../src/api/errors.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from './attempt.js'
import { byBirth, isAmbiguous } from './birth-order.js'
import { enqueue, throwUnlessPassing, type QueueSpec } from './enqueue.js'
import { beforeRetry } from './failure.js'
import { lineUp, type Admission, type Contender, type Line } from './line.js'
import { isLostAtOnce } from './loss-policy.js'
import { listInSync } from './lost-create.js'
import type { Place } from './place.js'
import { awaitTurn, type Turn } from './turn.js'

export class ContenderQueue {
  readonly spec: QueueSpec
  #strangersSaid = false

  constructor(spec: QueueSpec) {
    this.spec = spec
  }

  /**
   * Queues up and waits until `admission` lets us in. Starts over when the session ends or somebody deletes our
   * znode. Rejects with the reason of the attempt's signal, or with what the server refuses (`NO_AUTH` …); of ours
   * nothing is then left, or the janitor is about to delete it.
   *
   * @param onPlace - told of each place that is taken, when it is certain that its znode stands.
   */
  async wait(admission: Admission, attempt: Attempt, onPlace?: (place: Place) => void): Promise<Place> {
    for (let round = 0; ; round++) {
      const place = await this.#round(round, admission, attempt, 'wait', onPlace)
      if (typeof place !== 'string') return place
    }
  }

  /**
   * One try that does not wait for others; undefined if it is taken. It looks before it queues, so that a busy lock
   * costs one round trip and no write, and no waiter ever wakes up because of our place. The look is in sync with the
   * leader: what was released before the call is seen to be free.
   */
  async try(admission: Admission, attempt: Attempt): Promise<Place | undefined> {
    for (let round = 0; ; round++) {
      if (await this.#taken(admission, attempt)) return undefined
      const place = await this.#round(round, admission, attempt, 'try')
      if (place === 'busy') return undefined
      if (typeof place !== 'string') return place
    }
  }

  /** All contenders now, first in line first. None if the container does not exist. */
  async contenders(attempt: Attempt): Promise<readonly Contender[]> {
    const { zk, container, dialect } = this.spec
    const { signal } = attempt
    for (let repetition = 1; ; repetition++) {
      try {
        attempt.stage = 'waiting for a connection'
        const { generation } = await beforeRetry(zk, repetition, signal)
        attempt.stage = 'waiting for the list of contenders'
        const children = await listInSync(zk, container, { signal, generation })
        const { contenders } = lineUp(children, dialect)
        if (!contenders.some(isAmbiguous)) return contenders
        return await byBirth(zk, container, contenders, new Map(), { signal, generation })
      } catch (error) {
        signal.throwIfAborted()
        if (hasCode(error, 'NO_NODE')) return []
        throwUnlessPassing(error)
      }
    }
  }

  /** Would somebody be in the way of a place taken now? Strangers are left to the list behind the create. */
  async #taken(admission: Admission, attempt: Attempt): Promise<boolean> {
    const contenders = await this.contenders(attempt)
    const newcomer: Contender = { name: '', sequence: 0, stranger: false }
    return admission([...contenders, newcomer], contenders.length) !== undefined
  }

  /** Takes a place and sees it through. Gives it if it is granted, else why not, and leaves it. */
  async #round(
    round: number,
    admission: Admission,
    attempt: Attempt,
    patience: 'wait' | 'try',
    onPlace?: (place: Place) => void,
  ): Promise<Place | Exclude<Turn, 'granted'>> {
    const { zk } = this.spec
    if (round > 1) await beforeRetry(zk, round, attempt.signal)
    const enqueued = await enqueue(this.spec, attempt)
    const { place } = enqueued
    onPlace?.(place)
    const onStrangers = (line: Line): void => this.#sayStrangers(line)
    let turn: Turn
    try {
      turn = await awaitTurn(this.spec, enqueued, { admission, attempt, patience, onStrangers })
      if (place.session.signal.aborted || isLostAtOnce(this.spec.lossPolicy, zk)) turn = 'session-over'
      attempt.signal.throwIfAborted()
    } catch (error) {
      void place.leave()
      throw error
    }
    if (turn === 'granted') return place
    if (turn === 'vanished')
      zk.logger.warn({ path: place.path }, 'somebody deleted our place; queueing up again')
    const left = place.leave()
    // A try answers only when nothing is left. Who starts over need not wait for that.
    if (turn === 'busy') await abortable(left, attempt.signal)
    return turn
  }

  #sayStrangers({ strangers }: Line): void {
    if (this.#strangersSaid) return
    this.#strangersSaid = true
    const { zk, container, dialect } = this.spec
    const fields = { path: container, children: strangers.slice(0, 5), count: strangers.length }
    const message =
      `children that the ${dialect.name} dialect does not know: ignored, but for ephemerals with an earlier ` +
      'sequence number, which are waited for'
    zk.logger.warn(fields, message)
  }
}
