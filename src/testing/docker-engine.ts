/**
 * Servers as containers, through testcontainers (an optional peer): it finds the engine, pulls the image, and has its
 * reaper end what a crashed process leaves. Containers are made with our own settings, for what it does not
 * offer: ports published on loopback only, and the same ports and addresses again after a restart.
 *
 * The image is the official one or any that honours the same variables (`ZOO_MY_ID`, `ZOO_SERVERS`, ...).
 */
import { networkInterfaces } from 'node:os'
import type * as testcontainersPackage from 'testcontainers'
import type { ContainerRuntimeClient } from 'testcontainers'
import { systemRandom } from '../runtime/random.js'
import type { TestEnsembleOptions } from './ensemble-options.js'
import { serverSettings } from './ensemble-options.js'
import { environmentError, reasonOf } from './environment-error.js'
import { freePorts, returnPorts } from './free-port.js'
import type { EnsembleProcesses, MemberProcess } from './member-process.js'
import { Watchdog } from './watchdog.js'

type Testcontainers = typeof testcontainersPackage
type Network = Awaited<ReturnType<ContainerRuntimeClient['network']['create']>>
type Container = Awaited<ReturnType<ContainerRuntimeClient['container']['create']>>

const DEFAULT_IMAGE = 'zookeeper:3.9'
const CLIENT_PORT = '2181/tcp'
const NETWORK_ATTEMPTS = 10
const STOP_LIMIT_S = 10
const LOG_TAIL_LINES = 40
const JVM_FLAGS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

/** The settings that the image has variables for; the rest goes into `ZOO_CFG_EXTRA`. */
const VARIABLES: Readonly<Record<string, string>> = {
  tickTime: 'ZOO_TICK_TIME',
  initLimit: 'ZOO_INIT_LIMIT',
  syncLimit: 'ZOO_SYNC_LIMIT',
  maxClientCnxns: 'ZOO_MAX_CLIENT_CNXNS',
  'autopurge.purgeInterval': 'ZOO_AUTOPURGE_PURGEINTERVAL',
  'admin.enableServer': 'ZOO_ADMINSERVER_ENABLED',
  '4lw.commands.whitelist': 'ZOO_4LW_COMMANDS_WHITELIST',
}

/** The image asked for, from the options or the environment. */
export function imageName(options: { readonly image?: string | undefined }): string {
  const { LATCHKEY_ZOOKEEPER_IMAGE: fromEnvironment } = process.env
  return (
    options.image ??
    (fromEnvironment === undefined || fromEnvironment === '' ? DEFAULT_IMAGE : fromEnvironment)
  )
}

async function loadTestcontainers(): Promise<Testcontainers> {
  try {
    return await import('testcontainers')
  } catch (error) {
    throw environmentError(
      'the Docker engine needs the package testcontainers: npm install -D testcontainers',
      error,
    )
  }
}

/**
 * A way to the container engine, with the image there.
 *
 * @param pull - whether to fetch an image that is absent.
 * @throws a `ZkError` with code `TEST_ENVIRONMENT` that says which of the three is missing.
 */
export async function reachDocker(
  image: string,
  pull: boolean,
): Promise<{ testcontainers: Testcontainers; client: ContainerRuntimeClient }> {
  const testcontainers = await loadTestcontainers()
  let client: ContainerRuntimeClient
  try {
    client = await testcontainers.getContainerRuntimeClient()
  } catch (error) {
    throw environmentError(`no container engine is reachable: ${reasonOf(error)}`, error)
  }
  const name = testcontainers.ImageName.fromString(image)
  if (await client.image.exists(name)) return { testcontainers, client }
  if (!pull) throw environmentError(`the image ${image} is not there: docker pull ${image}`)
  try {
    await client.image.pull(name)
  } catch (error) {
    throw environmentError(`the image ${image} is not there and can't be pulled: ${reasonOf(error)}`, error)
  }
  return { testcontainers, client }
}

/** What container `id` of `servers` is told. */
export function containerEnvironment(
  id: number,
  servers: number,
  options: TestEnsembleOptions,
): Record<string, string> {
  const settings = serverSettings(options)
  const extra: string[] = []
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(settings.config)) {
    const variable = VARIABLES[name]
    if (variable === undefined) extra.push(`${name}=${value}`)
    else variables[variable] = value
  }
  const properties = Object.entries(settings.systemProperties).map(([name, value]) => `-D${name}=${value}`)
  const ids = Array.from({ length: servers }, (_, index) => index + 1)
  return {
    ...variables,
    ZOO_MY_ID: String(id),
    ZOO_SERVERS: ids.map((each) => `server.${each}=zoo${each}:2888:3888;2181`).join(' '),
    ZOO_STANDALONE_ENABLED: String(servers === 1),
    ZOO_CFG_EXTRA: extra.join(' '),
    ZK_SERVER_HEAP: '64',
    JVMFLAGS: [...JVM_FLAGS, ...properties].join(' '),
    ...options.env,
  }
}

const LOOPBACK = '127.0.0.1'

/**
 * Loopback, unless the engine is on another machine (or this process in a container beside it, where testcontainers
 * names the gateway; it also does where only the marks of a container are there, so it is looked up).
 */
function reachableHost(client: ContainerRuntimeClient): string {
  const { host } = client.info.containerRuntime
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return host === 'localhost' || own.some(({ address }) => address === host) ? LOOPBACK : host
}

