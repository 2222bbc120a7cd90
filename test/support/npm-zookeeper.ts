/**
 * npm `zookeeper`, the binding of ZooKeeper's C client, for the driver's tests and the benchmarks. It compiles while it
 * is installed (its prebuilt files are for macOS and Windows), so it is no dependency of ours: the first run installs it
 * into a cache of this user, where there is a compiler. LATCHKEY_NPM_ZOOKEEPER names the folder of one that is installed
 * elsewhere.
 */
import { execFile } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const NPM_ZOOKEEPER_VERSION = '7.3.0'

const run = promisify(execFile)
const INSTALL_LIMIT_MS = 300_000

function home(): string {
  const told = process.env['LATCHKEY_NPM_ZOOKEEPER']
  if (told !== undefined) return told
  const base = process.env['LATCHKEY_CACHE'] ?? process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(base, 'latchkey', `npm-zookeeper-${NPM_ZOOKEEPER_VERSION}-node-${process.versions.modules}`)
}

function isInstalled(): boolean {
  return existsSync(join(home(), 'node_modules', 'zookeeper', 'build', 'zookeeper.node'))
}

/** What it would take; undefined if it is here, or can be compiled. */
export async function npmZooKeeperMissing(): Promise<string | undefined> {
  if (isInstalled()) return undefined
  for (const tool of ['c++', 'make', 'python3']) {
    const found = await run(tool, ['--version']).then(
      () => true,
      () => false,
    )
    if (!found) return `it must be compiled, and there is no ${tool}`
  }
  return undefined
}

/** Node's headers where they lie beside it, as in its archives and packages: else node-gyp fetches them from nodejs.org. */
function ownHeaders(): Record<string, string> {
  const prefix = join(realpathSync(process.execPath), '..', '..')
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? { npm_config_nodedir: prefix } : {}
}

/** Installs it where it is not, and says why it can't be had; undefined if it is there. */
export async function installNpmZooKeeper(): Promise<string | undefined> {
  if (isInstalled()) return undefined
  const missing = await npmZooKeeperMissing()
  if (missing !== undefined) return missing
  const parent = join(home(), '..')
  await mkdir(parent, { recursive: true })
  const directory = await mkdtemp(join(parent, '.install-'))
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  try {
    await writeFile(join(directory, 'package.json'), '{ "private": true }\n')
    const args = ['install', '--no-audit', '--no-fund', `zookeeper@${NPM_ZOOKEEPER_VERSION}`]
    await run(npm, args, {
      cwd: directory,
      timeout: INSTALL_LIMIT_MS,
      env: { ...process.env, ...ownHeaders() },
    })
    if (!existsSync(home())) await rename(directory, home())
    return isInstalled() ? undefined : 'npm install left nothing that was compiled behind'
  } catch (error) {
    const [line = ''] = String(error).split('\n')
    return `npm install zookeeper@${NPM_ZOOKEEPER_VERSION} failed: ${line}`
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** The package's main export, a class. It must be installed. */
export function requireNpmZooKeeper(): unknown {
  return createRequire(join(home(), 'package.json'))('zookeeper')
}
