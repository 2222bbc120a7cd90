/**
 * `node test/run.mjs [NAME…] [--update]`: runs the parts whose name or group is given, or all; `--help` names them. See
 * `part.ts`.
 *
 * The last line is `N passed, N failed`, with `, N skipped` behind it where there are tests that were not run.
 */
import { parseArgs } from 'node:util'
import { canaryPart } from './canary-part.js'
import { ensembleParts, torturePart } from './ensemble-parts.js'
import { fuzzPart } from './fuzz-part.js'
import { sum, type Outcome, type Part } from './part.js'
import { packageParts, staticParts } from './static-parts.js'
import { simulationPart } from './simulation-part.js'
import { runProject } from './vitest.js'

// Strict: who asks for something that there is not is told so, and not given everything.
const {
  values: { update, help },
  positionals: wanted,
} = parseArgs({
  allowPositionals: true,
  options: { update: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
})

/** Of a part's output. */
const MAX_LINES = 300

function allParts(): Part[] {
  return [
    ...staticParts(),
    ...packageParts(update),
    { name: 'unit', group: 'unit', run: async () => runProject('unit') },
    {
      name: 'conformance (embedded)',
      group: 'embedded',
      run: async () => runProject('conformance', { LATCHKEY_ENGINE: 'embedded' }),
    },
    fuzzPart(),
    canaryPart(),
    {
      name: 'storm (a minute of cut connections)',
      group: 'storm',
      run: async () => runProject('storm', { LATCHKEY_STORM_SECONDS: '60' }),
    },
    simulationPart(),
    ...ensembleParts(),
    torturePart(),
  ]
}

function namesOf(parts: readonly Part[]): string[] {
  return [...new Set(parts.flatMap((part) => [part.group, part.name]))]
}

function chosen(parts: readonly Part[]): Part[] {
  const matches = (part: Part, name: string): boolean =>
    name === part.group || name === part.name || part.name.startsWith(`${name} (`)
  const unknown = wanted.filter((name) => !parts.some((part) => matches(part, name)))
  if (unknown.length > 0)
    throw new Error(`no part is called ${unknown.join(', ')}; there are: ${namesOf(parts).join(', ')}`)
  return parts.filter((part) => wanted.length === 0 || wanted.some((name) => matches(part, name)))
}

async function attempt(part: Part): Promise<Outcome> {
  try {
    return await part.run()
  } catch (error) {
    const output = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { passed: 0, failed: 1, skipped: 0, output }
  }
}

function counts({ passed, failed, skipped }: Outcome): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** One cause can fail a thousand times: the begin and the end tell what it is. */
function shorten(output: string): string {
  const lines = output.trim().split('\n')
  if (lines.length <= MAX_LINES) return lines.join('\n')
  const left = lines.length - MAX_LINES
  return [
    ...lines.slice(0, -MAX_LINES / 3 - left),
    `… ${left} lines left out …`,
    ...lines.slice(-MAX_LINES / 3),
  ].join('\n')
}

async function runPart(part: Part): Promise<Outcome> {
  if (process.stdout.isTTY) process.stdout.write(`… ${part.name}`)
  const begun = performance.now()
  const outcome = await attempt(part)
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K')
  const sign = outcome.failed > 0 ? '✗' : outcome.passed > 0 ? '✓' : '-'
  console.log(`${sign} ${part.name.padEnd(32)} ${seconds.padStart(6)} s   ${counts(outcome)}`)
  if (outcome.failed > 0) console.log(`\n${shorten(outcome.output ?? '')}\n`)
  for (const note of outcome.notes ?? []) console.log(`    ${note}`)
  return outcome
}

async function runAll(parts: readonly Part[]): Promise<void> {
  const outcomes: Outcome[] = []
  for (const part of parts) outcomes.push(await runPart(part))
  const total = sum(outcomes)
  const failed = outcomes.filter((outcome) => outcome.failed > 0).length
  console.log(failed > 0 ? `\n${failed} of ${outcomes.length} parts failed` : '')
  console.log(counts(total))
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
}

if (help)
  console.log(`npm test [-- NAME…] [-- --update]: all parts, or these: ${namesOf(allParts()).join(', ')}`)
else await runAll(chosen(allParts()))
