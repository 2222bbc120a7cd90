/**
 * Runs the subjects of a bench against one target: every subject in a process of its own, one scenario after the other,
 * the rounds of a scenario interleaved (A B, B A, A B …), so that what drifts meets all alike.
 */
import { connect } from 'latchkey'
import { headerOf, loadNow } from './header.js'
import type { BenchOptions } from './options.js'
import { Crew } from './crew.js'
import type { Gap, Run, Sample } from './records.js'
import { scenarios, type BenchName, type Scenario } from './scenarios.js'
import { subjects } from './subjects/index.js'
import { startTarget, type Target } from './target.js'

export async function runBench(bench: BenchName, options: BenchOptions): Promise<Run> {
  const load = loadNow()
  await using target = await startTarget(options)
  await using stack = new AsyncDisposableList()
  const root = await makeRoot(target.connectString)
  const versions: Record<string, string> = {}
  const missing: Record<string, string> = {}
  const runners: Crew[] = []
  for (const subject of subjects) {
    if (!subject.benches.includes(bench) || options.subjects?.includes(subject.name) === false) continue
    const launch = await subject.launch()
    if ('missing' in launch) {
      missing[subject.name] = launch.missing
      continue
    }
    versions[subject.name] = launch.version
    try {
      // All on one server: which one of an ensemble answers makes a difference.
      const start = { subject, launch, connectString: firstServer(target.connectString), root }
      runners.push(stack.add(await Crew.start(start)))
    } catch (error) {
      missing[subject.name] = `it does not start: ${String(error)}`
    }
  }
  const samples: Sample[] = []
  const gaps: Gap[] = []
  for (const scenario of scenarios[bench]) {
    if (options.scenarios?.includes(scenario.name) === false) continue
    for (const { subject } of runners) {
      const reason = subject.lacks?.[scenario.name]
      if (reason !== undefined)
        gaps.push({ kind: 'gap', scenario: scenario.name, subject: subject.name, reason })
    }
    const able = runners.filter(({ subject }) => subject.lacks?.[scenario.name] === undefined)
    samples.push(...(await runScenario(scenario, able, target, options)))
  }
  const header = await headerOf(options, { servers: target.description, versions, missing, load })
  return { header, samples, gaps, counts: [], weights: [] }
}

async function runScenario(
  scenario: Scenario,
  runners: readonly Crew[],
  target: Target,
  { rounds, warmUp, scale }: BenchOptions,
): Promise<Sample[]> {
  process.stderr.write(`${scenario.name} `)
  const operations = Math.max(scenario.inFlight, Math.round(scenario.operations * scale))
  const samples: Sample[] = []
  for (let round = -warmUp; round < rounds; round++) {
    process.stderr.write('.')
    const order = round % 2 === 0 ? runners : [...runners].reverse()
    for (const runner of order) {
      const sample = await runOnce(scenario, runner, target, operations, round)
      if (round >= 0) samples.push(sample)
    }
  }
  process.stderr.write('\n')
  return samples
}

async function runOnce(
  scenario: Scenario,
  runner: Crew,
  target: Target,
  operations: number,
  round: number,
): Promise<Sample> {
  const before = await target.packets()
  const measured = await runner.measure(scenario, operations).catch((error: unknown) => {
    throw new Error(`${runner.subject.name}, ${scenario.name}: ${String(error)}`)
  })
  const after = await target.packets()
  return {
    kind: 'sample',
    scenario: scenario.name,
    subject: runner.subject.name,
    round,
    ...measured,
    opsPerSecond: measured.operations / (measured.elapsedMs / 1000),
    cpuUs: (measured.cpuMs * 1000) / measured.operations,
    requests: (after.received - before.received) / measured.operations,
  }
}

function firstServer(connectString: string): string {
  return connectString.split(',')[0] ?? connectString
}

async function makeRoot(connectString: string): Promise<string> {
  await using zk = await connect(connectString)
  const root = `/latchkey-bench-${process.pid}`
  await zk.ensurePath(root)
  await zk.create(`${root}/node`, Buffer.alloc(128, 'x'))
  return root
}

/** Node 20 has no AsyncDisposableStack. */
class AsyncDisposableList implements AsyncDisposable {
  readonly #items: AsyncDisposable[] = []

  add<T extends AsyncDisposable>(item: T): T {
    this.#items.push(item)
    return item
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#items.map(async (item) => item[Symbol.asyncDispose]()))
  }
}
