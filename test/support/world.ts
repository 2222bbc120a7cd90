/**
 * A network in memory on a virtual clock, with the embedded server on it if asked for: what tests of the client run on
 * where time matters. Time moves only in `until` and `pass`; one millisecond is one way on the wire.
 */
import { connect, type Client, type ConnectOptions, type Logger } from 'latchkey'
import { startServer, type EmbeddedServer, type StartServerOptions } from 'latchkey/server'
import { seededRandom } from '../../src/runtime/random.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import { MemoryNetwork } from '../../src/transport/memory.js'

export const SESSION_MS = 6_000
export const READ_TIMEOUT_MS = (SESSION_MS * 2) / 3
const TICK_MS = 500

const none = (): void => undefined
export const silent: Logger = { debug: none, info: none, warn: none, error: none }

export interface LogLine {
  readonly level: keyof Logger
  readonly fields: object
  readonly message: string
}

export class World implements AsyncDisposable {
  readonly clock = new VirtualClock()
  readonly network = new MemoryNetwork(this.clock, { latencyMs: () => 1 })
  readonly runtime = { clock: this.clock, random: seededRandom(11) }
  readonly log: LogLine[] = []
  readonly clients: Client[] = []
  readonly #servers: EmbeddedServer[] = []

  async server(options: StartServerOptions = {}): Promise<EmbeddedServer> {
    const { runtime, network } = this
    const given = { runtime, acceptor: network, tickTimeMs: TICK_MS, logger: silent, ...options }
    const server = await this.until(startServer(given))
    this.#servers.push(server)
    return server
  }

  get logger(): Logger {
    const say = (level: keyof Logger) => (fields: object, message: string) =>
      void this.log.push({ level, fields, message })
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }

  /** `connect()` under way, on this network and clock. */
  async connecting(connectString: string, options: ConnectOptions = {}): Promise<Client> {
    const { runtime, network: transport, logger } = this
    const client = await connect(connectString, {
      sessionTimeoutMs: SESSION_MS,
      runtime,
      transport,
      logger,
      ...options,
    })
    this.clients.push(client)
    return client
  }

  async client(connectString: string, options: ConnectOptions = {}): Promise<Client> {
    return this.until(this.connecting(connectString, options))
  }

  /** Lets time pass until `promise` settles, and passes its outcome on. */
  async until<T>(promise: Promise<T>, limitMs = 120_000): Promise<T> {
    const outcome = watched(promise)
    const start = this.clock.now()
    await this.clock.advance(0)
    for (let step = 0.5; !outcome.settled; step = Math.min(step * 1.05, 50)) {
      if (this.clock.now() - start > limitMs)
        throw new Error(`not settled after ${limitMs} ms of virtual time`)
      await this.clock.advance(step)
    }
    return promise
  }

  /** Lets time pass until something is so. */
  async untilTrue(condition: () => boolean, limitMs = 60_000): Promise<void> {
    const start = this.clock.now()
    while (!condition()) {
      if (this.clock.now() - start > limitMs) throw new Error(`not so after ${limitMs} ms of virtual time`)
      await this.clock.advance(1)
    }
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  /** Closes all; then no timer and no connection may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await this.until(client.close())
    for (const server of this.#servers) await this.until(server.close())
    await this.clock.advance(10)
    const { pending } = this.clock
    if (pending > 0) throw new Error(`${pending} timers left`)
    if (this.network.openEnds > 0) throw new Error(`${this.network.openEnds} connections left`)
  }
}

/** What a promise came to, without an unhandled rejection meanwhile. */
export interface Watched<T> {
  readonly promise: Promise<T>
  readonly settled: boolean
  readonly value: T | undefined
  readonly error: unknown
}

/** Looks at a promise without waiting for it. */
export function watched<T>(promise: Promise<T>): Watched<T> {
  const state: { promise: Promise<T>; settled: boolean; value: T | undefined; error: unknown } = {
    promise,
    settled: false,
    value: undefined,
    error: undefined,
  }
  promise.then(
    (value) => Object.assign(state, { settled: true, value }),
    (error: unknown) => Object.assign(state, { settled: true, error }),
  )
  return state
}

/** The error that a promise rejects with; throws if it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it was expected to reject, and resolved')
}
