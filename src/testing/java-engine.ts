/**
 * Servers as Java processes of this machine, on loopback, each in a directory of its own under one temporary
 * directory. Small and quick to start rather than fast: a test's data is small.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deferred } from '../runtime/deferred.js'
import { systemClock } from '../runtime/clock.js'
import type { ServerSettings, TestEnsembleOptions } from './ensemble-options.js'
import { serverSettings } from './ensemble-options.js'
import { environmentError } from './environment-error.js'
import { freePorts, returnPorts } from './free-port.js'
import type { EnsembleProcesses, MemberProcess } from './member-process.js'
import { Watchdog } from './watchdog.js'
import { QuorumLinks, serverName } from './quorum-links.js'
import { javaProgram, zooKeeperJars } from './zookeeper-jars.js'

const HOST = '127.0.0.1'
const MAIN = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'
/** A server of 3.9 stands still with 64 MB when a queue of 50,000 items is put; older ones do not. */
const SMALL_AND_QUICK = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto']
/** After a polite request to stop, before it is killed. */
const STOP_LIMIT_MS = 10_000
const LOG_TAIL_BYTES = 4_096

interface Ports {
  readonly client: number
  readonly quorum: number
  readonly election: number
  readonly secure: number | undefined
}

/** The text of `zoo.cfg` for server `id`: without server lines when it is alone, which makes it a standalone one. */
export function configFile(
  settings: ServerSettings,
  directory: string,
  id: number,
  ensemble: readonly Ports[],
  hostOf: (id: number) => string = () => HOST,
): string {
  const own = ensemble[id - 1]
  if (own === undefined) throw new RangeError(`no server ${id} among ${ensemble.length}`)
  const lines = Object.entries(settings.config).map(([name, value]) => `${name}=${value}`)
  lines.push(`dataDir=${directory}`)
  if (own.secure !== undefined)
    lines.push(`secureClientPort=${own.secure}`, `secureClientPortAddress=${HOST}`)
  if (ensemble.length === 1) lines.push(`clientPort=${own.client}`, `clientPortAddress=${HOST}`)
  else {
    for (const [index, { client, quorum, election }] of ensemble.entries()) {
      lines.push(
        `server.${index + 1}=${hostOf(index + 1)}:${quorum}:${election}:participant;${HOST}:${client}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

/** SASL and TLS, which need files and, for TLS, the Netty connection factory. */
async function securitySettings(
  options: TestEnsembleOptions,
  directory: string,
): Promise<Partial<ServerSettings>> {
  const config: Record<string, string> = {}
  const systemProperties: Record<string, string> = {}
  if (options.jaas !== undefined) {
    const jaas = join(directory, 'jaas.conf')
    await writeFile(jaas, options.jaas, { mode: 0o600 })
    systemProperties['java.security.auth.login.config'] = jaas
    config['authProvider.sasl'] = 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider'
  }
  if (options.tls !== undefined) {
    const { keyStore, keyStorePassword = '', trustStore, trustStorePassword = '', clientAuth } = options.tls
    config['serverCnxnFactory'] = 'org.apache.zookeeper.server.NettyServerCnxnFactory'
    config['ssl.keyStore.location'] = keyStore
    config['ssl.keyStore.password'] = keyStorePassword
    config['ssl.trustStore.location'] = trustStore
    config['ssl.trustStore.password'] = trustStorePassword
    config['ssl.clientAuth'] = clientAuth ?? 'none'
  }
  return { config, systemProperties }
}

class JavaMember implements MemberProcess {
  readonly host = HOST
  readonly clientPort: number
  readonly securePort: number | undefined
  readonly #arguments: readonly string[]
  readonly #env: Readonly<Record<string, string>>
  readonly #log: string
  readonly #watchdog: Watchdog
  #child: ChildProcess | undefined
  #ended: Promise<string> = Promise.resolve('not started')
  #exit: string | undefined

  constructor(
    ports: Ports,
    directory: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    watchdog: Watchdog,
  ) {
    this.clientPort = ports.client
    this.securePort = ports.secure
    this.#arguments = args
    this.#env = env
    this.#log = join(directory, 'log')
    this.#watchdog = watchdog
  }

  async start(): Promise<void> {
    const log = openSync(this.#log, 'a')
    const child = spawn(javaProgram(), this.#arguments, {
      // In a session of its own, so that Ctrl-C in a terminal lets the tests end before their servers.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.#env },
    })
    closeSync(log)
    const started = deferred<undefined>()
    const ended = deferred<string>()
    child.once('spawn', () => started.resolve(undefined))
    child.once('error', (error) => {
      // One that never began has no exit to wait for.
      if (child.pid === undefined) this.#exit = error.message
      started.reject(environmentError(`${javaProgram()} can't be run: ${error.message}`, error))
    })
    child.once('exit', (code, signal) => {
      this.#exit = signal ?? `exit code ${String(code)}`
      if (child.pid !== undefined) this.#watchdog.forget('process', child.pid)
      ended.resolve(this.#exit)
    })
    if (child.pid !== undefined) this.#watchdog.keep('process', child.pid)
    child.unref()
    this.#child = child
    this.#ended = ended.promise
    this.#exit = undefined
    await started.promise
  }

  async end(how: 'stop' | 'kill'): Promise<void> {
    const child = this.#child
    if (child === undefined || this.#exit !== undefined) return
    child.ref()
    child.kill(how === 'stop' ? 'SIGTERM' : 'SIGKILL')
    // One that is paused gets the request only when it goes on.
    child.kill('SIGCONT')
    const limit = systemClock.setTimer(STOP_LIMIT_MS, () => void child.kill('SIGKILL'))
    await this.#ended
    limit.cancel()
  }

  pause(): Promise<void> {
    this.#child?.kill('SIGSTOP')
    return Promise.resolve()
  }

  resume(): Promise<void> {
    this.#child?.kill('SIGCONT')
    return Promise.resolve()
  }

  exit(): Promise<string | undefined> {
    return Promise.resolve(this.#exit)
  }

  async logTail(): Promise<string> {
    const file = await open(this.#log, 'r')
    try {
      const { size } = await file.stat()
      const length = Math.min(size, LOG_TAIL_BYTES)
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
      return buffer.toString('utf8')
    } finally {
      await file.close()
    }
  }
}

async function reservePorts(servers: number, withTls: boolean): Promise<Ports[]> {
  const each = withTls ? 4 : 3
  const ports = await freePorts(servers * each, HOST)
  return Array.from({ length: servers }, (_, index) => {
    const [client = 0, quorum = 0, election = 0, secure] = ports.slice(index * each, (index + 1) * each)
    return { client, quorum, election, secure }
  })
}

function javaArguments(
  classpath: string,
  properties: Readonly<Record<string, string>>,
  config: string,
): string[] {
  const always = {
    'java.net.preferIPv4Stack': 'true',
    'org.slf4j.simpleLogger.defaultLogLevel': 'info',
    'org.slf4j.simpleLogger.showDateTime': 'true',
    'zookeeper.jmx.log4j.disable': 'true',
  }
  const all = Object.entries({ ...always, ...properties })
  return [
    ...SMALL_AND_QUICK,
    ...all.map(([name, value]) => `-D${name}=${value}`),
    '-cp',
    classpath,
    MAIN,
    config,
  ]
}

/** Whom server `id` finds behind the names of the others. */
async function namesOf(
  links: QuorumLinks | undefined,
  id: number,
  home: string,
): Promise<Record<string, string>> {
  if (links === undefined) return {}
  const hosts = join(home, 'hosts')
  await writeFile(hosts, links.hostsFile(id))
  return { 'jdk.net.hosts.file': hosts }
}

/**
 * Makes `servers` servers, not yet started. Fetches ZooKeeper first if it isn't there.
 *
 * @throws a `ZkError` with code `TEST_ENVIRONMENT` when Java or ZooKeeper can't be had.
 */
export async function javaEngine(servers: number, options: TestEnsembleOptions): Promise<EnsembleProcesses> {
  if (process.platform === 'win32')
    throw environmentError('the Java engine pauses servers by signals, which Windows lacks')
  const jars = await zooKeeperJars(options.version)
  const ports = await reservePorts(servers, options.tls !== undefined)
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-ensemble-'))
  const watchdog = new Watchdog()
  watchdog.keep('directory', directory)
  const common = serverSettings(options)
  const security = await securitySettings(options, directory)
  const settings: ServerSettings = {
    ...common,
    config: { ...security.config, ...common.config },
    systemProperties: { ...security.systemProperties, ...common.systemProperties },
  }
  const links = options.cuttable === true ? await QuorumLinks.start(ports) : undefined
  const members = await Promise.all(
    ports.map(async (own, index) => {
      const id = index + 1
      const home = join(directory, `server-${id}`)
      await mkdir(home)
      await writeFile(join(home, 'myid'), `${id}\n`)
      const config = join(home, 'zoo.cfg')
      await writeFile(config, configFile(settings, home, id, ports, links && serverName))
      const properties = { ...settings.systemProperties, ...(await namesOf(links, id, home)) }
      const args = javaArguments(jars.classpath, properties, config)
      return new JavaMember(own, home, args, options.env ?? {}, watchdog)
    }),
  )
  return {
    members,
    links,
    async [Symbol.asyncDispose]() {
      try {
        await Promise.all(members.map(async (member) => member.end('kill')))
        await links?.[Symbol.asyncDispose]()
        await rm(directory, { recursive: true, force: true, maxRetries: 3 })
      } finally {
        watchdog.close()
        const all = ports.flatMap(({ client, quorum, election, secure }) => [
          client,
          quorum,
          election,
          secure,
        ])
        returnPorts(all.filter((port) => port !== undefined))
      }
    },
  }
}
