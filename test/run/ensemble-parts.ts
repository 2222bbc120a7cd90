/**
 * The tests on real servers and with foreign clients. What this machine has is found out first; what it has not is
 * said, with the number of tests that were not run for it. `LATCHKEY_REQUIRE=java,docker,kazoo,curator,driver` makes each
 * absence a failure, for machines that must have them.
 */
import { join } from 'node:path'
import type { EngineName } from '../../src/testing/index.js'
import { findEngines } from '../../src/testing/index.js'
import { root, runCommand } from './command.js'
import { outcomeOf, type Outcome, type Part } from './part.js'
import { countTests, runProject } from './vitest.js'

interface Finding {
  readonly available: boolean
  /** What there is, or what is missing. */
  readonly detail: string
}

const required = new Set((process.env['LATCHKEY_REQUIRE'] ?? '').split(',').filter((name) => name !== ''))

function environment(engine: EngineName | 'embedded', servers: number): Record<string, string> {
  return { LATCHKEY_ENGINE: engine, LATCHKEY_SERVERS: String(servers) }
}

/** What could not be had: its tests count as skipped, or, where it is required, as a failure. */
async function missing(name: string, what: string, project: string, detail: string): Promise<Outcome> {
  const count = await countTests(project)
  const note = `not run: ${count} tests ${what}: ${detail}`
  if (!required.has(name)) return { passed: 0, failed: 0, skipped: count, notes: [note] }
  const output = `LATCHKEY_REQUIRE asks for ${name}, which is missing: ${detail}`
  return { passed: 0, failed: 1, skipped: count, output, notes: [note] }
}

function withNote(outcome: Outcome, note: string): Outcome {
  return { ...outcome, notes: [note] }
}

/** Once for all parts: looking for Docker's image and for jars takes a while. */
let engines: Promise<ReadonlyMap<string, Finding>> | undefined

async function engine(name: EngineName): Promise<Finding> {
  engines ??= findEngines({ pull: true }).then(
    (reports) => new Map(reports.map((report) => [report.engine, report])),
  )
  return (await engines).get(name) ?? { available: false, detail: 'unknown here' }
}

function onEngine(name: EngineName, servers: number, project: string): Part {
  const where = name === 'given' ? 'given servers' : `${name}, ${servers} server${servers === 1 ? '' : 's'}`
  return {
    name: `${project} (${where})`,
    group: 'ensemble',
    run: async () => {
      const { available, detail } = await engine(name)
      if (!available) return missing(name, `on ${where}`, project, detail)
      const asked = process.env['LATCHKEY_ZOOKEEPER_VERSION']
      const what = asked === undefined || name !== 'java' ? detail : `ZooKeeper ${asked}, as asked for`
      return withNote(await runProject(project, environment(name, servers)), what)
    },
  }
}

/** The first engine that is here, for what needs some real servers, whoever runs them. */
async function anyEngine(): Promise<EngineName | undefined> {
  for (const name of ['given', 'docker', 'java'] as const) if ((await engine(name)).available) return name
  return undefined
}

/** Whether a client that others wrote can be run here. */
async function clientFinding(name: OtherClient): Promise<Finding> {
  if (name === 'driver') {
    const { installNpmZooKeeper, NPM_ZOOKEEPER_VERSION } = await import('../support/npm-zookeeper.js')
    const lacking = await installNpmZooKeeper()
    return { available: lacking === undefined, detail: lacking ?? `npm zookeeper ${NPM_ZOOKEEPER_VERSION}` }
  }
  const { findKazoo, findCurator } = await import('../support/foreign-clients.js')
  return name === 'kazoo' ? findKazoo() : findCurator()
}

/** `driver`: the npm package zookeeper, with our recipes on it. */
type OtherClient = 'kazoo' | 'curator' | 'driver'

/** Another client, on the embedded server and on real ones. */
function withClient(name: OtherClient, servers: 'embedded' | 'real'): Part {
  return {
    name: `${name} (${servers})`,
    group: 'ensemble',
    run: async () => {
      const { available, detail } = await clientFinding(name)
      if (!available) return missing(name, `with ${name}`, name, detail)
      if (servers === 'embedded') return withNote(await runProject(name, environment('embedded', 1)), detail)
      const real = await anyEngine()
      if (real === undefined)
        return missing('java', `with ${name} on real servers`, name, 'no engine is available')
      return withNote(await runProject(name, environment(real, 3)), `${detail}, on ${real}`)
    },
  }
}

/** Four minutes, and more if it must be, where it has the machine to itself, one on a laptop. */
const TORTURE = process.env['CI'] === undefined ? ['1', '500,5'] : ['4', '50000,60']

/** Real servers, processes and faults; one check, whose figures are shown. */
export function torturePart(): Part {
  const [minutes = '1', atLeast = '1,1'] = TORTURE
  return {
    name: `torture (${minutes} min)`,
    group: 'torture',
    run: async () => {
      const { available, detail } = await engine('java')
      if (!available) {
        const note = `not run: torture of a real ensemble: ${detail}`
        const isRequired = required.has('java')
        return { passed: 0, failed: isRequired ? 1 : 0, skipped: 1, output: note, notes: [note] }
      }
      const program = ['--import', 'tsx', join(root, 'test/torture/main.ts')]
      const args = [...program, '--minutes', minutes, '--at-least', atLeast]
      const result = await runCommand(process.execPath, args, { timeoutMs: 20 * 60_000 })
      return { ...outcomeOf(result), notes: result.output.trim().split('\n') }
    },
  }
}

export function ensembleParts(): Part[] {
  const given = process.env['LATCHKEY_TEST_CONNECT'] ?? process.env['ZOOKEEPER_CONNECT'] ?? ''
  return [
    ...(given === '' ? [] : [onEngine('given', 1, 'conformance')]),
    onEngine('java', 1, 'conformance'),
    onEngine('java', 3, 'conformance'),
    onEngine('docker', 3, 'conformance'),
    onEngine('java', 3, 'ensemble'),
    onEngine('docker', 3, 'ensemble'),
    ...(['kazoo', 'curator', 'driver'] as const).flatMap((name) => [
      withClient(name, 'embedded'),
      withClient(name, 'real'),
    ]),
  ]
}
