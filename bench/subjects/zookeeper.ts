/**
 * npm `zookeeper`, the binding of ZooKeeper's C client. It compiles while it is installed, so it is no dependency of
 * ours: the first run installs it into the bench's cache, where there is a compiler.
 */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { firstLine, runCommand } from '../command.js'
import { cache } from '../paths.js'
import { launchWorker } from './node-subject.js'
import type { Done, Driver, Subject } from './subject.js'

const VERSION = '7.3.0'
const home = join(cache, 'zookeeper')
const installed = join(home, 'node_modules', 'zookeeper')

export const zookeeper: Subject = {
  name: 'npm zookeeper',
  benches: ['client'],
  async launch() {
    const missing = await install()
    return missing === undefined ? launchWorker(import.meta.url, VERSION) : { missing }
  },
}

/** Says why it can't be had; undefined if it is there. */
async function install(): Promise<string | undefined> {
  if (existsSync(join(installed, 'build', 'zookeeper.node'))) return undefined
  for (const tool of ['c++', 'make', 'python3'])
    if ((await firstLine(tool, ['--version'])) === undefined)
      return `it must be compiled, and there is no ${tool}`
  process.stderr.write(`compiling npm zookeeper ${VERSION} ...\n`)
  await mkdir(home, { recursive: true })
  await writeFile(join(home, 'package.json'), '{ "private": true }\n')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  try {
    await runCommand(npm, ['install', '--no-audit', '--no-fund', `zookeeper@${VERSION}`], { cwd: home })
    return existsSync(installed) ? undefined : 'npm install left nothing behind'
  } catch (error) {
    return `npm install zookeeper@${VERSION} failed: ${String(error).split('\n')[0] ?? ''}`
  }
}

/** As much of the package as is used. Result code first, then the message, then what was asked for. */
type Reply = (code: number, message: string) => void
interface Client {
  init(options: {
    connect: string
    timeout: number
    debug_level: number
    host_order_deterministic: boolean
  }): void
  once(event: 'connect', listener: () => void): void
  a_get(path: string, watch: boolean, reply: Reply): void
  a_set(path: string, data: Buffer, version: number, reply: Reply): void
  a_create(path: string, data: Buffer, flags: number, reply: Reply): void
  a_delete_(path: string, version: number, reply: Reply): void
  close(): void
}

const told =
  (done: Done): Reply =>
  (code, message) =>
    code === 0 ? done() : done(new Error(message))

export async function open(connectString: string): Promise<Driver> {
  const require = createRequire(join(home, 'package.json'))
  const ZooKeeper = require('zookeeper') as new () => Client
  const client = new ZooKeeper()
  await new Promise<void>((resolve) => {
    client.once('connect', resolve)
    client.init({ connect: connectString, timeout: 30_000, debug_level: 1, host_order_deterministic: false })
  })
  return {
    get: (path, done) => client.a_get(path, false, told(done)),
    set: (path, data, done) => client.a_set(path, data, -1, told(done)),
    create: (path, data, done) => client.a_create(path, data, 0, told(done)),
    delete: (path, done) => client.a_delete_(path, -1, told(done)),
    close: async () => Promise.resolve(client.close()),
  }
}
