/** `npm run simulate`: see options.ts. Ends with 1 if anything is violated. */
import { writeFileSync } from 'node:fs'
import { historyLine } from '../../src/testing/simulation/history.js'
import { explainFailure, replayCommand, runCampaign, RUN_ACQUISITIONS, type Failure } from './campaign.js'
import { Fleet } from './fleet.js'
import { readOptions, usage, type SimulateOptions } from './options.js'
import { reportOf } from './report.js'
import { simulate } from './simulate.js'
import type { RunOrder } from './worker.js'
import { workloadNamed } from './workloads/index.js'

const HOUR_MS = 3_600_000

function orderOf(options: SimulateOptions, recipe: string, seed: number): RunOrder {
  const { acquisitions, hours, faultEveryMs, faults } = options
  return {
    recipe,
    seed,
    acquisitions: acquisitions ?? (hours === undefined ? RUN_ACQUISITIONS : Number.MAX_SAFE_INTEGER),
    limitMs: hours === undefined ? undefined : hours * HOUR_MS,
    faultEveryMs,
    faults,
  }
}

/** In this process, so that its history can be kept. */
async function runWithHistory(order: RunOrder, file: string): Promise<void> {
  const lines: string[] = []
  const { recipe, limitMs, faultEveryMs, ...rest } = order
  await simulate({
    ...rest,
    workload: workloadNamed(recipe),
    ...(limitMs === undefined ? {} : { limitMs }),
    ...(faultEveryMs === undefined ? {} : { faultEveryMs }),
    onEvent: (event) => lines.push(`${historyLine(event)}\n`),
  })
  writeFileSync(file, lines.join(''))
}

async function runOne(fleet: Fleet, options: SimulateOptions, seed: number): Promise<Failure[]> {
  const failures: Failure[] = []
  for (const recipe of options.recipes) {
    const order = orderOf(options, recipe, seed)
    const { outcome, cpuMs } = await fleet.run(order)
    const { acquisitions, hash, simulatedMs, faultCounts } = outcome
    const rate = Math.round((acquisitions / cpuMs) * 1000)
    console.log(
      `${recipe}, seed ${seed}: ${acquisitions} acquisitions in ${(simulatedMs / 1000).toFixed(1)} simulated seconds, ` +
        `${rate}/s, history ${hash}\n  faults: ${JSON.stringify(faultCounts)}`,
    )
    if (outcome.violations.length > 0) failures.push({ order, outcome })
    if (options.history !== undefined) await runWithHistory(order, options.history)
  }
  return failures
}

async function run(options: SimulateOptions): Promise<void> {
  const { seed, recipes, firstSeed, jobs } = options
  await using fleet = await Fleet.start(jobs)
  let failures: readonly Failure[]
  if (seed === undefined) {
    const acquisitions = options.acquisitions ?? 200_000
    console.log(
      `${acquisitions.toLocaleString('en')} acquisitions, from seed ${firstSeed}, ${jobs} processes`,
    )
    const result = await runCampaign(fleet, {
      recipes,
      firstSeed,
      acquisitions,
      patienceMs: options.minutes * 60_000,
      jobs,
    })
    failures = result.failures
    console.log(reportOf(result))
  } else failures = await runOne(fleet, options, seed)
  for (const failure of failures) {
    console.log(`\nshrinking ${replayCommand(failure.order)} ...`)
    console.log(await explainFailure(fleet, failure))
  }
  process.exitCode = failures.length > 0 ? 1 : 0
}

let options: SimulateOptions | undefined
try {
  options = readOptions(process.argv.slice(2))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  process.exitCode = 2
}
if (options !== undefined) await run(options)
