/**
 * The servers that a run's tests are pointed at, started once for the run and told to the tests through vitest.
 *
 * LATCHKEY_ENGINE             embedded (default), java, docker or given
 * LATCHKEY_SERVERS            how many of them (default 3; the embedded server is always one)
 * LATCHKEY_ZOOKEEPER_VERSION  java: which ZooKeeper; embedded: which line it emulates (3.5, 3.8 or 3.9, the default)
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
  /** As the servers say, such as `3.8.0`; of the embedded server, the release that it emulates. */
  readonly version: string
  /** The super user's name and password, for digest auth; undefined where there is none that we know. */
  readonly superUser: string | undefined
  /** Someone whom the servers know by SASL DIGEST-MD5; undefined where they know nobody. */
  readonly saslUser: { readonly username: string; readonly password: string } | undefined
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: RunServers
    /** Whose clients the recipes' conformance tests use; undefined for the built-in one. */
    recipeClient: 'npm zookeeper' | undefined
  }
}

const SUPER_USER = 'super:open sesame'
const SASL_USER = { username: 'alice', password: 'in wonderland' }
const EMULATED = { '3.5': '3.5.10', '3.8': '3.8.4', '3.9': '3.9.4' } as const

/** As ZooKeeper keeps it: the user's name, and the hash of name and password. */
function digestOf(user: string): string {
  return `${user.split(':', 1).join('')}:${createHash('sha1').update(user).digest('base64')}`
}

const isEmulated = (line: string): line is keyof typeof EMULATED => line in EMULATED

/** Set as the real ones are, so that the same expectations hold. */
async function startEmbedded(): Promise<RunServers & AsyncDisposable> {
  const emulate = process.env['LATCHKEY_ZOOKEEPER_VERSION'] ?? '3.9'
  if (!isEmulated(emulate)) throw new TypeError(`the embedded server does not emulate ${emulate}`)
  const server = await startServer({
    tickTimeMs: 500,
    maxSessionTimeoutMs: 120_000,
    reapIntervalMs: 1_000,
    reconfigEnabled: true,
    superDigest: digestOf(SUPER_USER),
    saslUsers: { [SASL_USER.username]: SASL_USER.password },
    emulate,
  })
  return {
    engine: 'embedded',
    connectString: server.connectString,
    members: [{ host: server.host, port: server.port }],
    version: EMULATED[emulate],
    superUser: SUPER_USER,
    saslUser: SASL_USER,
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  }
}

/** The server's side of a JAAS file. */
function jaasOf({ username, password }: { username: string; password: string }): string {
  const login = 'org.apache.zookeeper.server.auth.DigestLoginModule'
  return `Server { ${login} required user_${username}="${password}"; };\n`
}

async function startReal(engine: EngineName): Promise<RunServers & AsyncDisposable> {
  const ensemble = await TestEnsemble.start({
    engine,
    servers: Number(process.env['LATCHKEY_SERVERS'] ?? 3),
    version: process.env['LATCHKEY_ZOOKEEPER_VERSION'],
    reconfig: true,
    superDigest: digestOf(SUPER_USER),
    ...(engine === 'java' ? { jaas: jaasOf(SASL_USER) } : {}),
  })
  return {
    engine,
    connectString: ensemble.connectString,
    members: ensemble.members.map(({ host, clientPort }) => ({ host, port: clientPort })),
    version: ensemble.version,
    superUser: engine === 'given' ? undefined : SUPER_USER,
    saslUser: engine === 'java' ? SASL_USER : undefined,
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
  const { engine, connectString, members, version, superUser, saslUser } = servers
  project.provide('servers', { engine, connectString, members, version, superUser, saslUser })
  return async () => servers[Symbol.asyncDispose]()
}
