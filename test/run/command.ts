/** Runs one program to its end, its output kept, and ends it and all that it started if it takes too long. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))
const require = createRequire(import.meta.url)

export interface CommandResult {
  readonly ok: boolean
  /** Both streams, in the order they came. */
  readonly output: string
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** In milliseconds; default ten minutes. */
  readonly timeoutMs?: number
}

/** Their output is kept for later: colours only if it then goes to a terminal. */
const PLAIN: Record<string, string> = process.stdout.isTTY
  ? { FORCE_COLOR: '1' }
  : { NO_COLOR: '1', FORCE_COLOR: '0' }

/** The script behind a package's command, so that it runs on this very Node. */
function binOf(name: string, command: string): string {
  const manifest = join(root, 'node_modules', name, 'package.json')
  const { bin } = require(manifest) as { bin: string | Record<string, string> }
  const script = typeof bin === 'string' ? bin : bin[command]
  if (script === undefined) throw new Error(`${name} has no command ${command}`)
  return join(dirname(manifest), script)
}

export async function runCommand(
  file: string,
  args: readonly string[],
  { env = {}, cwd = root, timeoutMs = 600_000 }: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...PLAIN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const endGroup = (): void => {
    if (child.pid === undefined) return
    try {
      process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
  const onSignal = (): void => {
    endGroup()
    process.exit(130)
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const timer = setTimeout(() => {
    chunks.push(Buffer.from(`\nended: it took longer than ${timeoutMs / 1000} s\n`))
    endGroup()
  }, timeoutMs)
  return new Promise((resolve) => {
    const finish = (ok: boolean, note = ''): void => {
      clearTimeout(timer)
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
      resolve({ ok, output: Buffer.concat(chunks).toString('utf8') + note })
    }
    child.once('error', (error) => finish(false, error.message))
    child.once('close', (code, signal) => finish(code === 0, signal === null ? '' : `\nended by ${signal}\n`))
  })
}

/** Runs a command that a development dependency brings. */
export async function runTool(
  name: string,
  args: readonly string[],
  options: CommandOptions & { command?: string } = {},
): Promise<CommandResult> {
  return runCommand(process.execPath, [binOf(name, options.command ?? name), ...args], options)
}
