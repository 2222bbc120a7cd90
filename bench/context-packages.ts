/**
 * Clients of other systems, for context: no dependencies of ours. The first run installs them, without install scripts, into
 * the folder that `npm ci` wipes.
 */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { firstLine, runCommand } from './command.js'
import type { Missing } from './subjects/subject.js'
import { cache } from './paths.js'

const folder = join(cache, 'context')

/** What it takes is a server program and packages; says what is missing, or the version of the server. */
export async function findContext(
  server: readonly [string, ...string[]],
  packages: readonly string[],
): Promise<Missing | string> {
  const [program, ...args] = server
  const version = await firstLine(program, args)
  if (version === undefined) return { missing: `no ${program}` }
  try {
    await install(packages)
    return version
  } catch (error) {
    return { missing: `npm install of ${packages.join(' and ')} failed: ${String(error).split('\n')[0]}` }
  }
}

async function install(packages: readonly string[]): Promise<void> {
  const name = (spec: string): string => spec.slice(0, spec.lastIndexOf('@'))
  if (packages.every((spec) => existsSync(join(folder, 'node_modules', name(spec))))) return
  await mkdir(folder, { recursive: true })
  if (!existsSync(join(folder, 'package.json')))
    await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]
  await runCommand('npm', args, { cwd: folder, timeoutMs: 120_000 })
}

/** One that is installed. */
export function requireContext(name: string): unknown {
  return createRequire(join(folder, 'package.json'))(name)
}
