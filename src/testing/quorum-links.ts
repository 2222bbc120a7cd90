/**
 * The links between the servers of an ensemble, each to be cut by itself: a follower that has lost its leader, but not
 * its clients.
 *
 * Every server's configuration must have the same text (the leader sends its own to all), so a server knows the others
 * by name, and each JVM has a hosts file of its own (`jdk.net.hosts.file`): server i reaches server j at an address of
 * loopback that stands for the pair, where a proxy listens. Linux only: there all of 127/8 is this machine.
 */
import { FaultProxy } from './fault-proxy.js'
import { environmentError } from './environment-error.js'

const HOST = '127.0.0.1'

/** Where server `to` (its ports in hand) listens for the others. */
interface Listening {
  readonly quorum: number
  readonly election: number
}

interface Link {
  readonly from: number
  readonly to: number
  readonly proxies: readonly FaultProxy[]
}

/** What the configuration calls server `id`. */
export function serverName(id: number): string {
  return `server-${id}`
}

function addressOfPair(from: number, to: number): string {
  return `127.77.${from}.${to}`
}

export class QuorumLinks implements AsyncDisposable {
  readonly #links: readonly Link[]
  readonly #servers: number

  private constructor(links: readonly Link[], servers: number) {
    this.#links = links
    this.#servers = servers
  }

  /** @throws a `ZkError` with code `TEST_ENVIRONMENT` where loopback has one address only. */
  static async start(servers: readonly Listening[]): Promise<QuorumLinks> {
    if (process.platform !== 'linux')
      throw environmentError(
        'links between servers can be cut on Linux only: it takes more addresses of loopback',
      )
    const links: Link[] = []
    for (const [index, { quorum, election }] of servers.entries()) {
      const to = index + 1
      for (let from = 1; from <= servers.length; from++) {
        if (from === to) continue
        const host = addressOfPair(from, to)
        const proxies = [quorum, election].map(async (port) =>
          FaultProxy.inFrontOf(`${HOST}:${port}`, { host, port, frames: false }),
        )
        links.push({ from, to, proxies: await Promise.all(proxies) })
      }
    }
    return new QuorumLinks(links, servers.length)
  }

  /** The text of the hosts file of server `id`: itself, and the others behind their proxies. */
  hostsFile(id: number): string {
    const lines = [`${HOST} localhost ${serverName(id)}`]
    for (let other = 1; other <= this.#servers; other++)
      if (other !== id) lines.push(`${addressOfPair(id, other)} ${serverName(other)}`)
    return `${lines.join('\n')}\n`
  }

  /** Nothing passes between the two any more, in neither direction, and neither is told. */
  cut(a: number, b: number): void {
    for (const { from, to, proxies } of this.#links)
      if ((from === a && to === b) || (from === b && to === a)) for (const proxy of proxies) proxy.blackHole()
  }

  async heal(): Promise<void> {
    await Promise.all(this.#links.flatMap(({ proxies }) => proxies.map(async (proxy) => proxy.heal())))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = this.#links.flatMap(({ proxies }) => proxies)
    await Promise.all(all.map(async (proxy) => proxy[Symbol.asyncDispose]()))
  }
}
