/** Never more than the limit in a window, by the leader's clock; and nothing outside of a window. */
import type { SimulationEvent } from 'latchkey/testing'
import { RateModel } from '../support/rate-model.js'
import type { Checker, Stage } from './workload.js'

export class RateChecker implements Checker {
  readonly #path: string
  readonly #model: RateModel

  constructor(
    stage: Stage,
    { path, permits, intervalMs }: { path: string; permits: number; intervalMs: number },
  ) {
    this.#path = path
    this.#model = new RateModel(permits, intervalMs, (why) =>
      stage.violate('never more than the limit in a window', why),
    )
  }

  observe(event: SimulationEvent): void {
    if (event.source === 'server') {
      const { body, time } = event.transaction
      for (const change of body.type === 'multi' ? body.changes : [body])
        if (change.type === 'setData' && change.path === this.#path)
          this.#model.write(change.data ?? new Uint8Array(), Number(time), event.atMs)
      return
    }
    if (event.source !== 'process' || event.type !== 'ok' || event.operation !== 'acquire') return
    this.#model.handOut(Number(event.value), event.atMs)
  }
}
