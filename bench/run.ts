/**
 * Runs the subjects of a bench against one target: every subject in a process of its own, one scenario after the other,
 * the rounds of a scenario interleaved (A B, B A, A B …), so that what drifts meets all alike.
 */
import { headerOf, loadNow } from './header.js'
import type { BenchOptions } from './options.js'
import { Crew } from './crew.js'
import { DisposableList } from './disposable-list.js'
import { launchesFor } from './launches.js'
import type { Gap, Run, Sample } from './records.js'
import { makeRoot } from './root.js'
import { scenarios, type BenchName, type Scenario } from './scenarios.js'
import { startTarget } from './target.js'

export async function runBench(bench: BenchName, options: BenchOptions): Promise<Run> {
  const load = loadNow()
  await using target = await startTarget(options)
  await using root = await makeRoot(target.connectString)
  await using stack = new DisposableList()
  const { able, versions, missing } = await launchesFor(bench, options)
  const crews: Crew[] = []
  for (const { subject, launch } of able) {
    try {
      crews.push(stack.add(await Crew.start({ subject, launch, target, root: root.path })))
    } catch (error) {
      missing[subject.name] = `it does not start: ${String(error)}`
    }
  }
  const { samples, gaps } = await runScenarios(bench, crews, options)
  const header = await headerOf(options, { servers: target.description, versions, missing, load })
  return { header, samples, gaps, counts: [], weights: [] }
}

export async function runScenarios(
  bench: BenchName,
  crews: readonly Crew[],
  options: BenchOptions,
): Promise<Pick<Run, 'samples' | 'gaps'>> {
  const samples: Sample[] = []
  const gaps: Gap[] = []
  /** Peers whose processes died or fell silent, and so take part no more. */
  const failures = new Map<Crew, string>()
  for (const scenario of scenarios[bench]) {
    if (options.scenarios?.includes(scenario.name) === false) continue
    for (const { subject } of crews) {
      const reason = subject.lacks?.[scenario.name]
      if (reason !== undefined) gaps.push(gapOf(scenario, subject.name, reason))
    }
    const able = crews.filter(({ subject }) => subject.lacks?.[scenario.name] === undefined)
    const measured = await interleaved(scenario.name, able, options, async (crew, round) => {
      if (failures.has(crew)) return undefined
      try {
        return await runOnce(scenario, crew, options, round)
      } catch (error) {
        if (crew.subject.name.startsWith('latchkey')) throw error
        failures.set(crew, `it failed in ${scenario.name}: ${String(error)}`)
        return undefined
      }
    })
    // What a peer that failed had done before that does not stand beside whole runs of the others.
    for (const [{ subject }, reason] of failures) gaps.push(gapOf(scenario, subject.name, reason))
    const whole = able.filter((crew) => !failures.has(crew)).map(({ subject }) => subject.name)
    samples.push(
      ...measured.filter((sample) => sample !== undefined).filter(({ subject }) => whole.includes(subject)),
    )
  }
  return { samples, gaps }
}

function gapOf({ name }: Scenario, subject: string, reason: string): Gap {
  return { kind: 'gap', scenario: name, subject, reason }
}

/** `once` for each of them in each round, in an order that turns round. The rounds to warm up are thrown away. */
export async function interleaved<T, R>(
  name: string,
  all: readonly T[],
  { rounds, warmUp }: Pick<BenchOptions, 'rounds' | 'warmUp'>,
  once: (each: T, round: number) => Promise<R>,
): Promise<R[]> {
  process.stderr.write(`${name} `)
  const results: R[] = []
  for (let round = -warmUp; round < rounds; round++) {
    process.stderr.write('.')
    for (const each of round % 2 === 0 ? all : all.toReversed()) {
      const result = await once(each, round)
      if (round >= 0) results.push(result)
    }
  }
  process.stderr.write('\n')
  return results
}

async function runOnce(
  scenario: Scenario,
  crew: Crew,
  { scale }: BenchOptions,
  round: number,
): Promise<Sample> {
  const { operations: ours, peersOperations = ours } = scenario
  const wanted = crew.subject.name.startsWith('latchkey') ? ours : peersOperations
  const operations = Math.max(1, Math.round(wanted * scale))
  await crew.assemble(scenario)
  const before = await crew.target.packets()
  const measured = await crew.measure(scenario, operations).catch((error: unknown) => {
    throw new Error(`${crew.subject.name}, ${scenario.name}: ${String(error)}`)
  })
  const after = await crew.target.packets()
  return {
    kind: 'sample',
    scenario: scenario.name,
    subject: crew.subject.name,
    round,
    ...measured,
    opsPerSecond: measured.operations / (measured.elapsedMs / 1000),
    cpuUs: (measured.cpuMs * 1000) / measured.operations,
    requests:
      crew.subject.isElsewhere === true ? 0 : (after.received - before.received) / measured.operations,
  }
}
