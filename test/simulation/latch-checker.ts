/**
 * A latch opens when it was counted down to 0 and not before; each id is counted once. Judged by the server's transactions.
 *
 * Operations: `countDown` with path, id and number, `ok` with what is left besides; `wait` with the path.
 */
import { nameOf, parentOf } from 'latchkey'
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import type { NodeChange } from 'latchkey/server'
import type { Checker, Stage } from './workload.js'

interface Latch {
  left: number
  isOpen: boolean
  /** Ids that were counted. */
  readonly counted: Set<string>
}

interface CountDown {
  readonly path: string
  readonly id: string
  readonly by: number
  readonly left?: number
}

export class LatchChecker implements Checker {
  readonly #stage: Stage
  readonly #path: string
  readonly #count: number
  readonly #latches = new Map<string, Latch>()
  /** What each id counts. */
  readonly #asked = new Map<string, number>()

  constructor(stage: Stage, path: string, count: number) {
    this.#stage = stage
    this.#path = path
    this.#count = count
  }

  observe(event: SimulationEvent): void {
    if (event.source === 'server') {
      const { body } = event.transaction
      if (body.type === 'multi') this.#transaction(body.changes)
    } else if (event.source === 'process') {
      if (event.operation === 'countDown') this.#countDown(event)
      else if (event.operation === 'wait' && event.type === 'ok') this.#through(String(event.value))
    }
  }

  #transaction(changes: readonly NodeChange[]): void {
    const ids = changes.flatMap(({ type, path }) => {
      const id = /^down-(.*)$/.exec(nameOf(path))?.[1]
      return type === 'create' && id !== undefined ? [id] : []
    })
    for (const change of changes) {
      const { type, path } = change
      if (type === 'create' && parentOf(path) === this.#path) {
        if (this.#latches.has(path)) this.#stage.violate('a latch is made once', path)
        this.#latches.set(path, { left: numberIn(change.data), isOpen: false, counted: new Set() })
      } else if (type === 'setData') this.#set(path, numberIn(change.data), ids)
      else if (type === 'create' && nameOf(path) === 'open') this.#open(parentOf(path))
    }
  }

  #set(path: string, left: number, ids: readonly string[]): void {
    const latch = this.#latches.get(path)
    const [id = ''] = ids
    if (latch === undefined) return this.#stage.violate('a latch is made before it is counted down', path)
    if (latch.counted.has(id)) this.#stage.violate('each id is counted once', `${id} of ${path}`)
    latch.counted.add(id)
    const due = Math.max(0, latch.left - (this.#asked.get(id) ?? 0))
    if (ids.length !== 1 || left !== due)
      this.#stage.violate('it goes down by what was asked', `${path} to ${left} instead of ${due} by ${id}`)
    latch.left = left
  }

  #open(path: string): void {
    const latch = this.#latches.get(path)
    if (latch?.left !== 0) this.#stage.violate('it opens at 0', `${path} at ${latch?.left}`)
    if (latch !== undefined) latch.isOpen = true
  }

  #countDown({ type, value }: ProcessEvent): void {
    const { path, id, by, left } = value as CountDown
    if (type === 'invoke') return void this.#asked.set(id, by)
    if (type !== 'ok') return
    const latch = this.#latches.get(path)
    if (latch?.counted.has(id) !== true && latch?.left !== 0)
      this.#stage.violate('what was told was counted', `${id} of ${path}`)
    if (left === 0) this.#through(path)
  }

  #through(path: string): void {
    const latch = this.#latches.get(path)
    if (latch?.isOpen !== true) this.#stage.violate('nobody passes before it is open', path)
    const sum = [...(latch?.counted ?? [])].reduce((all, id) => all + (this.#asked.get(id) ?? 0), 0)
    if (sum < this.#count) this.#stage.violate('nobody passes before all is counted', `${path}: ${sum}`)
  }
}

function numberIn(data: Uint8Array | null): number {
  return Buffer.from(data ?? []).readInt32BE()
}