/** Docker puts a header of 8 bytes, with the length, before each piece of both streams. */
function unframed(log: Buffer): string {
  const pieces: Buffer[] = []
  for (let at = 0; at + 8 <= log.length;) {
    const end = at + 8 + log.readUInt32BE(at + 4)
    pieces.push(log.subarray(at + 8, end))
    at = end
  }
  return Buffer.concat(pieces).toString('utf8')
}

class DockerMember implements MemberProcess {
  readonly host: string
  readonly clientPort: number
  readonly securePort = undefined
  readonly #container: Container
  #paused = false

  constructor(client: ContainerRuntimeClient, container: Container, clientPort: number) {
    this.host = reachableHost(client)
    this.clientPort = clientPort
    this.#container = container
  }

  async start(): Promise<void> {
    this.#paused = false
    await this.#container.start()
  }

  async end(how: 'stop' | 'kill'): Promise<void> {
    if ((await this.exit()) !== undefined) return
    // The engine refuses to end what is paused.
    if (this.#paused) await this.resume()
    if (how === 'stop') await this.#container.stop({ t: STOP_LIMIT_S })
    else await this.#container.kill({ signal: 'SIGKILL' })
    await this.#container.wait()
  }

  async pause(): Promise<void> {
    await this.#container.pause()
    this.#paused = true
  }

  async resume(): Promise<void> {
    await this.#container.unpause()
    this.#paused = false
  }

  async exit(): Promise<string | undefined> {
    const { State: state } = await this.#container.inspect()
    return state.Running ? undefined : `exit code ${state.ExitCode}`
  }

  async logTail(): Promise<string> {
    const options = { follow: false, tail: LOG_TAIL_LINES, stdout: true, stderr: true } as const
    return unframed(await this.#container.logs(options))
  }

  async remove(): Promise<void> {
    await this.#container.remove({ force: true, v: true })
  }
}

/**
 * A network with a subnet of our choice, since only there a container keeps its address over a restart; with another
 * one its peers would look for it in vain for seconds. Docker refuses a subnet that overlaps another network's.
 */
async function makeNetwork(
  client: ContainerRuntimeClient,
  labels: Readonly<Record<string, string>>,
): Promise<{ readonly network: Network; readonly addressOf: (id: number) => string }> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  let failure: unknown
  for (let attempt = 0; attempt < NETWORK_ATTEMPTS; attempt++) {
    const random = systemRandom.bytes(2)
    const prefix = `10.${128 + (random.readUInt8(0) % 128)}.${random.readUInt8(1)}`
    if (own.some(({ address }) => address.startsWith(`${prefix}.`))) continue
    try {
      const network = await client.network.create({
        Name: `latchkey-${systemRandom.uuid()}`,
        Driver: 'bridge',
        IPAM: { Config: [{ Subnet: `${prefix}.0/24` }] },
        Labels: labels,
      })
      // The gateway has the first address.
      return { network, addressOf: (id) => `${prefix}.${10 + id}` }
    } catch (error) {
      failure = error
    }
  }
  throw environmentError(`Docker made no network: ${reasonOf(failure)}`, failure)
}

/**
 * Makes `servers` containers on a network of their own, not yet started.
 *
 * @throws a `ZkError` with code `TEST_ENVIRONMENT` when there is no engine or no image.
 */
export async function dockerEngine(
  servers: number,
  options: TestEnsembleOptions,
): Promise<EnsembleProcesses> {
  if (options.jaas !== undefined || options.tls !== undefined || options.version !== undefined) {
    throw environmentError(
      'jaas, tls and version are options of the Java engine; for Docker, choose an image',
    )
  }
  const image = imageName(options)
  const { testcontainers, client } = await reachDocker(image, true)
  const { sessionId } = await testcontainers.getReaper(client)
  const labels = { [testcontainers.LABEL_TESTCONTAINERS_SESSION_ID]: sessionId }
  const { network, addressOf } = await makeNetwork(client, labels)
  const watchdog = new Watchdog()
  watchdog.keep('network', network.id)
  const members: DockerMember[] = []
  const ports = await freePorts(servers)
  const published = reachableHost(client) === LOOPBACK ? LOOPBACK : '0.0.0.0'
  const dispose = async (): Promise<void> => {
    try {
      await Promise.all(members.map(async (member) => member.remove()))
      await network.remove()
    } finally {
      // It tries once more what could not be removed; the rest it finds gone.
      watchdog.close()
      returnPorts(ports)
    }
  }
  try {
    for (const [index, port] of ports.entries()) {
      const id = index + 1
      const container = await client.container.create({
        Image: image,
        Labels: labels,
        Env: Object.entries(containerEnvironment(id, servers, options)).map(
          ([name, value]) => `${name}=${value}`,
        ),
        ExposedPorts: { [CLIENT_PORT]: {} },
        HostConfig: {
          NetworkMode: network.id,
          PortBindings: { [CLIENT_PORT]: [{ HostIp: published, HostPort: String(port) }] },
        },
        NetworkingConfig: {
          EndpointsConfig: {
            [network.id]: { Aliases: [`zoo${id}`], IPAMConfig: { IPv4Address: addressOf(id) } },
          },
        },
      })
      watchdog.keep('container', container.id)
      members.push(new DockerMember(client, container, port))
    }
  } catch (error) {
    await dispose()
    throw environmentError(`the containers could not be made: ${reasonOf(error)}`, error)
  }
  return { members, [Symbol.asyncDispose]: dispose }
}
