/**
 * The simulation by seed: as many acquisitions as CI can have within minutes, or a laptop within one. The
 * same seeds at each run, unless others are asked for; those that once found something are among the unit tests.
 */
import { availableParallelism } from 'node:os'
import { explainFailure, replayCommand, runCampaign } from '../simulation/campaign.js'
import { Fleet } from '../simulation/fleet.js'
import { cutOff, faultsOf, rateOf, reportOf, total } from '../simulation/report.js'
import { workloads } from '../simulation/workloads/index.js'
import type { Outcome, Part } from './part.js'

/** What CI is to reach, and how long it may take: on a very slow machine the time ends it, and the notes say so. */
const FULL = { acquisitions: 2_000_000, minutes: 9 }
/** The same at each run, so that what fails is what changed. LATCHKEY_SIMULATION_SEED takes others. */
const FIRST_SEED = 795_190_711
/** At most: a long run with few faults would prove little. */
const ACQUISITIONS_PER_FAULT = 20
const SHORT = { acquisitions: 60_000, minutes: 1.5 }

function size(): { acquisitions: number; minutes: number } {
  const { acquisitions, minutes } = process.env['CI'] === undefined ? SHORT : FULL
  return {
    acquisitions: Number(process.env['LATCHKEY_SIMULATION_ACQUISITIONS'] ?? acquisitions),
    minutes: Number(process.env['LATCHKEY_SIMULATION_MINUTES'] ?? minutes),
  }
}

async function runSimulation(): Promise<Outcome> {
  const { acquisitions, minutes } = size()
  const jobs = availableParallelism()
  const firstSeed = Number(process.env['LATCHKEY_SIMULATION_SEED'] ?? FIRST_SEED)
  await using fleet = await Fleet.start(jobs)
  const recipes = workloads.map(({ name }) => name)
  const result = await runCampaign(fleet, {
    recipes,
    firstSeed,
    acquisitions,
    patienceMs: minutes * 60_000,
    jobs,
  })
  const tooFew = result.left === 0 && faultsOf(total(result)) * ACQUISITIONS_PER_FAULT < acquisitions
  const explained: string[] = []
  for (const failure of result.failures.slice(0, 3)) explained.push(await explainFailure(fleet, failure))
  const all = total(result)
  const faults = [...all.faults].map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`)
  const notes = [
    `${all.acquisitions.toLocaleString('en')} acquisitions, ${faultsOf(all).toLocaleString('en')} faults, ` +
      `${result.failures.length} violations, ${Math.round(rateOf(all))} acquisitions a second of a core; from seed ${firstSeed}`,
    `faults: ${faults.join(', ')}`,
    ...(result.left > 0 ? [cutOff(result)] : []),
    ...(tooFew ? [`too few faults: less than one in ${ACQUISITIONS_PER_FAULT} acquisitions`] : []),
    ...result.failures.map(({ order }) => `violated: ${replayCommand(order)}`),
  ]
  return {
    passed: all.runs - result.failures.length,
    failed: result.failures.length + (tooFew ? 1 : 0),
    skipped: 0,
    output: [reportOf(result), ...explained].join('\n\n'),
    notes,
  }
}

export function simulationPart(): Part {
  return { name: 'simulation (by seed)', group: 'simulation', run: runSimulation }
}
