/** Vitest runs, counted from its JSON report. A run that found no tests has failed. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from './command.js'
import type { Outcome } from './part.js'

interface Report {
  readonly success: boolean
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return undefined
  }
}

function judge(report: Report | undefined, ok: boolean, output: string): Outcome {
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = report ?? {}
  const none = numPassedTests + numFailedTests === 0
  // A file that could not be loaded, an unhandled rejection, a crash: no test failed, and yet the run has.
  const broken = !ok || report?.success !== true || none
  return {
    passed: numPassedTests,
    failed: numFailedTests > 0 ? numFailedTests : broken ? 1 : 0,
    skipped: numPendingTests + numTodoTests,
    output: none ? `${output}\nno test was run\n` : output,
  }
}

/** Four times what the longest project needs on two quiet cores. */
const PROJECT_LIMIT_MS = 20 * 60_000

/** Runs the tests of one project of vitest.config.ts. */
export async function runProject(
  project: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-test-'))
  try {
    const file = join(folder, 'report.json')
    const args = [
      'run',
      '--project',
      project,
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ]
    const { ok, output } = await runTool('vitest', args, { env, timeoutMs: PROJECT_LIMIT_MS })
    return judge(readReport(file), ok, output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How many tests a project has, without running them; 0 if that can't be found out. */
export async function countTests(
  project: string,
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-list-'))
  try {
    const file = join(folder, 'list.json')
    const { ok } = await runTool('vitest', ['list', '--project', project, `--json=${file}`], { env })
    return ok ? (JSON.parse(readFileSync(file, 'utf8')) as unknown[]).length : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
