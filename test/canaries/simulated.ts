/**
 * Run as a program of its own, bundled with a canary in it: simulates one recipe by seed after seed until something is
 * violated or the budget is used up, and prints what it came to as a line of JSON.
 */
import { simulate } from '../simulation/simulate.js'
import { workloadNamed } from '../simulation/workloads/index.js'

/** What the program prints. */
export interface SimulatedResult {
  /** Over all seeds. */
  readonly acquisitions: number
  readonly simulatedMs: number
  readonly seeds: number
  /** Of the seed that ended it. */
  readonly violation?: { readonly seed: number; readonly rule: string; readonly details: string }
}

async function main(recipe: string, seeds: number, each: number): Promise<SimulatedResult> {
  let acquisitions = 0
  let simulatedMs = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const outcome = await simulate({ workload: workloadNamed(recipe), seed, acquisitions: each })
    acquisitions += outcome.acquisitions
    simulatedMs += outcome.simulatedMs
    const [first] = outcome.violations
    if (first === undefined) continue
    const { rule, details } = first
    return {
      acquisitions,
      simulatedMs,
      seeds: seed,
      violation: { seed, rule, details: details.slice(0, 500) },
    }
  }
  return { acquisitions, simulatedMs, seeds }
}

const [recipe = '', seeds = '', each = ''] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await main(recipe, Number(seeds), Number(each)))}\n`)
