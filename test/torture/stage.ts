/**
 * What a run disturbs: three real servers, worker processes, each client of a worker behind proxies of its own, and the
 * fenced store. It ends only what it started, also when this process is killed (see src/testing/watchdog.ts).
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '../../src/index.js'
import { seededRandom, type Random } from '../../src/runtime/random.js'
import { TestEnsemble, type ProxiedEnsemble } from '../../src/testing/index.js'
import { Watchdog } from '../../src/testing/watchdog.js'
import { HistoryWriter } from './history.js'
import type { TortureOptions } from './options.js'
import { WorkerProcess } from './worker-process.js'

export const TICK_MS = 300
/** So long a follower that is cut off serves on: less than a session lasts. */
export const SYNC_LIMIT_TICKS = 5
export const MAX_BACK_OFF_MS = 500
const ROOT = '/torture'

export interface Staff {
  readonly worker: WorkerProcess
  /** One a client. */
  readonly ways: readonly ProxiedEnsemble[]
}

export class Stage implements AsyncDisposable {
  readonly options: TortureOptions
  readonly ensemble: TestEnsemble
  readonly root = ROOT
  /** Where the histories are. */
  readonly folder: string
  readonly history: HistoryWriter
  readonly staff: Staff[] = []
  /** By what has gone with its proxies. */
  readonly proxyFaults: Record<string, number> = {}
  /** Signals that processes were sent, so far. */
  processFaults = 0
  readonly #random: Random
  readonly #watchdog: Watchdog
  readonly #store: ChildProcess
  readonly #storeSocket: string
  /** Of workers that are gone. */
  #grants = 0
  #isOver = false
  #spawned = 0

  private constructor(options: TortureOptions, ensemble: TestEnsemble, folder: string) {
    this.options = options
    this.ensemble = ensemble
    this.folder = folder
    this.history = new HistoryWriter(folder, 'nemesis')
    this.#random = seededRandom(options.seed)
    this.#watchdog = new Watchdog()
    this.#watchdog.keep('directory', folder)
    this.#storeSocket = join(folder, 'store.socket')
    const program = fileURLToPath(new URL('./fenced-store.ts', import.meta.url))
    this.#store = fork(program, [this.#storeSocket, folder], { execArgv: ['--import', 'tsx'] })
    if (this.#store.pid !== undefined) this.#watchdog.keep('process', this.#store.pid)
  }

  static async start(options: TortureOptions): Promise<Stage> {
    const ensemble = await TestEnsemble.start({
      engine: options.engine,
      tickTimeMs: TICK_MS,
      // To the disk of a test machine nothing is promised that these faults could break: no server loses its memory.
      forceSync: false,
      cuttable: options.engine === 'java',
      settings: { syncLimit: SYNC_LIMIT_TICKS, initLimit: 20 },
    })
    const stage = new Stage(options, ensemble, mkdtempSync(join(tmpdir(), 'latchkey-torture-')))
    try {
      await new Promise<void>((resolve, reject) => {
        stage.#store.once('message', () => resolve())
        stage.#store.once('exit', () => reject(new Error('the fenced store ended')))
      })
      await stage.#makeRoots()
    } catch (error) {
      await stage[Symbol.asyncDispose]()
      throw error
    }
    return stage
  }

  /** A new worker, in place of none: what it is called and does follows from the seed. */
  async spawn(): Promise<void> {
    const { clients, tasks, recipes, sessionTimeoutMs } = this.options
    const number = ++this.#spawned
    const seed = Math.floor(this.#random.next() * 1e9)
    const ways = await Promise.all(
      Array.from({ length: clients }, async (_, index) => this.ensemble.proxied({ seed: seed + 10 * index })),
    )
    const worker = new WorkerProcess(
      {
        name: `w${number}`,
        connectStrings: ways.map(({ connectString }) => connectString),
        tasksPerClient: tasks,
        recipes,
        root: ROOT,
        seed,
        sessionTimeoutMs,
        maxBackOffMs: MAX_BACK_OFF_MS,
        history: this.folder,
        store: this.#storeSocket,
      },
      this.#watchdog,
    )
    this.staff.push({ worker, ways })
    if (this.#isOver) await this.#dismissAll()
  }

  /** It is gone: its proxies go too. */
  async dismiss(member: Staff): Promise<void> {
    const index = this.staff.indexOf(member)
    // Dismissed already: -1 would take the last one away, and its proxies would listen for ever.
    if (index < 0) return
    this.staff.splice(index, 1)
    this.#grants += member.worker.grants
    for (const way of member.ways) {
      for (const { stats } of way.proxies)
        for (const [kind, count] of Object.entries(stats.faults))
          this.proxyFaults[kind] = (this.proxyFaults[kind] ?? 0) + count
      await way[Symbol.asyncDispose]()
    }
  }

  /** By itself: nothing more can be granted, and nothing is shown. */
  get storeEnded(): boolean {
    return this.#store.exitCode !== null || this.#store.signalCode !== null
  }

  /** So far. */
  get grants(): number {
    return this.staff.reduce((sum, { worker }) => sum + worker.grants, this.#grants)
  }

  async lostUpdates(): Promise<number> {
    return new Promise((resolve) => {
      this.#store.once('message', (message: { lostUpdates: number }) => resolve(message.lostUpdates))
      this.#store.send({})
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#dismissAll()
    this.#store.kill('SIGKILL')
    await this.ensemble[Symbol.asyncDispose]()
    this.history.close()
    this.#watchdog.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  async #dismissAll(): Promise<void> {
    for (const member of [...this.staff]) {
      await member.worker.kill()
      await this.dismiss(member)
    }
  }

  async #makeRoots(): Promise<void> {
    await using zk = await connect(this.ensemble.connectString)
    await zk.ensurePath(ROOT)
  }
}
