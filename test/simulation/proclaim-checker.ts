/**
 * What leaders proclaim and observers see. A value is a number that grows with each proclamation. On the server the values of
 * a term never go back; what was confirmed is there; an observer sees only what was written, and never goes back.
 *
 * Operations: `proclaim`, `ok` with the znode and the number; `see`, begun with what an observer was shown.
 */
import { parentOf } from 'latchkey'
import type { NodeChange } from 'latchkey/server'
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import type { Checker, Stage } from './workload.js'

export interface Proclaimed {
  readonly path: string
  readonly value: number
}

export interface Seen extends Proclaimed {
  readonly token: bigint
  readonly version: number
}

const TERMS_KEPT = 500

export class ProclaimChecker implements Checker {
  readonly #stage: Stage
  readonly #path: string
  /** Values of each term, by version of its znode. */
  readonly #terms = new Map<string, number[]>()
  /** What observers saw last, by process and life. */
  readonly #seen = new Map<string, Seen>()

  constructor(stage: Stage, path: string) {
    this.#stage = stage
    this.#path = path
  }

  observe(event: SimulationEvent): void {
    if (event.source === 'server') {
      const { body } = event.transaction
      if (body.type === 'create' || body.type === 'setData') this.#written(body)
    } else if (event.source === 'process') {
      if (event.operation === 'proclaim' && event.type === 'ok') this.#confirmed(event.value as Proclaimed)
      else if (event.operation === 'see' && event.type === 'invoke') this.#shown(event)
    }
  }

  #written(change: NodeChange & { type: 'create' | 'setData' }): void {
    const { path, data } = change
    if (parentOf(path) !== this.#path) return
    const value = Number(String(data))
    if (change.type === 'create') {
      this.#terms.set(path, [value])
      const [oldest] = this.#terms.keys()
      if (this.#terms.size > TERMS_KEPT && oldest !== undefined) this.#terms.delete(oldest)
      return
    }
    const values = this.#terms.get(path)
    const last = values?.at(-1)
    values?.push(value)
    if (last !== undefined && value < last)
      this.#stage.violate(
        'an older value is never shown after a newer one',
        `${path}: ${value} after ${last}`,
      )
  }

  #confirmed({ path, value }: Proclaimed): void {
    const last = this.#terms.get(path)?.at(-1)
    if (last === undefined || last < value)
      this.#stage.violate('what was proclaimed is there', `${path}: ${value}, where there is ${last}`)
  }

  #shown({ process, life, value }: ProcessEvent): void {
    const seen = value as Seen
    const who = `${process} ${life}`
    const written = this.#terms.get(seen.path)
    if (written !== undefined && written[seen.version] !== seen.value)
      this.#stage.violate(
        'what is seen was written',
        `${who}: ${seen.value} as version ${seen.version} of ${seen.path}`,
      )
    const last = this.#seen.get(who)
    if (
      last !== undefined &&
      (seen.token < last.token || (seen.token === last.token && seen.version < last.version))
    )
      this.#stage.violate('an observer never goes back', `${who}: ${seen.token} after ${last.token}`)
    this.#seen.set(who, seen)
  }
}
