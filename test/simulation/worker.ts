/** Runs simulations that its parent asks for, one at a time. Bundled: see bundle.ts. */
import type { Outcome } from './simulate.js'
import { simulate } from './simulate.js'
import { workloadNamed } from './workloads/index.js'

/** What a run is made of, as data. */
export interface RunOrder {
  readonly recipe: string
  readonly seed: number
  readonly acquisitions: number
  readonly limitMs?: number | undefined
  readonly faultEveryMs?: number | undefined
  readonly faults?: readonly number[] | undefined
}

export interface RunReport {
  readonly outcome: Outcome
  /** Of this process, for this run. */
  readonly cpuMs: number
}

// An error takes as long to make as the rest of a lost request, and nobody looks at its stack here.
Error.stackTraceLimit = 0

async function run({ recipe, limitMs, faultEveryMs, ...order }: RunOrder): Promise<RunReport> {
  const before = process.cpuUsage()
  const outcome = await simulate({
    ...order,
    workload: workloadNamed(recipe),
    ...(limitMs === undefined ? {} : { limitMs }),
    ...(faultEveryMs === undefined ? {} : { faultEveryMs }),
  })
  const { user, system } = process.cpuUsage(before)
  return { outcome: withoutIdleFaults(outcome), cpuMs: (user + system) / 1000 }
}

/** The plan matters only where something was violated. */
function withoutIdleFaults(outcome: Outcome): Outcome {
  return outcome.violations.length > 0 ? outcome : { ...outcome, faults: [] }
}

process.on('message', (order: RunOrder) => {
  void run(order).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit())
