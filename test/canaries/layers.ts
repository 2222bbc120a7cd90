/** Where a canary is looked for: what a layer runs, and what it says of the canary. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../run/command.js'

/** What a run with the canary in it came to. */
export interface Sighting {
  readonly caught: boolean
  /** How much was run until then: `12 tests`. */
  readonly after: string
  /** What noticed it, or why nothing could be said. */
  readonly by: string
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly success: boolean
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** Less than what a test may take otherwise: a canary that hangs is caught too, and each of them costs this. */
const TEST_TIMEOUT_MS = 12_000

/** Of one or a few files. */
const RUN_LIMIT_MS = 120_000

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return undefined
  }
}

/** Runs test files of the unit project up to the first failure, with the canary in the source, or none. */
export async function underTests(
  files: readonly string[],
  canary: string,
  limitMs = RUN_LIMIT_MS,
): Promise<Sighting> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-canary-'))
  const file = join(folder, 'report.json')
  const args = ['run', '--project', 'unit', '--bail=1', `--testTimeout=${TEST_TIMEOUT_MS}`]
  const more = ['--no-file-parallelism', '--reporter=json', `--outputFile.json=${file}`]
  try {
    const options = { env: { LATCHKEY_CANARY: canary }, timeoutMs: limitMs }
    const { ok, output } = await runTool('vitest', [...args, ...more, ...files], options)
    return judge(readReport(file), ok, output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function judge(report: Report | undefined, ok: boolean, output: string): Sighting {
  const { numPassedTests = 0, numFailedTests = 0, testResults = [] } = report ?? {}
  const tests = numPassedTests + numFailedTests
  // A canary that hangs so that not even a test's time limit counts was noticed by the run's.
  if (report === undefined && output.includes('ended: it took longer'))
    return { caught: true, after: '0 tests', by: 'the run never ended' }
  // That a file can't be loaded is no proof of anything.
  if (tests === 0) throw new Error(`no test was run:\n${output.slice(-3_000)}`)
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed')
  const elsewhere = testResults.find(({ message }) => message !== '')?.message.split('\n')[0]
  const by = failed?.fullName.trim() ?? elsewhere ?? 'an error outside of the tests'
  return { caught: !ok, after: `${tests} test${tests === 1 ? '' : 's'}`, by: ok ? '' : by }
}
