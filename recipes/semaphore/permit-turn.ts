/**
 * Waiting for permits in our own layout, with a place in the line taken.
 *
 * Granted when the permits of all ahead and our own are within the limit. That is a function of the list alone, the same
 * for whoever looks, and as nobody comes in front it stays true: no lock is needed, and nobody takes half of what it
 * asks for. A big request at the head is not passed by small ones behind it.
 *
 * Whom a release must wake is the first of those that wait, and any of the holders may be the one to go. So:
 * - The first that waits watches the children of the parent (lookout.ts). Newcomers wake it too, in vain.
 * - Everybody else watches the one ahead, with a `get`. That one is told to be a holder by writing its own znode when it
 *   is let in and somebody stands behind it: a wait that ends well costs one write more, and a free semaphore none.
 * - Written before our watch stood? Then its version is not 0.
 * - Who was let in at once writes nothing. Whoever came later sees from the list that it is within the limit, unless a
 *   shared limit was lowered meanwhile. So one that is older than the limit (czxid < mzxid) may hold, and whoever is
 *   right behind it behaves as the first that waits. So does whoever is behind a znode that replaced another
 *   (a partial return): it carries a czxid in its name.
 */
import { hasCode } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Stat } from '../../src/api/stat.js'
import type { WatchEvent } from '../../src/api/zk.js'
import { abortable, onAbort } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import type { Attempt } from '../kernel/attempt.js'
import { birthInName, byBirth, isAmbiguous } from '../kernel/birth-order.js'
import { throwUnlessPassing, type Enqueued, type QueueSpec } from '../kernel/enqueue.js'
import { beforeRetry, isOver } from '../kernel/failure.js'
import { lineUp, type Contender } from '../kernel/line.js'
import type { Place } from '../kernel/place.js'
import type { Turn } from '../kernel/turn.js'
import { Lookout, type View } from './lookout.js'
import { permitsIn, sumOf } from './native-names.js'
import { OneShotWatch } from '../kernel/one-shot-watch.js'
import type { LimitState, PermitLimit } from './permit-limit.js'

/** Where a place stands in a view. */
interface Standing {
  readonly limit: LimitState
  readonly contenders: readonly Contender[]
  /** −1 if it is not there. */
  readonly index: number
}

/** `change`: the next change may be ours, we are the first that waits. A contender: it waits too, right ahead of us. */
type Verdict = Exclude<Turn, 'busy'> | 'change' | Contender

export interface PermitTurnSpec {
  readonly queue: QueueSpec
  readonly limit: PermitLimit
  readonly attempt: Attempt
  readonly makeContainer: () => Promise<void>
}

export class PermitTurn {
  /** Somebody stood behind when it was granted, and may take us for one that waits. */
  isFollowed = false
  readonly #spec: PermitTurnSpec
  readonly #place: Place
  readonly #children: readonly string[]
  readonly #lookout: Lookout
  readonly #births: Map<string, bigint>
  /** Beyond the limit, and holders perhaps. */
  readonly #mayHold = new Set<string>()

  constructor(spec: PermitTurnSpec, { place, children }: Enqueued) {
    const { queue, limit, attempt, makeContainer } = spec
    this.#spec = spec
    this.#place = place
    this.#children = children
    this.#births = new Map([[place.name, place.czxid]])
    const { zk, container } = queue
    const { signal } = attempt
    this.#lookout = new Lookout({ zk, container, limit, session: place.session, signal, makeContainer })
  }

  /**
   * Rejects with the reason of the attempt's signal, or with what the server refuses. The place is left to the caller.
   *
   * @param patience - `try`: answers `busy` instead of waiting.
   */
  async take(patience: 'wait' | 'try'): Promise<Turn> {
    const { attempt } = this.#spec
    try {
      return await this.#take(patience)
    } catch (error) {
      attempt.signal.throwIfAborted()
      if (isOver(this.#place.session, error)) return 'session-over'
      throw error
    }
  }

  async #take(patience: 'wait' | 'try'): Promise<Turn> {
    const { limit, attempt } = this.#spec
    const { fixed } = limit
    let view: View =
      fixed === undefined
        ? await this.#look()
        : { children: this.#children, limit: { permits: fixed, mzxid: 0n, version: 0 } }
    for (;;) {
      const standing = await this.#standing(view)
      const verdict = this.#judge(standing)
      if (verdict === 'granted') this.isFollowed = standing.index < standing.contenders.length - 1
      if (verdict === 'granted' || verdict === 'vanished' || verdict === 'session-over') return verdict
      if (patience === 'try') return 'busy'
      const { contenders, index } = standing
      const taken = sumOf(contenders.slice(0, index))
      attempt.stage = `waiting, with ${taken} permits asked for ahead of us, and a limit of ${view.limit.permits}`
      view = verdict === 'change' ? await this.#awaitChange() : await this.#awaitNews(verdict, view)
    }
  }

  async #look(): Promise<View> {
    return this.#lookout.look()
  }

  async #standing({ children, limit }: View): Promise<Standing> {
    const { queue, attempt } = this.#spec
    const { zk, container, dialect } = queue
    const { session, name } = this.#place
    let { contenders } = lineUp(children, dialect)
    if (contenders.some(isAmbiguous)) {
      const limits = { signal: attempt.signal, generation: session.generation }
      contenders = await byBirth(zk, container, contenders, this.#births, limits)
    }
    return { limit, contenders, index: contenders.findIndex((contender) => contender.name === name) }
  }

  #judge({ limit, contenders, index }: Standing): Verdict {
    if (this.#place.session.signal.aborted) return 'session-over'
    if (index < 0 || this.#place.deleted) return 'vanished'
    const ahead = contenders.slice(0, index)
    const taken = sumOf(ahead)
    if (taken + permitsIn(this.#place.name) <= limit.permits) return 'granted'
    const next = ahead.at(-1)
    if (next === undefined || taken <= limit.permits) return 'change'
    return this.#mayHold.has(next.name) || birthInName(next.name) !== undefined ? 'change' : next
  }

  /** As the first that waits. */
  async #awaitChange(): Promise<View> {
    return this.#lookout.lookOrWait(async (view) => this.#judge(await this.#standing(view)) !== 'change')
  }

  /** Behind one that waits, until that is let in or goes. */
  async #awaitNews({ name }: Contender, view: View): Promise<View> {
    const { attempt, queue } = this.#spec
    const { session } = this.#place
    const path = joinPath(queue.container, name)
    const woken = deferred<WatchEvent['type']>()
    const watch = new OneShotWatch(queue.zk, path, session, ({ type }) => woken.resolve(type))
    const unlisten = onAbort(session.signal, () => woken.resolve('lost'))
    try {
      const stat = await abortable(this.#read(path, watch), attempt.signal)
      if (stat === undefined) return await this.#look()
      if (stat.version > 0 || stat.czxid < view.limit.mzxid) {
        this.#mayHold.add(name)
        return view
      }
      if ((await abortable(woken.promise, attempt.signal)) !== 'dataChanged') return await this.#look()
    } finally {
      unlisten()
      watch.stop()
    }
    return this.#awaitChange()
  }

  /** Undefined: it is gone, or could not be read just now. */
  async #read(path: string, watch: OneShotWatch): Promise<Stat | undefined> {
    const { queue, attempt } = this.#spec
    const { generation } = this.#place.session
    try {
      return (await watch.read(async (listener) => queue.zk.get(path, { watch: listener, generation }))).stat
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return undefined
      if (isOver(this.#place.session, error)) throw error
      throwUnlessPassing(error)
      await beforeRetry(queue.zk, 2, attempt.signal)
      return undefined
    }
  }
}
