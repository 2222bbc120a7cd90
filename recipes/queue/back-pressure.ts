/**
 * A queue's capacity: puts wait, first come, first served in this process, until there is room.
 *
 * The bound is soft: producers count, then put, so several processes together may exceed it by what they put at the same
 * time. While the queue is full one watch a process waits for an item to go.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable, onAbort, quietController } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import { beforeRetry, isPassing, isUnknown } from '../kernel/failure.js'
import { OneShotWatch } from '../kernel/one-shot-watch.js'
import type { Layout, Lister } from './layout.js'
import { childrenIfAny } from './shelf.js'
import { Watches } from './watches.js'
import type { Producer, Unit } from './producer.js'

export class BackPressure {
  readonly #zk: Zk
  readonly #layout: Layout
  readonly #producer: Producer
  readonly #capacity: number
  readonly #waiting: Unit[] = []
  readonly #list: Lister = async (path) => childrenIfAny(this.#zk, path)
  #running = false
  #endWait: (() => void) | undefined

  constructor(zk: Zk, layout: Layout, producer: Producer, capacity: number) {
    this.#zk = zk
    this.#layout = layout
    this.#producer = producer
    this.#capacity = capacity
  }

  put(unit: Unit): void {
    unit.done.promise.catch(() => undefined)
    this.#waiting.push(unit)
    if (!this.#running) void this.#run()
  }

  withdraw(unit: Unit): void {
    const index = this.#waiting.indexOf(unit)
    if (index < 0) return this.#producer.withdraw(unit)
    this.#waiting.splice(index, 1)
    if (this.#waiting.length === 0) this.#endWait?.()
  }

  async #run(): Promise<void> {
    this.#running = true
    for (let repetition = 0; this.#waiting.length > 0;) {
      try {
        if (repetition > 0) await this.#endable(async (signal) => beforeRetry(this.#zk, repetition, signal))
        let admitted = this.#admit(this.#capacity - (await this.#layout.tally(this.#list)))
        // Names count too many of a pack that was taken apart.
        if (admitted.length === 0) admitted = this.#admit(this.#capacity - (await this.#layout.count()))
        if (admitted.length === 0 && this.#waiting.length > 0)
          await this.#endable(async (signal) => this.#waitForRoom(signal))
        await Promise.allSettled(admitted.map(async ({ done }) => done.promise))
        repetition = 0
      } catch (error) {
        repetition++
        if (isUnknown(error) || isPassing(error) || hasCode(error, 'SESSION_EXPIRED')) continue
        for (const unit of this.#waiting.splice(0)) unit.done.reject(error)
      }
    }
    this.#running = false
  }

  #admit(room: number): Unit[] {
    const admitted: Unit[] = []
    let left = room
    for (
      let unit = this.#waiting[0];
      unit !== undefined && unit.entries.length <= left;
      unit = this.#waiting[0]
    ) {
      left -= unit.entries.length
      this.#waiting.shift()
      admitted.push(unit)
      this.#producer.put(unit)
    }
    return admitted
  }

  async #endable(wait: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const controller = quietController()
    this.#endWait = () => controller.abort(givenUp)
    try {
      await wait(controller.signal)
    } catch (error) {
      if (error !== givenUp) throw error
    } finally {
      this.#endWait = undefined
    }
  }

  /** Until an item goes, or comes, or a segment does. */
  async #waitForRoom(signal: AbortSignal): Promise<void> {
    const session = await this.#zk.ready({ signal })
    const { generation } = session
    const woken = deferred<undefined>()
    const watches = new Watches()
    const unlisten = onAbort(session.signal, () => woken.resolve(undefined))
    const list: Lister = async (path) => {
      const watch = new OneShotWatch(this.#zk, path, session, () => woken.resolve(undefined))
      watches.add(watch)
      try {
        return await watch.read(async (listener) => this.#zk.children(path, { watch: listener, generation }))
      } catch (error) {
        if (hasCode(error, 'NO_NODE')) return undefined
        throw error
      }
    }
    try {
      const wanted = this.#waiting[0]?.entries.length ?? 0
      if ((await abortable(this.#layout.count(list), signal)) + wanted <= this.#capacity) return
      await abortable(woken.promise, signal)
    } finally {
      unlisten()
      watches.stop()
    }
  }
}

const givenUp = new Error('nobody waits for room any more')
