/** `npm run bench`: builds the package, measures it beside its peers, prints Markdown and keeps the raw results. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildPackage } from './build.js'
import { readOptions, usage, type BenchOptions } from './options.js'
import { repository } from './paths.js'
import { runBench, type Results } from './run.js'
import { scenarios, type BenchName } from './scenarios.js'
import { headerText, scenarioText } from './table.js'
import { targetsText } from './targets.js'
import { countWaiters } from './waiters.js'

function textOf(bench: BenchName, results: Results): string {
  const run = scenarios[bench].filter(({ name }) => results.samples.some(({ scenario }) => scenario === name))
  const tables = run.map((scenario) => scenarioText(scenario, results))
  return [headerText(results.header), ...tables, targetsText(results.samples)].join('\n\n')
}

async function keep(options: BenchOptions, records: readonly object[]): Promise<void> {
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('')
  if (options.json !== undefined) await writeFile(options.json, lines)
  if (!options.history) return
  const folder = join(repository, 'bench', 'history')
  await mkdir(folder, { recursive: true })
  await appendFile(join(folder, `${options.bench}.jsonl`), lines)
}

async function main(): Promise<void> {
  let options: BenchOptions
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  process.stderr.write('building the package ...\n')
  await buildPackage()
  if (options.bench === 'waiters') {
    const { records, text } = await countWaiters(options, 'all')
    console.log(text)
    return keep(options, records)
  }
  const results = await runBench(options.bench, options)
  console.log(textOf(options.bench, results))
  const records: object[] = [results.header, ...results.samples]
  if ((options.bench === 'mutex' || options.bench === 'semaphore') && options.scenarios === undefined) {
    const { records: counts, text } = await countWaiters(options, options.bench)
    console.log(`\n### Cost of a hand-over as the waiters grow\n\n${text}`)
    records.push(...counts)
  }
  await keep(options, records)
}

await main()
