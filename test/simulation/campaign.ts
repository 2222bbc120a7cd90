/** Many runs by many seeds over several processes, and what they come to. */
import { describeFault, type SimulatedFault } from 'latchkey/testing'
import type { Fleet } from './fleet.js'
import { shrink } from './shrink.js'
import type { Outcome } from './simulate.js'
import type { RunOrder } from './worker.js'
import { workloadNamed } from './workloads/index.js'

/** Patience with the search for the faults that matter, of one failure. */
const SHRINK_MS = 60_000

/** Of one run, unless it is told otherwise. */
export const RUN_ACQUISITIONS = 4_000

export interface CampaignOptions {
  readonly recipes: readonly string[]
  readonly firstSeed: number
  /** Of all runs together. */
  readonly acquisitions: number
  /** No new run is begun after so long, in milliseconds of real time: then the plan is cut off. */
  readonly patienceMs: number
  readonly jobs: number
}

export interface Tally {
  runs: number
  acquisitions: number
  simulatedMs: number
  cpuMs: number
  readonly faults: Map<string, number>
}

export interface Failure {
  readonly order: RunOrder
  readonly outcome: Outcome
}

export interface CampaignResult {
  readonly tallies: ReadonlyMap<string, Tally>
  readonly failures: readonly Failure[]
  /** Runs, all of them, and those that the time was not enough for. */
  readonly planned: number
  readonly left: number
}

export function emptyTally(): Tally {
  return { runs: 0, acquisitions: 0, simulatedMs: 0, cpuMs: 0, faults: new Map() }
}

export function addTo(tally: Tally, outcome: Outcome, cpuMs: number): void {
  tally.runs++
  tally.acquisitions += outcome.acquisitions
  tally.simulatedMs += outcome.simulatedMs
  tally.cpuMs += cpuMs
  for (const [kind, count] of Object.entries(outcome.faultCounts))
    tally.faults.set(kind, (tally.faults.get(kind) ?? 0) + count)
}

/**
 * The runs of a campaign, in order: the same for the same numbers, on every machine. Each recipe has its share of the
 * acquisitions, by its weight, and its own seeds from the first one on; wherever it is cut off, all have had
 * about the same part of theirs.
 */
export function planOf(
  recipes: readonly string[],
  options: Pick<CampaignOptions, 'firstSeed' | 'acquisitions'>,
): RunOrder[] {
  const weights = recipes.map((recipe) => workloadNamed(recipe).weight ?? 1)
  const sum = weights.reduce((all, weight) => all + weight, 0)
  const runs = recipes.flatMap((recipe, index) => {
    const wanted = (options.acquisitions * (weights[index] ?? 1)) / sum
    const count = Math.ceil(wanted / RUN_ACQUISITIONS)
    return Array.from({ length: count }, (_, i) => ({
      at: (i + 0.5) / count,
      order: { recipe, seed: options.firstSeed + i, acquisitions: RUN_ACQUISITIONS },
    }))
  })
  return runs.sort((a, b) => a.at - b.at).map(({ order }) => order)
}

/** Runs the plan, over several processes. It goes on after failures, up to ten. */
export async function runCampaign(fleet: Fleet, options: CampaignOptions): Promise<CampaignResult> {
  const { recipes, patienceMs, jobs } = options
  const tallies = new Map(recipes.map((recipe) => [recipe, emptyTally()]))
  const failures: Failure[] = []
  const begun = performance.now()
  const plan = planOf(recipes, options)
  let next = 0
  const isOver = (): boolean => performance.now() - begun > patienceMs || failures.length >= 10
  const work = async (): Promise<void> => {
    for (let order = plan[next]; order !== undefined && !isOver(); order = plan[next]) {
      next++
      const { outcome, cpuMs } = await fleet.run(order)
      addTo(tallies.get(order.recipe) ?? emptyTally(), outcome, cpuMs)
      if (outcome.violations.length > 0) failures.push({ order, outcome })
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return { tallies, failures, planned: plan.length, left: plan.length - next }
}

/** The command that runs it again. */
export function replayCommand({
  recipe,
  seed,
  acquisitions,
  limitMs,
  faultEveryMs,
  faults,
}: RunOrder): string {
  const words = [`npm run simulate -- --recipe ${recipe} --seed ${seed}`]
  if (Number.isFinite(acquisitions) && acquisitions !== RUN_ACQUISITIONS)
    words.push(`--acquisitions ${acquisitions}`)
  if (limitMs !== undefined) words.push(`--hours ${limitMs / 3_600_000}`)
  if (faultEveryMs !== undefined) words.push(`--fault-every ${faultEveryMs}`)
  if (faults !== undefined) words.push(`--faults ${faults.length > 0 ? faults.join(',') : 'none'}`)
  return words.join(' ')
}

/** What was violated, how to see it again, and with which faults at least. */
export async function explainFailure(fleet: Fleet, { order, outcome }: Failure): Promise<string> {
  const [violation] = outcome.violations
  const rule = violation?.rule ?? ''
  const byIndex = new Map<number, SimulatedFault>(outcome.faults.map(({ index, fault }) => [index, fault]))
  const end = performance.now() + SHRINK_MS
  // A course with fewer faults may take a little longer to the same end.
  const limitMs = 10_000 + 1.5 * (violation?.atMs ?? 0)
  const needed = await shrink([...byIndex.keys()], async (faults) => {
    if (performance.now() > end) return false
    const { outcome: again } = await fleet.run({ ...order, limitMs, faults })
    return again.violations[0]?.rule === rule
  })
  const faults = needed.flatMap((index) => byIndex.get(index) ?? [])
  return [
    `${order.recipe}, seed ${order.seed}: violated at ${violation?.atMs ?? 0} ms: ${rule}`,
    `  ${violation?.details.replaceAll('\n', '\n  ') ?? ''}`,
    `  again:  ${replayCommand(order)}`,
    `  with ${faults.length} of ${byIndex.size} faults:  ${replayCommand({ ...order, faults: needed })}`,
    ...faults.map((fault) => `    ${describeFault(fault)}`),
  ].join('\n')
}
