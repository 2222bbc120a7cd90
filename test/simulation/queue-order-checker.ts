/**
 * First in, first out, as far as docs/queues.md promises it: an item put after another put had resolved is never ahead
 * of it on the server; and one consumer alone, with nobody's claims in its way, takes strictly in that order.
 *
 * Operations: as for the queue checker; `drain` says that from now on there is one consumer, with no list from before.
 */
import { unpackEnvelope } from '../../recipes/queue/envelope.js'
import type { NodeChange } from 'latchkey/server'
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import { ServerView } from './server-view.js'
import type { Checker, Stage } from './workload.js'

/** Segment by segment, and in a segment by sequence. */
const SEGMENT = 2 ** 32
/** More than there can be; and a power of two, so that nothing is rounded. */
const MOST_IN_A_PACK = 1024

export class QueueOrderChecker implements Checker {
  readonly #stage: Stage
  readonly #path: string
  readonly #view = new ServerView()
  /** Of each item: where it is, or was last; put off and due again it has a new place. */
  readonly #places = new Map<string, number>()
  /** Of each item: the last place of those whose put had resolved when its own was called. */
  readonly #mustFollow = new Map<string, number>()
  readonly #delivered = new Set<string>()
  #lastResolved = -1
  /** Of the item that the only consumer took last; undefined while there are several. */
  #drained: number | undefined

  constructor(stage: Stage, path: string) {
    this.#stage = stage
    this.#path = path
  }

  observe(event: SimulationEvent): void {
    this.#view.observe(event)
    if (event.source === 'process') return this.#told(event)
    if (event.source !== 'server') return
    const { body } = event.transaction
    if (body.type === 'multi') for (const change of body.changes) this.#changed(change)
    else if (body.type === 'create') this.#changed(body)
  }

  #changed(change: NodeChange): void {
    if (change.type !== 'create' || !change.path.startsWith(`${this.#path}/ready/`)) return
    const [, index, sequence] = /\.(\d{10})\/[^/]*-(\d{10})$/.exec(change.path) ?? []
    if (index === undefined || sequence === undefined || change.data === null) return
    const { payloads, numbers } = unpackEnvelope(Buffer.from(change.data))
    for (const [at, payload] of payloads.entries()) {
      const item = String(JSON.parse(payload.toString()))
      const number = numbers?.[at] ?? Number(/\.(\d+)-\d{10}$/.exec(change.path)?.[1] ?? 0)
      const place = Number(index) * SEGMENT + Number(sequence) + number / MOST_IN_A_PACK
      if (!this.#places.has(item) && place < (this.#mustFollow.get(item) ?? 0))
        this.#stage.violate('what is put later is never ahead', `${item} at ${change.path}`)
      this.#places.set(item, place)
    }
  }

  #told({ operation, type, value }: ProcessEvent): void {
    const item = String(value)
    if (operation === 'put' && type === 'invoke') this.#mustFollow.set(item, this.#lastResolved)
    if (operation === 'put' && type === 'ok')
      this.#lastResolved = Math.max(this.#lastResolved, this.#places.get(item) ?? -1)
    if (operation === 'drain' && type === 'invoke')
      this.#drained = [...this.#view.children(`${this.#path}/claims`)].length === 0 ? -1 : undefined
    if (operation !== 'deliver' || type !== 'ok') return
    this.#taken(item)
    this.#delivered.add(item)
  }

  #taken(item: string): void {
    const place = this.#places.get(item)
    if (this.#drained === undefined || place === undefined || this.#delivered.has(item)) return
    if (place < this.#drained) this.#stage.violate('one consumer alone takes in order', item)
    this.#drained = place
  }
}
