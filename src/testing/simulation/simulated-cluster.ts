/**
 * A whole cluster in one process, decided by one seed: the real client and recipes, the embedded server, a network in
 * memory and a virtual clock. Delays, losses, crashes, stalls and expiries come from the seed, so a run that fails is
 * repeated, bit for bit, by running it again.
 *
 * Not obvious: time stands still but in {@link SimulatedCluster.run}, and there it jumps from event to event; hours take
 * seconds. Whatever waits must wait on the simulated clock: what waits for real I/O is not part of the order of events.
 */
import type { Client, Logger, Random } from '../../index.js'
import { connect } from '../../index.js'
import type { EmbeddedServer, StartServerOptions } from '../../server/index.js'
import { startServer } from '../../server/index.js'
import { sleep } from '../../runtime/abort.js'
import { seededRandom } from '../../runtime/random.js'
import { VirtualClock } from '../../runtime/virtual-clock.js'
import { MemoryNetwork, timedRoute } from '../../transport/memory.js'
import { FaultInjector } from './fault-injector.js'
import type { SimulatedFault } from './faults.js'
import { History, historyLine } from './history.js'
import type { Latency } from './link.js'
import { Link } from './link.js'
import { Machine, type Program } from './machine.js'
import { ProcessClock } from './process-clock.js'
import { SimulatedProcess, type ProcessSetting } from './simulated-process.js'

export interface SimulationOptions {
  /** An integer. The same seed, options and program take the same course. */
  readonly seed: number
  /** One way between a process and the server. Default: 0.25 to 1 ms, one in a hundred up to 10 ms. */
  readonly latency?: Partial<Latency>
  /** Of the clients, in milliseconds. Default: 4,000. */
  readonly sessionTimeoutMs?: number
  /** Of the server, in milliseconds. Default: 500. */
  readonly tickTimeMs?: number
  /** By how many millionths the processes' clocks may be fast or slow. Default: 50, as quartz is. */
  readonly driftPpm?: number
  /** Keep all events in `history.events`. Default: true. Without, only their hash is kept, and listeners are told. */
  readonly keepHistory?: boolean
  /** Of the server. */
  readonly server?: Omit<StartServerOptions, 'runtime' | 'acceptor' | 'port' | 'host' | 'tls'>
}

const SESSION_MS = 4_000
const TICK_MS = 500
const DRIFT_PPM = 50
/** The server gives a connection that it closes so long to read its last words. */
const LINGER_MS = 3_000
const DAY_MS = 86_400_000
const none = (): void => undefined
const QUIET: Logger = { debug: none, info: none, warn: none, error: none }
const DEFAULT_LATENCY: Latency = { min: 0.25, max: 1, slowest: 10 }

/** What is still held when all should have been given back. */
export interface Leftovers {
  readonly timers: number
  readonly connectionEnds: number
  readonly watches: number
  readonly sessions: number
}

interface Ground {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly server: EmbeddedServer
}

export class SimulatedCluster implements AsyncDisposable {
  readonly seed: number
  /** Of the whole cluster. Processes have their own, which are skewed. */
  readonly clock: VirtualClock
  readonly history: History
  readonly server: EmbeddedServer
  readonly sessionTimeoutMs: number
  readonly tickTimeMs: number
  readonly #network: MemoryNetwork
  readonly #machines = new Map<string, Machine>()
  readonly #latency: Latency
  readonly #driftPpm: number
  readonly #faults: FaultInjector
  readonly #stopListening: () => void
  #ids = 0
  #operator: Promise<Client> | undefined
  #failure: { readonly error: unknown } | undefined

