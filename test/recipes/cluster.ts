/**
 * The real client and the embedded server on a virtual clock and an in-memory network: what recipe tests run on. Time
 * moves only in `until` and `pass`, one millisecond is one way on the wire, and the same test takes the same course
 * every time.
 */
import { Mutex, connect, type Client, type ConnectOptions, type Logger } from 'latchkey'
import { startServer, type EmbeddedServer, type StartServerOptions } from 'latchkey/server'
import { expect } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { seededRandom } from '../../src/runtime/random.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import { MemoryNetwork } from '../../src/transport/memory.js'

export const PATH = '/locks/report'
export const SESSION_MS = 4_000
export const TICK_MS = 500
/** The longest that a session can outlive its client. */
export const EXPIRY_MS = SESSION_MS + 2 * TICK_MS

export interface LogLine {
  readonly level: keyof Logger
  readonly fields: object
  readonly message: string
}

export class Cluster implements AsyncDisposable {
  readonly clock = new VirtualClock()
  /** One way on the wire, in milliseconds; asked for each chunk. */
  latencyMs: () => number = () => 1
  readonly network = new MemoryNetwork(this.clock, { latencyMs: () => this.latencyMs() })
  readonly runtime = { clock: this.clock, random: seededRandom(7) }
  readonly log: LogLine[] = []
  readonly clients: Client[] = []
  server!: EmbeddedServer

  static async start(options: StartServerOptions = {}): Promise<Cluster> {
    const cluster = new Cluster()
    const { runtime, network } = cluster
    const none = (): void => undefined
    const logger: Logger = { debug: none, info: none, warn: none, error: none }
    const given = { runtime, acceptor: network, tickTimeMs: TICK_MS, logger, ...options }
    cluster.server = await cluster.until(startServer(given))
    return cluster
  }

  get control(): EmbeddedServer['control'] {
    return this.server.control
  }

  async client(options: ConnectOptions = {}): Promise<Client> {
    const { runtime, network: transport } = this
    const say = (level: keyof Logger) => (fields: object, message: string) =>
      void this.log.push({ level, fields, message })
    const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
    const given = { sessionTimeoutMs: SESSION_MS, runtime, transport, logger, ...options }
    const client = await this.until(connect(this.server.connectString, given))
    this.clients.push(client)
    return client
  }

  /** Lets time pass until `promise` settles, and passes its outcome on. */
  async until<T>(promise: Promise<T>, limitMs = 120_000): Promise<T> {
    const outcome: { settled?: boolean } = {}
    const settle = (): void => void (outcome.settled = true)
    promise.then(settle, settle)
    const start = this.clock.now()
    await this.clock.advance(0)
    for (let step = 0.5; outcome.settled !== true; step = Math.min(step * 1.05, 50)) {
      if (this.clock.now() - start > limitMs)
        throw new Error(`not settled after ${limitMs} ms of virtual time`)
      await this.clock.advance(step)
    }
    return promise
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  /** Until no request is under way: nothing more will happen by itself but pings and timeouts. */
  async quiet(): Promise<void> {
    await this.clock.advance(100)
  }

  /** Children of a path, in the server's own tree, as a client of its own sees it; undefined if it does not exist. */
  async children(path: string): Promise<string[] | undefined> {
    const observer = await this.#observer()
    const [, children] = await this.until(
      Promise.all([observer.sync('/'), observer.children(path).catch(() => undefined)]),
    )
    return children?.children.sort()
  }

  #observing: Promise<Client> | undefined
  async #observer(): Promise<Client> {
    this.#observing ??= this.client()
    return this.#observing
  }

  async observer(): Promise<Client> {
    return this.#observer()
  }

  /** After everything was released: no contender, no watch, no owed delete. */
  async expectNothingLeft(path: string): Promise<void> {
    await this.quiet()
    expect((await this.children(path)) ?? []).toEqual([])
    expect(this.control.watchCounts()).toEqual({ data: 0, children: 0 })
    for (const client of this.clients) expect(Janitor.of(client).pending).toBe(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.control.clearFaults()
    for (const client of this.clients) await this.until(client.close())
    await this.until(this.server.close())
    // Nobody's timer is left once clients and server are closed.
    await this.clock.advance(10)
    expect(this.clock.pending).toBe(0)
    expect(this.network.openEnds).toBe(0)
  }
}

/** Requests of one client from now on, in order. */
export function requestsOf(cluster: Cluster, zk: Client): string[] {
  const seen: string[] = []
  cluster.control.dropBefore({
    where: ({ session, operation }) => {
      if (session === zk.session?.id) seen.push(operation)
      return false
    },
  })
  return seen
}

/** A cluster with clients, each with a mutex on the same path, which exists. */
export async function stage(
  count: number,
  options: StartServerOptions = {},
): Promise<AsyncDisposable & { cluster: Cluster; zks: Client[]; mutexes: Mutex[] }> {
  const cluster = await Cluster.start(options)
  const zks: Client[] = []
  for (let i = 0; i < count; i++) zks.push(await cluster.client())
  await cluster.until(zks[0]!.ensurePath(PATH, { mode: 'container' }))
  const mutexes = zks.map((zk) => new Mutex(zk, PATH))
  return { cluster, zks, mutexes, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}
