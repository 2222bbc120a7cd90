/**
 * Which server to try next. A round goes through all addresses of all servers once, in random order, names resolved
 * anew: DNS is how ensembles move.
 */
import type { Random } from '../runtime/random.js'
import { shuffle } from '../runtime/random.js'
import type { Endpoint, Transport } from '../transport/transport.js'
import type { Server } from './connect-string.js'

export class Hosts {
  readonly #servers: readonly Server[]
  readonly #transport: Pick<Transport, 'resolve'>
  readonly #random: Random
  #queue: Endpoint[] = []
  #last: Endpoint | undefined

  constructor(servers: readonly Server[], transport: Pick<Transport, 'resolve'>, random: Random) {
    this.#servers = servers
    this.#transport = transport
    this.#random = random
  }

  /** True when every address of the round has been handed out. */
  get exhausted(): boolean {
    return this.#queue.length === 0
  }

  /** What was handed out last: for messages. */
  get last(): Endpoint | undefined {
    return this.#last
  }

  /** Begins a new round at the next call of `next`, the server that just failed last in it. */
  restart(): void {
    this.#queue = []
  }

  /** Makes this the next one to be tried. */
  prefer(endpoint: Endpoint): void {
    this.#queue.push(endpoint)
  }

  /** The next address to try. Rejects if no name of the round can be resolved. */
  async next(): Promise<Endpoint> {
    if (this.#queue.length === 0) this.#queue = await this.#newRound()
    const endpoint = this.#queue.pop()
    if (endpoint === undefined) throw new Error('no server address left to try')
    this.#last = endpoint
    return endpoint
  }

  /** In reverse: `next` takes from the end. */
  async #newRound(): Promise<Endpoint[]> {
    const failures: unknown[] = []
    const found = await Promise.all(
      this.#servers.map(async ({ host, port }) => {
        try {
          const addresses = await this.#transport.resolve(host)
          return addresses.map((address): Endpoint => ({ hostName: host, address, port }))
        } catch (error) {
          failures.push(error)
          return []
        }
      }),
    )
    const endpoints = shuffle(found.flat(), this.#random)
    if (endpoints.length === 0) {
      const names = this.#servers.map((server) => server.host).join(', ')
      throw new Error(`can not resolve ${names}`, { cause: failures[0] })
    }
    const last = this.#last
    const failed = endpoints.findIndex((e) => e.address === last?.address && e.port === last.port)
    if (failed !== -1) endpoints.unshift(...endpoints.splice(failed, 1))
    return endpoints
  }
}
