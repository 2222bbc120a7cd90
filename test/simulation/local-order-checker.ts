/** Tasks of one process are let in in the order in which they asked. For operations `acquire`. */
import type { SimulationEvent } from 'latchkey/testing'
import type { Checker, Stage } from './workload.js'

export class LocalOrderChecker implements Checker {
  readonly #stage: Stage
  /** Those that ask, by process and life, in order. */
  readonly #asking = new Map<string, Set<number>>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  observe(event: SimulationEvent): void {
    if (event.source === 'fault' && event.fault.kind === 'crash' && event.phase === 'begin')
      this.#asking.delete(event.fault.process)
    if (event.source !== 'process' || event.operation !== 'acquire') return
    const { process, type, id } = event
    const asking = this.#asking.get(process) ?? new Set()
    this.#asking.set(process, asking)
    if (type === 'invoke') return void asking.add(id)
    const [first] = asking
    asking.delete(id)
    if (type === 'ok' && first !== id)
      this.#stage.violate(
        'first come, first served in the process',
        `${process}: operation ${id} was let in before ${first}`,
      )
  }
}
