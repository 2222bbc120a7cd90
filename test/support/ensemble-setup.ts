/**
 * The servers that a run's tests are pointed at, started once for the run and told to the tests through vitest.
 *
 * LATCHKEY_ENGINE             embedded (default), java, docker or given
 * LATCHKEY_SERVERS            how many of them (default 3; the embedded server is always one)
 * LATCHKEY_ZOOKEEPER_VERSION  java: which ZooKeeper
 */
import { createHash } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { startServer } from '../../src/server/index.js'
import type { EngineName } from '../../src/testing/index.js'
import { TestEnsemble } from '../../src/testing/index.js'

export interface RunServers {
  readonly engine: EngineName | 'embedded'
  /** For a client that may use any of them. */
  readonly connectString: string
  readonly members: readonly { readonly host: string; readonly port: number }[]
  /** As the servers say, such as `3.8.0`; the embedded server's own otherwise. */
  readonly version: string
  /** The super user's name and password, for digest auth; undefined where there is none that we know. */
  readonly superUser: string | undefined
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: RunServers
  }
}

const SUPER_USER = 'super:open sesame'

/** As ZooKeeper keeps it: the user's name, and the hash of name and password. */
function digestOf(user: string): string {
  return `${user.split(':', 1).join('')}:${createHash('sha1').update(user).digest('base64')}`
}

async function startEmbedded(): Promise<RunServers & AsyncDisposable> {
  const server = await startServer({
    tickTimeMs: 500,
    maxSessionTimeoutMs: 120_000,
    superDigest: digestOf(SUPER_USER),
  })
  return {
    engine: 'embedded',
    connectString: server.connectString,
    members: [{ host: server.host, port: server.port }],
    version: 'embedded',
    superUser: SUPER_USER,
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  }
}

async function startReal(engine: EngineName): Promise<RunServers & AsyncDisposable> {
  const ensemble = await TestEnsemble.start({
    engine,
    servers: Number(process.env['LATCHKEY_SERVERS'] ?? 3),
    version: process.env['LATCHKEY_ZOOKEEPER_VERSION'],
    reconfig: true,
    superDigest: digestOf(SUPER_USER),
  })
  return {
    engine,
    connectString: ensemble.connectString,
    members: ensemble.members.map(({ host, clientPort }) => ({ host, port: clientPort })),
    version: ensemble.version,
    superUser: engine === 'given' ? undefined : SUPER_USER,
    [Symbol.asyncDispose]: async () => ensemble[Symbol.asyncDispose](),
  }
}

async function start(name: string): Promise<RunServers & AsyncDisposable> {
  if (name === 'embedded') return startEmbedded()
  if (name === 'java' || name === 'docker' || name === 'given') return startReal(name)
  throw new TypeError(`LATCHKEY_ENGINE must be embedded, java, docker or given, not ${name}`)
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await start(process.env['LATCHKEY_ENGINE'] ?? 'embedded')
  const { engine, connectString, members, version, superUser } = servers
  project.provide('servers', { engine, connectString, members, version, superUser })
  return async () => servers[Symbol.asyncDispose]()
}