  private constructor(options: SimulationOptions, { clock, network, server }: Ground) {
    this.seed = options.seed
    this.clock = clock
    this.server = server
    this.#network = network
    this.sessionTimeoutMs = options.sessionTimeoutMs ?? SESSION_MS
    this.tickTimeMs = options.tickTimeMs ?? TICK_MS
    this.#latency = { ...DEFAULT_LATENCY, ...options.latency }
    this.#driftPpm = options.driftPpm ?? DRIFT_PPM
    this.history = new History(options.keepHistory ?? true)
    this.#faults = new FaultInjector({
      clock,
      server,
      history: this.history,
      machines: this.#machines,
      operator: async () => (this.#operator ??= this.#connectOperator()),
    })
    this.#stopListening = server.control.onApply((transaction) =>
      this.history.add({ source: 'server', atMs: clock.now(), transaction }),
    )
  }

  /** Starts the server. From then on nothing moves but in {@link run}. */
  static async start(options: SimulationOptions): Promise<SimulatedCluster> {
    if (!Number.isSafeInteger(options.seed)) throw new TypeError('seed must be an integer')
    const clock = new VirtualClock()
    const network = new MemoryNetwork(clock)
    const server = await startServer({
      logger: QUIET,
      tickTimeMs: options.tickTimeMs ?? TICK_MS,
      ...options.server,
      runtime: { clock, random: randomFor(options.seed, 'server') },
      acceptor: network,
    })
    return new SimulatedCluster(options, { clock, network, server })
  }

  /** A source of chance that belongs to `purpose`: what others draw does not change what it gives. */
  random(purpose: string): Random {
    return randomFor(this.seed, purpose)
  }

  /** In their present lives. */
  get processes(): readonly SimulatedProcess[] {
    return [...this.#machines.values()].map(({ process }) => process)
  }

  /**
   * Adds a process.
   *
   * @param name - by which faults find it.
   * @param program - what it does: runs now, and from the beginning each time the process is started again after a
   * crash. What it throws ends {@link run}.
   * @returns its first life.
   */
  launch(name: string, program?: Program): SimulatedProcess {
    if (this.#machines.has(name)) throw new TypeError(`there is a process ${name} already`)
    let clock: ProcessClock | undefined
    const chance = this.random(`link of ${name}`)
    const link = new Link(this.clock, () => clock as ProcessClock, chance, this.#latency)
    const birth = (life: number): SimulatedProcess => {
      const random = this.random(`${name}, life ${life}`)
      const drift = (random.next() * 2 - 1) * this.#driftPpm
      clock = new ProcessClock(this.clock, Math.floor(random.next() * 1e6), drift)
      return this.#process({
        name,
        life,
        clock,
        random,
        host: this.#network.host(link),
        isCutOff: () => link.isCut,
      })
    }
    const machine = new Machine(name, link, birth, program, (error) => {
      if (error !== undefined) this.#failure ??= { error }
    })
    this.#machines.set(name, machine)
    machine.start()
    return machine.process
  }

  #process(
    own: Pick<ProcessSetting, 'name' | 'life' | 'clock' | 'random' | 'host' | 'isCutOff'>,
  ): SimulatedProcess {
    return new SimulatedProcess({
      ...own,
      connectString: this.server.connectString,
      sessionTimeoutMs: this.sessionTimeoutMs,
      history: this.history,
      now: () => this.clock.now(),
      nextId: () => ++this.#ids,
    })
  }

  /**
   * Lets time pass until `body` settles, and passes its outcome on. Rejects with what a process's program throws, and
   * with an Error after `limitMs` of simulated time: a day, unless it is given.
   */
  async run<T>(body: (cluster: this) => Promise<T>, options: { limitMs?: number } = {}): Promise<T> {
    let settled = false
    const outcome = body(this)
    const settle = (): void => void (settled = true)
    outcome.then(settle, settle)
    const { limitMs = DAY_MS } = options
    const isOver = (): boolean => settled || this.#failure !== undefined
    const begun = this.clock.now()
    const over = await this.clock.advanceUntil(isOver, limitMs)
    if (this.#failure !== undefined) throw this.#failure.error
    if (over) return outcome
    const passed = Math.round(this.clock.now() - begun)
    throw new Error(`not over after ${passed} ms of simulated time`)
  }

  async #connectOperator(): Promise<Client> {
    const runtime = { clock: this.clock, random: this.random('operator') }
    const route = timedRoute(this.clock, () => this.#latency.min)
    const transport = this.#network.host(route)
    const { sessionTimeoutMs } = this
    return connect(this.server.connectString, { runtime, transport, sessionTimeoutMs, timeoutMs: Infinity })
  }

  /** Waits on the cluster's clock, which no fault touches. */
  async sleep(ms: number): Promise<void> {
    await sleep(this.clock, ms)
  }

  /** Lets each fault of the plan strike at its time, counted from now, in place of the plan before. */
  disturb(plan: Iterable<SimulatedFault>): void {
    this.#faults.follow(plan)
  }

  /** A fault, now. */
  inject(fault: DistributedOmit<SimulatedFault, 'atMs'>): void {
    this.#faults.strike({ ...fault, atMs: this.clock.now() })
  }

  /** Ends the plan and all faults that last: links are whole, processes go on, those that are down start now. */
  heal(): void {
    this.#faults.heal()
  }

  /** How often each kind of fault has struck. */
  get faultCounts(): ReadonlyMap<SimulatedFault['kind'], number> {
    return this.#faults.counts
  }

  /** As JSON lines; only what was kept. */
  historyLines(): string {
    return this.history.events.map((event) => `${historyLine(event)}\n`).join('')
  }

  /** Closes every client and the server. Then nothing should be left. */
  async close(): Promise<Leftovers> {
    this.heal()
    this.#failure = undefined
    await this.run(async () => {
      const clients = this.processes.flatMap(({ clients }) => clients)
      const operator = await this.#operator
      await Promise.all([...clients, operator].map(async (client) => client?.close()))
      await this.sleep(1_000)
      await this.server.close()
    })
    await this.clock.advance(LINGER_MS)
    this.#stopListening()
    const { data, children } = this.server.control.watchCounts()
    return {
      timers: this.clock.pending,
      connectionEnds: this.#network.openEnds,
      watches: data + children,
      sessions: this.server.control.sessions().length,
    }
  }

  /** Abandons everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.heal()
    this.#stopListening()
    for (const process of this.processes) process.kill(true)
    await this.server.close()
  }
}

/** As `Omit`, member by member. */
type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** FNV-1a over the purpose, begun with the seed. */
function randomFor(seed: number, purpose: string): Random {
  let hash = Math.imul((seed >>> 0) ^ Math.floor(seed / 4_294_967_296), 2_654_435_761) ^ 0x811c9dc5
  for (let i = 0; i < purpose.length; i++) hash = Math.imul(hash ^ purpose.charCodeAt(i), 16_777_619)
  return seededRandom(hash ^ (hash >>> 15))
}
