/**
 * What was put is delivered until it is acknowledged, and never after; what was refused is never seen.
 *
 * Operations: `put` and `deliver` with the item as value, `ack` with the item and the delivery's id. That an item is
 * delivered again is judged by the claims on the server: a process that is stalled between its claim and its record may
 * have lost the claim long ago.
 */
import { unpackEnvelope } from '../../recipes/queue/envelope.js'
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
    if (event.source === 'server' && event.transaction.body.type === 'multi') {
      const { changes } = event.transaction.body
      for (const change of changes) this.#change(change, changes)
    }
    if (event.source !== 'process') return
    if (event.operation === 'put') this.#put(event)
    else if (event.operation === 'ack') this.#ack(event)
    else if (event.operation === 'deliver' && event.type === 'ok') this.#deliver(String(event.value))
  }

  #change({ type, path }: NodeChange, together: readonly NodeChange[]): void {
    if (type !== 'create' || !path.startsWith(this.#claims)) return
    for (const id of idsOf(path.slice(this.#claims.length), together))
      if (this.#acked.has(id))
        this.#stage.violate('what was acknowledged is not delivered again', `${id} ${path}`)
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

/** Whom a claim is on: of a pack those that the same transaction leaves in it. */
function idsOf(claim: string, together: readonly NodeChange[]): string[] {
  const [, token, isPack] = /([^-x]*)(x\d+)?-\d{10}$/.exec(claim) ?? []
  if (token === undefined) return []
  if (isPack === undefined) return [token]
  const pack = together.find((change) => change.type === 'setData' && change.path.endsWith(`/${claim}`))
  if (pack?.type !== 'setData' || pack.data === null) return []
  const { numbers = [] } = unpackEnvelope(Buffer.from(pack.data))
  return numbers.map((number) => `${token}.${number}`)
}
