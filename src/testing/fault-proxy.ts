/**
 * A TCP proxy that understands ZooKeeper's frames, to be put between a client and a server: it delays, holds back, cuts
 * and spoils what passes, all the time or at a chosen request. One proxy per (client, server) makes every link of a
 * cluster fail by itself.
 *
 * It never holds more than a frame and 512 KiB per direction of a connection, and what can't be frames passes as it is.
 */
import type { Server } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { systemClock } from '../runtime/clock.js'
import type { Random } from '../runtime/random.js'
import { seededRandom, systemRandom } from '../runtime/random.js'
import { environmentError } from './environment-error.js'
import { freePorts, returnPorts } from './free-port.js'
import { Injection, type InjectedFault, type InjectOptions } from './injection.js'
import { ProxiedConnection, type ConnectionRules, type LinkDirection } from './proxied-connection.js'
import type { ProxiedRequest } from './proxied-request.js'
import type { LinkShape } from './proxy-lane.js'

/** What a proxy stands in front of: `host:port`, a `TestServer`, a member of a `TestEnsemble`, an embedded server. */
export type ProxyTarget = string | { readonly connectString: string }

export interface FaultProxyOptions {
  /** Decides jitter, probabilities and junk. Default: by chance. */
  readonly seed?: number | undefined
  /** Where it listens. Default `127.0.0.1`. */
  readonly host?: string | undefined
  /** Default: a free one, which it keeps while it refuses connections. */
  readonly port?: number | undefined
  /** Whether it looks for frames. False for another protocol than the clients': faults at a request are not done. Default true. */
  readonly frames?: boolean | undefined
  /** More connections at a time are closed at once. Default 1,024. */
  readonly maxConnections?: number | undefined
}

export interface FaultProxyStats {
  /** Accepted so far, and open now. */
  readonly connections: number
  readonly openConnections: number
  /** Frames that came from clients (handshakes and pings included) and from servers (notifications included). */
  readonly requests: number
  readonly replies: number
  /** How often each fault was done; those without a kind of their own under `reset` and `end`. */
  readonly faults: Readonly<Record<string, number>>
}

export type LinkDirections = LinkDirection | 'both'

const BOTH: readonly LinkDirection[] = ['toServer', 'toClient']

function directionsOf(choice: LinkDirections): readonly LinkDirection[] {
  if (choice === 'both') return BOTH
  if (!BOTH.includes(choice))
    throw new TypeError(`direction must be toServer, toClient or both, got ${choice}`)
  return [choice]
}

function addressOf(target: ProxyTarget): { host: string; port: number } {
  const text = typeof target === 'string' ? target : target.connectString
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:,/]+)):(\d+)$/.exec(text) ?? []
  if (port === undefined) throw new TypeError(`a proxy stands in front of one server, host:port, got ${text}`)
  return { host: bracketed ?? plain ?? '', port: Number(port) }
}

export class FaultProxy implements AsyncDisposable {
  /** For a client that shall reach the server through this proxy only. */
  readonly connectString: string
  readonly host: string
  readonly port: number
  readonly #target: { readonly host: string; readonly port: number }
  readonly #random: Random
  readonly #maxConnections: number
  readonly #ownsPort: boolean
  readonly #looksForFrames: boolean
  readonly #open = new Set<ProxiedConnection>()
  readonly #held = new Set<LinkDirection>()
  readonly #paused = new Set<LinkDirection>()
  readonly #shapes: Record<LinkDirection, LinkShape> = { toServer: {}, toClient: {} }
  readonly #counts = { connections: 0, request: 0, reply: 0 }
  readonly #faults: Record<string, number> = {}
  #injections: Injection[] = []
  #server: Server | undefined

  private constructor(target: ProxyTarget, host: string, port: number, options: FaultProxyOptions) {
    this.#target = addressOf(target)
    this.host = host
    this.port = port
    this.connectString = `${host.includes(':') ? `[${host}]` : host}:${port}`
    this.#random = options.seed === undefined ? systemRandom : seededRandom(options.seed)
    this.#maxConnections = options.maxConnections ?? 1_024
    this.#looksForFrames = options.frames ?? true
    this.#ownsPort = options.port === undefined
  }

  /**
   * Starts a proxy. It carries everything unchanged until told otherwise.
   *
   * @throws TypeError for a target that is not one server; a `ZkError` with code `TEST_ENVIRONMENT` if it can't listen.
   */
  static async inFrontOf(target: ProxyTarget, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    addressOf(target)
    const host = options.host ?? '127.0.0.1'
    const port = options.port ?? (await freePorts(1, host))[0] ?? 0
    const proxy = new FaultProxy(target, host, port, options)
    await proxy.accept()
    return proxy
  }

