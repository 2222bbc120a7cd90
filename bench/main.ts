/** `npm run bench`: measures the built package beside its peers, keeps the raw results, shows what they give. */
import { writeFile } from 'node:fs/promises'
import { pairsWith } from './base-run.js'
import { buildPackage } from './build.js'
import { changesText } from './compare.js'
import { runFailOver } from './fail-over.js'
import { appendHistory, readHistory } from './history.js'
import { readCommand, usage, type BenchOptions, type Command } from './options.js'
import { runMemory } from './memory.js'
import { linesOf, type Entry, type Run } from './records.js'
import { runServers } from './server.js'
import { runBench } from './run.js'
import { scenarios, type BenchName } from './scenarios.js'
import { headerText, scenarioText } from './table.js'
import { verdictsOn, verdictsText } from './targets.js'
import { costsText } from './costs-table.js'
import { countRequests } from './requests.js'
import { countWaiters } from './waiters.js'
import { waitersText } from './waiters-table.js'
import { weighings } from './weighings.js'
import { weightsText } from './weights-table.js'
import { staleFiles, writePage } from './write-page.js'

function textOf(bench: BenchName, run: Run): string {
  const measured = scenarios[bench].filter(({ name }) =>
    run.samples.some(({ scenario }) => scenario === name),
  )
  const verdicts = verdictsText(verdictsOn(run.samples))
  return [
    headerText(run.header),
    ...measured.map((scenario) => scenarioText(scenario, run)),
    ...weighings
      .filter(({ name }) => run.weights.some(({ scenario }) => scenario === name))
      .map((weighing) => weightsText(weighing, run.weights)),
    ...(verdicts === '' ? [] : ['#### Targets', verdicts]),
    ...(run.counts.length === 0 ? [] : ['#### As the waiters grow', waitersText(run.counts)]),
  ].join('\n\n')
}

function textFor(bench: BenchOptions['bench'], run: Run): string {
  if (bench === 'waiters') return waitersText(run.counts)
  return bench === 'requests' ? costsText(run.costs ?? []) : textOf(bench, run)
}

async function measure(options: BenchOptions): Promise<Run> {
  process.stderr.write('building the package ...\n')
  await buildPackage()
  const { bench } = options
  if (bench === 'fail-over') return runFailOver(options)
  if (bench === 'memory') return runMemory(options)
  if (bench === 'server') return runServers(options)
  if (bench === 'waiters') return countWaiters(options)
  if (bench === 'requests') return countRequests(options)
  return runBench(bench, options)
}

async function bench(options: BenchOptions): Promise<void> {
  const run = await measure(options)
  console.log(textFor(options.bench, run))
  const entries: Entry[] = [
    run.header,
    ...run.samples,
    ...run.gaps,
    ...run.counts,
    ...run.weights,
    ...(run.costs ?? []),
  ]
  if (options.json !== undefined) await writeFile(options.json, linesOf(entries))
  if (options.history) await appendHistory(options.bench, entries)
}

async function compare(base: string | undefined): Promise<void> {
  for (const pair of await pairsWith(base, await readHistory()))
    console.log(`${changesText(pair.base, pair.run)}\n`)
}

async function page(check: boolean): Promise<void> {
  if (!check) return writePage()
  const stale = await staleFiles()
  if (stale.length === 0) return console.log('the page is what the results give')
  console.error(`not what the results give: ${stale.join(', ')}. Make them with: npm run bench -- page`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  let command: Command
  try {
    command = readCommand(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  if (command.kind === 'page') return page(command.check)
  if (command.kind === 'compare') return compare(command.base)
  return bench(command.options)
}

await main()
