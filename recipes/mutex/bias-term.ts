/**
 * Biased mode: a znode that holds is kept after the release, for the next task of this process, until another process
 * queues up. The idea is that of biased locks in virtual machines; nothing of it shows on the server.
 *
 * From the first hold of a znode to its deletion is a term. The holder alone watches the children of the parent, with one
 * list and watch a term: a contender that is there already, or any change, ends the term. So does everything that makes
 * it doubtful that we would be told: the list fails, or the connection breaks. A term that is over is never resumed.
 *
 * - `arming`: the list is under way. What is released meanwhile is kept, but not given out again before the answer.
 * - `armed`: it is given out again, without a request, after a look at the state of client, session and limits in the
 *   same turn.
 * - `over`: the next release deletes the znode; if it was only kept, it is deleted at once.
 *
 * Nothing of this may run without the event loop. Acquire, work and release need no more than promise continuations, and
 * as long as these follow each other no event, no ping and no timer gets through: a loop over short holds would
 * hear of nobody, and a stall would give out what a dead session held. So after some time without a sign of the event
 * loop, the next one waits for a turn of it, and is given out only if the term is not over then.
 *
 * So another process waits for one hold at most, the one that is under way when it queues up, and the way of the event.
 * A watch that is still set when the term ends is fired by the deletion of our own znode; if somebody else deleted that before the
 * list was read, it is taken back.
 */
import type { Zk } from '../../src/api/zk.js'
import { checkTimeout, sleep } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import type { Timer } from '../../src/runtime/clock.js'
import type { QueueSpec } from '../kernel/enqueue.js'
import { IdleTimer } from '../kernel/idle-timer.js'
import { Janitor } from '../kernel/janitor.js'
import { lineUp } from '../kernel/line.js'
import { OneShotWatch } from '../kernel/one-shot-watch.js'
import type { Place } from '../kernel/place.js'

/** How long one znode may serve. */
export interface BiasLimits {
  /** Holds of one znode, the first included. Default 1000. */
  readonly maxHolds: number
  /** From the first grant to the last, in milliseconds. Default 10000. */
  readonly maxMs: number
  /** How long it is kept while no task wants it, in milliseconds. Default 1000. */
  readonly idleMs: number
}

/** True stands for the defaults; undefined for no bias. Throws `TypeError`, `RangeError` for anything else than limits. */
export function biasLimits(biased: boolean | Partial<BiasLimits>): BiasLimits | undefined {
  if (biased === false) return undefined
  const given: unknown = biased
  if (given !== true && (typeof given !== 'object' || given === null)) {
    throw new TypeError(`biased must be a boolean or limits, got ${given === null ? 'null' : typeof given}`)
  }
  const { maxHolds = 1_000, maxMs = 10_000, idleMs = 1_000 } = biased === true ? {} : biased
  if (typeof maxHolds !== 'number' || !(maxHolds >= 1)) {
    throw new RangeError(`maxHolds must be a number ≥ 1, got ${String(maxHolds)}`)
  }
  checkTimeout(maxMs, 'maxMs')
  checkTimeout(idleMs, 'idleMs')
  return { maxHolds, maxMs, idleMs }
}

/** How long holds may follow each other before the event loop is let run. */
const LONGEST_STRETCH_MS = 20

export class BiasTerm {
  readonly place: Place
  /** Only who would make a znode like this one may be given it. */
  readonly mark: string
  readonly #zk: Zk
  readonly #spec: QueueSpec
  readonly #limits: BiasLimits
  readonly #endsAt: number
  readonly #answer = deferred<undefined>()
  #state: 'arming' | 'armed' | 'over' = 'arming'
  #holds = 1
  /** It rests while it is kept and nobody holds it. */
  readonly #idle: IdleTimer
  #onEnd: (() => void) | undefined
  /** The last sign that the event loop turns, and what is to give the next one. */
  #turnedAt: number
  #probe: { readonly since: number; readonly timer: Timer } | undefined
  readonly #off: () => void