  get stats(): FaultProxyStats {
    const { connections, request, reply } = this.#counts
    return {
      connections,
      openConnections: this.#open.size,
      requests: request,
      replies: reply,
      faults: { ...this.#faults },
    }
  }

  /**
   * Does `fault` to the next request that matches (or to the nth, several times, by chance). Of several that wait, the
   * one injected first is done.
   */
  inject(fault: InjectedFault, options: InjectOptions = {}): Injection {
    const injection = new Injection(fault, options)
    this.#injections.push(injection)
    return injection
  }

  /** How bytes travel from now on: latency, jitter, small pieces, slowly. Replaces what was said before. */
  shape(shape: LinkShape, direction: LinkDirections = 'both'): void {
    for (const each of directionsOf(direction)) this.#shapes[each] = { ...shape }
  }

  /**
   * Nothing arrives any more, neither bytes nor the end of a connection, and neither side is told: a black hole, or, in
   * one direction, a half-open connection. As on a real network all of it arrives after `heal`, if both still wait.
   */
  blackHole(direction: LinkDirections = 'both'): void {
    for (const each of directionsOf(direction)) this.#held.add(each)
    this.#countFault('black-hole')
  }

  /** Bytes wait until `heal`; the end of a connection passes, as from a server that hangs. */
  pause(direction: LinkDirections = 'both'): void {
    for (const each of directionsOf(direction)) this.#paused.add(each)
    this.#countFault('pause')
  }

  /** New connections are refused (by the kernel: nobody listens); those that are open stay. */
  refuse(): void {
    this.#server?.close()
    this.#server = undefined
    this.#countFault('refuse')
  }

  /** Listens again after `refuse`. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return
    // Their halves close by themselves: each side decides when it has said all.
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#join(near))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(environmentError(`can't listen on ${this.connectString}: ${error.message}`, error)),
      )
      server.listen(this.port, this.host, () => resolve())
    })
    server.on('error', () => undefined)
  }

  /** Ends the standing faults: black holes, pauses, shapes, injections, refusals. What was held back goes on. */
  async heal(): Promise<void> {
    this.#held.clear()
    this.#paused.clear()
    this.shape({})
    for (const injection of this.#injections) injection.cancel()
    this.#injections = []
    for (const connection of this.#open) {
      connection.dial(this.#target)
      connection.pump()
    }
    await this.accept()
  }

  /** Ends all open connections: by RST, or in order by FIN. Returns how many. */
  cut(how: 'reset' | 'end' = 'reset'): number {
    const open = [...this.#open]
    for (const connection of open) {
      connection.cut(how)
      this.#countFault(how)
    }
    return open.length
  }

  /** Ends the connection that has been open the longest; false if there is none. */
  cutOldest(how: 'reset' | 'end' = 'reset'): boolean {
    const [oldest] = this.#open
    if (oldest === undefined) return false
    // Its sockets close a little later; it must not be taken for the oldest until then.
    this.#open.delete(oldest)
    oldest.cut(how)
    this.#countFault(how)
    return true
  }

  /** Sends bytes of your own on all open connections, in line with the others. */
  send(bytes: Uint8Array, direction: LinkDirection = 'toClient'): void {
    for (const connection of this.#open) connection.send(direction, Buffer.from(bytes))
    this.#countFault('bytes')
  }

  /** Ends all connections and closes the port. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const connection of this.#open) connection.cut('end')
    if (server !== undefined) await new Promise<void>((resolve) => void server.close(() => resolve()))
    if (this.#ownsPort) returnPorts([this.port])
  }

  #join(near: Socket): void {
    near.on('error', () => undefined)
    if (this.#open.size >= this.#maxConnections) return void near.destroy()
    this.#counts.connections++
    const rules: ConnectionRules = {
      runtime: { clock: systemClock, random: this.#random },
      looksForFrames: this.#looksForFrames,
      shape: (direction) => this.#shapes[direction],
      isHeld: (direction) => this.#held.has(direction),
      isPaused: (direction) => this.#paused.has(direction),
      faultFor: (request) => this.#faultFor(request),
      count: (what) => this.#counts[what]++,
      onFault: (injection, request) => {
        injection.done(request)
        this.#countFault(injection.fault)
        if (injection.isSpent) this.#injections = this.#injections.filter((each) => each !== injection)
      },
      onClose: (connection) => this.#open.delete(connection),
    }
    const connection = new ProxiedConnection(near, rules)
    this.#open.add(connection)
    if (!this.#held.has('toServer')) connection.dial(this.#target)
  }

  #faultFor(request: ProxiedRequest): Injection | undefined {
    return this.#injections.find((injection) => injection.take(request, this.#random))
  }

  #countFault(kind: string): void {
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1
  }
}
