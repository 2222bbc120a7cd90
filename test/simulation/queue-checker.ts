/**
 * What was put is delivered until it is acknowledged, and never after; what was refused is never seen.
 *
 * Operations: `put` and `ack` of an item, `deliver` (ok at once), each with the item as value.
 */
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import type { Checker, Stage } from './workload.js'

type Fate = 'asked' | 'done' | 'refused' | 'unknown'

interface Item {
  put: Fate
  ack: Fate | undefined
  /** Deliveries that nobody knows the end of, or that ended without an acknowledgement. */
  deliveries: number
}

const fates = { invoke: 'asked', ok: 'done', fail: 'refused', info: 'unknown' } as const

export class QueueChecker implements Checker {
  readonly #stage: Stage
  readonly #items = new Map<string, Item>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  observe(event: SimulationEvent): void {
    if (event.source !== 'process') return
    if (event.operation === 'put') this.#put(event)
    else if (event.operation === 'ack') this.#ack(event)
    else if (event.operation === 'deliver' && event.type === 'ok') this.#deliver(String(event.value))
  }

  #put({ type, value }: ProcessEvent): void {
    const name = String(value)
    const item = this.#items.get(name)
    if (item === undefined) this.#items.set(name, { put: 'asked', ack: undefined, deliveries: 0 })
    else item.put = fates[type]
    if (type === 'fail' && item !== undefined && item.deliveries > 0)
      this.#stage.violate('what was refused was not put', name)
  }

  #ack({ type, value }: ProcessEvent): void {
    const item = this.#items.get(String(value))
    // The last word of an earlier delivery may come after a later one has been acknowledged.
    if (item !== undefined && item.ack !== 'done') item.ack = fates[type]
  }

  #deliver(name: string): void {
    const item = this.#items.get(name)
    if (item === undefined) return this.#stage.violate('only what was put is delivered', name)
    item.deliveries++
    if (item.put === 'refused') this.#stage.violate('what was refused was not put', name)
    if (item.ack === 'done') this.#stage.violate('what was acknowledged is not delivered again', name)
  }

  /** The queue was drained by then. */
  finish(): void {
    for (const [name, { put, ack }] of this.#items)
      if (put === 'done' && (ack === undefined || ack === 'refused'))
        this.#stage.violate(
          'nothing is lost',
          `${name} was put and never acknowledged (${ack ?? 'nor asked to be'})`,
        )
  }
}