  /** The list is on its way when this returns. */
  constructor(spec: QueueSpec, place: Place, limits: BiasLimits, mark: string) {
    const { zk } = spec
    this.place = place
    this.mark = mark
    this.#zk = zk
    this.#spec = spec
    this.#limits = limits
    this.#turnedAt = zk.runtime.clock.now()
    this.#endsAt = this.#turnedAt + limits.maxMs
    const { clock } = zk.runtime
    this.#idle = new IdleTimer({ clock, idleMs: limits.idleMs, onIdle: () => this.#end() })
    this.#off = zk.on('state', (state) => {
      if (state !== 'connected') this.#end()
    })
    void this.#arm()
  }

  async #arm(): Promise<void> {
    const { container, dialect } = this.#spec
    const { session, name: ownName } = this.place
    const { generation } = session
    const oneShot = new OneShotWatch(this.#zk, container, session, () => this.#end())
    try {
      const { children } = await oneShot.read(async (watch) =>
        this.#zk.children(container, { watch, generation }),
      )
      this.#turnedAt = this.#zk.runtime.clock.now()
      Janitor.of(this.#zk).inspect(container, children)
      const { contenders, strangers } = lineUp(children, dialect)
      const isAlone = contenders.length === 1 && contenders[0]?.name === ownName
      if (!children.includes(ownName)) oneShot.stop()
      // A stranger with a number may be a claim of another dialect (line.ts).
      if (!isAlone || strangers.some((name) => /\d{9}$/.test(name))) this.#end()
      else if (this.#state === 'arming') this.#state = 'armed'
    } catch {
      this.#end()
    } finally {
      this.#answer.resolve(undefined)
    }
  }

  /** Resolves when it is armed or over. */
  get answer(): Promise<undefined> {
    return this.#answer.promise
  }

  get isArming(): boolean {
    return this.#state === 'arming'
  }

  /** The event loop may not have turned for so long that the term may be over without our knowing. */
  get needsTurn(): boolean {
    const now = this.#zk.runtime.clock.now()
    if (this.#probe !== undefined) return now - this.#probe.since > LONGEST_STRETCH_MS
    return now - this.#turnedAt > this.place.session.timeoutMs / 3
  }

  /**
   * Lets the event loop turn. Twice: after a stall Node takes the time of its start for now, and so the first timer may come
   * before the one that tells of the session's end.
   */
  async turn(signal: AbortSignal): Promise<void> {
    await sleep(this.#zk.runtime.clock, 0, signal)
    await sleep(this.#zk.runtime.clock, 0, signal)
    this.#probe?.timer.cancel()
    this.#probe = undefined
    this.#turnedAt = this.#zk.runtime.clock.now()
  }

  #expectTurn(): void {
    if (this.#probe !== undefined) return
    const { clock } = this.#zk.runtime
    const timer = clock.setTimer(0, () => {
      this.#probe = undefined
      this.#turnedAt = clock.now()
    })
    this.#probe = { since: clock.now(), timer }
  }

  /**
   * Keeps the znode after a release, if it may serve again. Else the caller deletes it.
   *
   * @param onEnd - called if it comes to its end while it is kept; then its znode is to be deleted.
   */
  keep(onEnd: () => void): boolean {
    if (!this.#mayServe()) {
      this.#end()
      return false
    }
    this.#onEnd = onEnd
    this.#idle.rest()
    return true
  }

  /** Gives out again what is kept. False: it may not, and is over. */
  take(): boolean {
    this.#idle.wake()
    this.#onEnd = undefined
    if (this.#state === 'armed' && this.#mayServe()) {
      this.#holds++
      this.#expectTurn()
      return true
    }
    this.#end()
    return false
  }

  /** Ends it, without a word to the one who keeps it. */
  stop(): void {
    this.#onEnd = undefined
    this.#end()
  }

  #mayServe(): boolean {
    const { session, deleted, isMarked } = this.place
    return (
      this.#state !== 'over' &&
      this.#zk.state === 'connected' &&
      !session.signal.aborted &&
      !deleted &&
      !isMarked &&
      this.#holds < this.#limits.maxHolds &&
      this.#zk.runtime.clock.now() < this.#endsAt
    )
  }

  #end(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#off()
    this.#idle.stop()
    this.#probe?.timer.cancel()
    const onEnd = this.#onEnd
    this.#onEnd = undefined
    onEnd?.()
  }
}
