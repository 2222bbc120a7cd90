/**
 * What was put is delivered until it is acknowledged, and never after; what was refused is never seen.
 *
 * Operations: `put` and `deliver` with the item as value, `ack` with the item and the delivery's id. That an item is
 * delivered again is judged by the claims on the server: a process that is stalled between its claim and its record may
 * have lost the claim long ago.
 */
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import type { NodeChange } from 'latchkey/server'
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
  readonly #claims: string
  readonly #items = new Map<string, Item>()
  /** Ids. */
  readonly #acked = new Set<string>()

  constructor(stage: Stage, claims: string) {
    this.#stage = stage
    this.#claims = `${claims}/`
  }

  observe(event: SimulationEvent): void {
    if (event.source === 'server' && event.transaction.body.type === 'multi')
      for (const change of event.transaction.body.changes) this.#change(change)
    if (event.source !== 'process') return
    if (event.operation === 'put') this.#put(event)
    else if (event.operation === 'ack') this.#ack(event)
    else if (event.operation === 'deliver' && event.type === 'ok') this.#deliver(String(event.value))
  }

  #change({ type, path }: NodeChange): void {
    if (type !== 'create' || !path.startsWith(this.#claims)) return
    const id = /([^-/]*)-\d{10}$/.exec(path)?.[1]
    if (id !== undefined && this.#acked.has(id))
      this.#stage.violate('what was acknowledged is not delivered again', path)
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
    const [name = '', id = ''] = String(value).split(' ')
    const item = this.#items.get(name)
    if (type === 'ok') this.#acked.add(id)
    // The last word of an earlier delivery may come after a later one has been acknowledged.
    if (item !== undefined && item.ack !== 'done') item.ack = fates[type]
  }

  #deliver(name: string): void {
    const item = this.#items.get(name)
    if (item === undefined) return this.#stage.violate('only what was put is delivered', name)
    item.deliveries++
    if (item.put === 'refused') this.#stage.violate('what was refused was not put', name)
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
