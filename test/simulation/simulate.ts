/**
 * One run of a recipe under simulation, from a seed to its outcome: processes with the real client take turns while
 * faults strike; then everything is healed, and it must come back and leave nothing.
 */
import type { Client, Random } from 'latchkey'
import {
  planFaults,
  SimulatedCluster,
  type FaultMix,
  type SimulatedFault,
  type SimulatedProcess,
  type SimulationEvent,
} from 'latchkey/testing'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { seededRandom } from '../../src/runtime/random.js'
import { ServerView } from './server-view.js'
import type { Play, Stage, Task, Violation, Workload } from './workload.js'

export interface RunOptions {
  readonly workload: Workload
  readonly seed: number
  /** After so many acquisitions faults are healed and the run comes to its end. */
  readonly acquisitions: number
  /** Or after so much simulated time. Default: an hour. */
  readonly limitMs?: number
  /** Mean time between faults. Default: the workload's own, 500 ms. */
  readonly faultEveryMs?: number
  readonly mix?: FaultMix
  /** Only these faults of the plan, by their index in it. */
  readonly faults?: readonly number[] | undefined
  readonly onEvent?: ((event: SimulationEvent) => void) | undefined
}

export interface Outcome {
  readonly recipe: string
  readonly seed: number
  /** Of the whole history: two runs with the same hash took the same course. */
  readonly hash: string
  readonly events: number
  readonly acquisitions: number
  readonly simulatedMs: number
  /** That have struck, by kind. */
  readonly faultCounts: Readonly<Record<string, number>>
  /** That were due, by index in the plan. */
  readonly faults: readonly { readonly index: number; readonly fault: SimulatedFault }[]
  readonly violations: readonly Violation[]
}

const SESSION_MS = 4_000
const TICK_MS = 500
const FAULT_EVERY_MS = 500
const MAX_BACK_OFF_MS = 1_000
/** Latencies and turns of others beyond the promised time. */
const SLACK_MS = 500
/** Until every waiter has had its turn. */
const PATIENCE_MS = 60_000
const HOUR_MS = 3_600_000

export async function simulate(options: RunOptions): Promise<Outcome> {
  return new Run(options).result()
}

class Run implements Stage {
  readonly sessionTimeoutMs = SESSION_MS
  readonly recoveryMs = SESSION_MS + 2 * TICK_MS + MAX_BACK_OFF_MS + SLACK_MS
  readonly #options: RunOptions
  readonly #violations: Violation[] = []
  readonly #faults: { readonly index: number; readonly fault: SimulatedFault }[] = []
  #cluster: SimulatedCluster | undefined
  #play: Play | undefined
  readonly #view = new ServerView()
  #acquisitions = 0
  #isOver = false
  /** Tasks in living processes that have not come to their end. */
  readonly #busy = new Set<Task>()
  readonly #tasks = new Set<Task>()
  #lastGrantMs = 0

  constructor(options: RunOptions) {
    this.#options = options
  }

