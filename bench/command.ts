/** Runs a program to its end. Throws with what it said if it fails. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { repository } from './paths.js'

const execute = promisify(execFile)

export async function runCommand(
  file: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number } = {},
): Promise<string> {
  const { cwd = repository, timeoutMs = 600_000 } = options
  const { stdout, stderr } = await execute(file, args, {
    cwd,
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout + stderr
}

/** The first line of what a program says, or undefined if it can't be run. */
export async function firstLine(file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await runCommand(file, args)).trim().split('\n')[0]
  } catch {
    return undefined
  }
}
