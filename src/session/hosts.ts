/**
 * Which server to try next. A round goes through all servers once, in random order, and through all addresses of each.
 * A name is resolved when its turn comes, anew in each round: DNS is how ensembles move, and one name whose look-up
 * fails or hangs must not keep the others from being tried.
 */
import type { Random } from '../runtime/random.js'
import { shuffle } from '../runtime/random.js'
import type { Endpoint, Transport } from '../transport/transport.js'
import type { Server } from './connect-string.js'

export class Hosts {
  readonly #servers: readonly Server[]
  readonly #transport: Pick<Transport, 'resolve'>
  readonly #random: Random
  /** Of this round, still to be resolved. Both lists are taken from at their end. */
  #names: Server[] = []
  #addresses: Endpoint[] = []
  #preferred: Endpoint | undefined
  #last: Endpoint | undefined

  constructor(servers: readonly Server[], transport: Pick<Transport, 'resolve'>, random: Random) {
    this.#servers = servers
    this.#transport = transport
    this.#random = random
  }

  /** True when every address of the round has been handed out. */
  get exhausted(): boolean {
    return this.#names.length === 0 && this.#addresses.length === 0 && this.#preferred === undefined
  }

  /** Begins a new round at the next call of `next`, the server that just failed last in it. */
  restart(): void {
    this.#names = []
    this.#addresses = []
  }

  /** Makes this the next one to be tried, whatever the round. */
  prefer(endpoint: Endpoint): void {
    this.#preferred = endpoint
  }

  /** The next address to try. Rejects if no name that is left in the round can be resolved. */
  async next(): Promise<Endpoint> {
    const endpoint = this.#takePreferred() ?? this.#addresses.pop() ?? (await this.#resolveNext())
    this.#last = endpoint
    return endpoint
  }

  #takePreferred(): Endpoint | undefined {
    const preferred = this.#preferred
    this.#preferred = undefined
    return preferred
  }

  async #resolveNext(): Promise<Endpoint> {
    if (this.#names.length === 0) this.#names = this.#newRound()
    const failures: unknown[] = []
    const failed: string[] = []
    for (let server = this.#names.pop(); server !== undefined; server = this.#names.pop()) {
      const { host, port } = server
      try {
        const addresses = await this.#transport.resolve(host)
        const found = shuffle(addresses, this.#random).map((address) => ({ hostName: host, address, port }))
        moveToFront(found, ({ address }) => address === this.#last?.address && port === this.#last.port)
        const first = found.pop()
        if (first !== undefined) {
          this.#addresses.push(...found)
          return first
        }
        failures.push(new Error(`${host} has no address`))
      } catch (error) {
        failures.push(error)
      }
      failed.push(host)
    }
    throw new Error(`can not resolve ${failed.join(', ')}`, { cause: failures[0] })
  }

  /** The server that was tried last comes last. */
  #newRound(): Server[] {
    const round = shuffle(this.#servers, this.#random)
    moveToFront(round, ({ host, port }) => host === this.#last?.hostName && port === this.#last.port)
    return round
  }
}

function moveToFront<T>(items: T[], which: (item: T) => boolean): void {
  const at = items.findIndex(which)
  if (at !== -1) items.unshift(...items.splice(at, 1))
}