  get cluster(): SimulatedCluster {
    if (this.#cluster === undefined) throw new Error('the run has not begun')
    return this.#cluster
  }

  violate(rule: string, details: string): void {
    this.#violations.push({ atMs: this.cluster.clock.now(), rule, details })
  }

  async result(): Promise<Outcome> {
    const { seed, workload } = this.#options
    const sizes = { sessionTimeoutMs: SESSION_MS, tickTimeMs: TICK_MS }
    this.#cluster = await SimulatedCluster.start({ seed, ...sizes, keepHistory: false })
    await using cluster = this.#cluster
    const play = (this.#play = workload.begin(this))
    cluster.history.on((event) => this.#observe(event, play))
    try {
      await cluster.run(async () => this.#script(play), { limitMs: Infinity })
      if (this.#violations.length === 0) await this.#audit(play)
      if (this.#violations.length === 0) for (const checker of play.checkers) checker.finish?.()
    } catch (error) {
      this.violate('nothing throws', error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    return this.#outcome(cluster)
  }

  #outcome(cluster: SimulatedCluster): Outcome {
    const { workload, seed } = this.#options
    return {
      recipe: workload.name,
      seed,
      hash: cluster.history.hash,
      events: cluster.history.length,
      acquisitions: this.#acquisitions,
      simulatedMs: cluster.clock.now(),
      faultCounts: Object.fromEntries(cluster.faultCounts),
      faults: this.#faults,
      violations: this.#violations,
    }
  }

  #observe(event: SimulationEvent, play: Play): void {
    this.#view.observe(event)
    if (
      event.source === 'process' &&
      event.type === 'ok' &&
      event.operation === (play.counted ?? 'acquire')
    ) {
      this.#acquisitions++
      this.#lastGrantMs = event.atMs
    }
    for (const checker of play.checkers) checker.observe(event)
    this.#options.onEvent?.(event)
  }

  async #script(play: Play): Promise<void> {
    const { workload, acquisitions, limitMs = HOUR_MS } = this.#options
    const { cluster } = this
    await this.#prepare(play)
    const names = Array.from({ length: workload.processes ?? 5 }, (_, i) => `p${i}`)
    for (const name of names) cluster.launch(name, async (process) => this.#live(process, play))
    cluster.disturb(this.#plan(names))
    const isEnough = (): boolean => this.#acquisitions >= acquisitions || cluster.clock.now() >= limitMs
    await this.#until(isEnough, Infinity)
    cluster.heal()
    await this.#comeBack()
    this.#isOver = true
    const allDone = await this.#until(() => this.#busy.size === 0, PATIENCE_MS)
    if (!allDone)
      this.violate(
        'every waiter has its turn',
        `${this.#busy.size} tasks wait, ${PATIENCE_MS} ms after all was healed`,
      )
    if (this.#violations.length > 0) return
    const last = [...this.#tasks].map(async (task) => play.finish?.(task))
    await Promise.all(last)
  }

  async #prepare(play: Play): Promise<void> {
    if (play.prepare === undefined) return
    const zk = await this.cluster.launch('observer').connect()
    await play.prepare(zk)
    await zk.close()
  }

  *#plan(processes: readonly string[]): Generator<SimulatedFault> {
    const { workload, mix, faults, seed } = this.#options
    const everyMs = this.#options.faultEveryMs ?? workload.faultEveryMs ?? FAULT_EVERY_MS
    const only = faults === undefined ? undefined : new Set(faults)
    let index = 0
    const random = this.cluster.random(`faults of ${seed}`)
    for (const fault of planFaults(random, { processes, everyMs, mix, sessionTimeoutMs: SESSION_MS })) {
      if (only === undefined || only.has(index)) {
        this.#faults.push({ index, fault })
        yield fault
      }
      index++
      if (only !== undefined && index > Math.max(...only)) return
    }
  }

  /** One life of one process. */
  async #live(process: SimulatedProcess, play: Play): Promise<void> {
    const zk = await process.connect()
    const shared = new Map<string, unknown>()
    const tasks = Array.from({ length: this.#options.workload.tasks ?? 2 }, (_, index) =>
      taskOf(process, zk, index, shared),
    )
    await Promise.all(tasks.map(async (task) => this.#work(task, play)))
  }

  async #work(task: Task, play: Play): Promise<void> {
    this.#busy.add(task)
    this.#tasks.add(task)
    while (!this.#isOver) await play.turn(task)
    this.#busy.delete(task)
  }

  /** Tasks of a life that has ended will never end. */
  #bury(): void {
    for (const task of this.#tasks) {
      if (task.process.state !== 'dead') continue
      this.#tasks.delete(task)
      this.#busy.delete(task)
    }
  }

  /** A znode of a living session that none of its tasks asks for or holds, and that nobody is about to delete. */
  #findGhosts(): void {
    const { znodesPerTask = 1, znodesPerProcess = 0 } = this.#play ?? {}
    for (const { clients, state, name } of this.cluster.processes) {
      const zk = clients.at(-1)
      if (zk?.session === undefined || state === 'dead') continue
      const standing = this.#view.countOf(zk.session.id)
      const tasks = [...this.#busy].filter((task) => task.zk === zk).length
      const { pending } = Janitor.of(zk)
      if (standing > znodesPerProcess + tasks * znodesPerTask + pending)
        this.violate(
          'no ghosts',
          `${name} has ${standing} znodes for ${tasks} tasks, and ${pending} more that are being deleted`,
        )
    }
  }

  /** False if it is not so after `limitMs`. A violation ends all waiting. */
  async #until(isSo: () => boolean, limitMs: number): Promise<boolean> {
    const { cluster } = this
    const end = cluster.clock.now() + limitMs
    for (;;) {
      this.#bury()
      if (isSo() || this.#violations.length > 0) return true
      if (cluster.clock.now() >= end) return false
      this.#findGhosts()
      await cluster.sleep(20)
    }
  }

  async #comeBack(): Promise<void> {
    const healedAt = this.cluster.clock.now()
    const came = await this.#until(() => this.#lastGrantMs > healedAt, this.recoveryMs)
    if (!came) this.violate('it comes back', `no grant within ${this.recoveryMs} ms after all was healed`)
  }

  /** Sessions of those that crashed are over by then; the others hold nothing. */
  async #audit(play: Play): Promise<void> {
    const { cluster } = this
    await cluster.run(async () => cluster.sleep(SESSION_MS + 3 * TICK_MS))
    const orphans = play.paths.flatMap((path) => this.#view.below(path).map((node) => node.path))
    if (orphans.length > 0) this.violate('no orphans', orphans.join(', '))
    const watches = cluster.server.control.watchCounts()
    if (watches.data + watches.children > 0) this.violate('no watches are left', JSON.stringify(watches))
    for (const { clients } of cluster.processes)
      for (const client of clients)
        if (Janitor.of(client).pending > 0)
          this.violate('no delete is owed', String(Janitor.of(client).pending))
    if (this.#violations.length > 0) return
    const leftovers = await cluster.close()
    if (Object.values(leftovers).some((count: number) => count > 0))
      this.violate('nothing is left', JSON.stringify(leftovers))
  }
}

function taskOf(process: SimulatedProcess, zk: Client, index: number, shared: Map<string, unknown>): Task {
  const random: Random = seededRandom(Math.floor(process.random.next() * 4_294_967_296))
  return {
    process,
    zk,
    index,
    random,
    below: (limit) => Math.floor(random.next() * limit),
    once<T>(name: string, make: () => T): T {
      if (!shared.has(name)) shared.set(name, make())
      return shared.get(name) as T
    },
  }
}
