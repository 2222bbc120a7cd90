/**
 * Puts each canary in, one at a time, and asks the layers in the order of their cost until one notices it. One that
 * nobody notices is a hole in the harness, and one whose text is not in the source any more says nothing: both fail. So
 * does a layer that complains where there is no canary.
 */
import { availableParallelism } from 'node:os'
import { StaleCanaryError, type Canary } from './canary.js'
import { canaries } from './canaries.js'
import { underTests, type Sighting } from './layers.js'
import { underSimulation } from './simulation-layer.js'
import { patchedFile } from './plugin.js'

export type Layer = 'simulation' | 'tests'

export interface Finding {
  readonly canary: Canary
  /** Undefined: it was not caught. */
  readonly layer: Layer | undefined
  readonly after: string
  readonly by: string
  readonly seconds: number
}

export interface CanaryRun {
  readonly findings: readonly Finding[]
  /** What went wrong, in words. */
  readonly problems: readonly string[]
}

async function look(canary: Canary): Promise<Omit<Finding, 'seconds'>> {
  for (const file of new Set(canary.edits.map(({ file: each }) => each))) patchedFile(canary, file)
  if (canary.simulation !== undefined) {
    const { caught, after, by } = await underSimulation(canary.simulation.recipe, canary)
    if (caught) return { canary, layer: 'simulation', after, by }
  }
  let last: Sighting = { caught: false, after: '', by: 'no layer was asked' }
  for (const file of canary.unit) {
    last = await underTests([file], canary.name)
    const where = file.replace(/^test\/|\.test\.ts$/g, '')
    if (last.caught) return { canary, layer: 'tests', after: last.after, by: `${where}: ${last.by}` }
  }
  return { canary, layer: undefined, after: last.after, by: last.by }
}

async function find(canary: Canary): Promise<Finding> {
  const begun = performance.now()
  const found = await look(canary)
  return { ...found, seconds: (performance.now() - begun) / 1000 }
}

/** All files together, beside the canaries that are being tried. */
const CONTROL_LIMIT_MS = 580_000

/** The same layers without any canary: what complains now would have "caught" everything. */
async function control(chosen: readonly Canary[]): Promise<string[]> {
  const files = [...new Set(chosen.flatMap(({ unit }) => unit))]
  const { caught, by } = await underTests(files, '', CONTROL_LIMIT_MS)
  const problems = caught ? [`without a canary, the tests complain: ${by}`] : []
  const recipes = new Set(chosen.flatMap(({ simulation }) => simulation?.recipe ?? []))
  for (const recipe of recipes) {
    const sighting = await underSimulation(recipe, undefined)
    if (sighting.caught)
      problems.push(`without a canary, the simulation of ${recipe} complains: ${sighting.by}`)
  }
  return problems
}

/** @param told - called with each finding as it comes. */
export async function runCanaries(
  only: readonly string[] = [],
  told: (finding: Finding) => void = () => undefined,
): Promise<CanaryRun> {
  const unknown = only.filter((name) => !canaries.some((canary) => canary.name === name))
  if (unknown.length > 0) throw new Error(`no canary is called ${unknown.join(', ')}`)
  const chosen = canaries.filter(({ name }) => only.length === 0 || only.includes(name))
  const problems: string[] = []
  const findings: Finding[] = []
  const waiting = [...chosen]
  const worker = async (): Promise<void> => {
    for (let canary = waiting.shift(); canary !== undefined; canary = waiting.shift()) {
      try {
        const finding = await find(canary)
        findings.push(finding)
        if (finding.layer === undefined) problems.push(`${canary.name} survived ${canary.unit.join(', ')}`)
        told(finding)
      } catch (error) {
        const stale = error instanceof StaleCanaryError
        problems.push(stale ? error.message : `${canary.name} could not be tried: ${String(error)}`)
      }
    }
  }
  const checked = control(chosen)
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 2) }, worker))
  problems.push(...(await checked))
  const order = (finding: Finding): number => chosen.indexOf(finding.canary)
  return { findings: findings.sort((a, b) => order(a) - order(b)), problems }
}
