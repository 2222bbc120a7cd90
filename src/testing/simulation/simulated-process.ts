/**
 * One life of a simulated process: the real client on a clock, a network and a source of chance that are its own, so that
 * it can be stopped, cut off and killed like a process on a machine of its own. What it waits for must come by
 * {@link sleep} or from its clients: then nothing of it runs on when it is stalled, or ever again when it is dead.
 */
import type { Client, ConnectOptions, Random, Runtime } from '../../index.js'
import { connect } from '../../index.js'
import { sleep } from '../../runtime/abort.js'
import type { MemoryHost } from '../../transport/memory.js'
import type { History } from './history.js'
import type { ProcessClock, ThawOrder } from './process-clock.js'

/** What a life is given. */
export interface ProcessSetting {
  readonly name: string
  readonly life: number
  readonly clock: ProcessClock
  readonly random: Random
  readonly host: MemoryHost
  readonly isCutOff: () => boolean
  readonly connectString: string
  readonly sessionTimeoutMs: number
  readonly history: History
  /** The cluster's, for the history. */
  readonly now: () => number
  readonly nextId: () => number
}

/** An operation that has been invoked; one of its methods says how it ended. */
export interface RecordedOperation {
  readonly id: number
  ok(value?: unknown): void
  /** It has certainly not happened. */
  fail(value?: unknown): void
  /** Something about it, or nobody knows how it ended. */
  info(value?: unknown): void
}

export class SimulatedProcess {
  readonly name: string
  /** 1, and one more after each crash. */
  readonly life: number
  /** Time and chance of this process. Whatever waits must wait on this clock. */
  readonly runtime: Runtime
  readonly #setting: ProcessSetting
  readonly #clients: Client[] = []
  #stalls = 0
  #stallsSoFar = 0
  #isDead = false

  /** @internal */
  constructor(setting: ProcessSetting) {
    this.#setting = setting
    this.name = setting.name
    this.life = setting.life
    this.runtime = { clock: setting.clock, random: setting.random }
  }

  get random(): Random {
    return this.runtime.random
  }

  get state(): 'running' | 'stalled' | 'dead' {
    if (this.#isDead) return 'dead'
    return this.#stalls > 0 ? 'stalled' : 'running'
  }

  /** A partition is between it and the server, in one direction or both. It can't know, but a test may. */
  get isCutOff(): boolean {
    return this.#setting.isCutOff()
  }

  /** How often it has been stalled: what took too long between two equal readings was not the stall. */
  get stallCount(): number {
    return this.#stallsSoFar
  }

  /** Those that it has made and not closed. */
  get clients(): readonly Client[] {
    return this.#clients.filter(({ state }) => state !== 'closed')
  }

  /** Timers that it has armed: a leak check. */
  get pendingTimers(): number {
    return this.#setting.clock.pending
  }

  /**
   * Connects a real client to the simulated server; waits as long as it takes.
   *
   * @param options - as of `connect`; time, chance and network are the process's own.
   */
  async connect(options: ConnectOptions = {}): Promise<Client> {
    const { host: transport, connectString, sessionTimeoutMs } = this.#setting
    const { runtime } = this
    const client = await connect(connectString, {
      timeoutMs: Infinity,
      sessionTimeoutMs,
      ...options,
      runtime,
      transport,
    })
    this.#clients.push(client)
    return client
  }

  /** Waits on this process's clock. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await sleep(this.#setting.clock, ms, signal)
  }

  /** Writes into the history that an operation begins. */
  invoke(operation: string, value?: unknown): RecordedOperation {
    const id = this.#setting.nextId()
    this.#record('invoke', operation, id, value)
    return {
      id,
      ok: (result) => this.#record('ok', operation, id, result),
      fail: (result) => this.#record('fail', operation, id, result),
      info: (result) => this.#record('info', operation, id, result),
    }
  }

  #record(type: 'invoke' | 'ok' | 'fail' | 'info', operation: string, id: number, value: unknown): void {
    if (this.#isDead) return
    const { history, now, name, life } = this.#setting
    history.add({ source: 'process', atMs: now(), process: name, life, type, operation, id, value })
  }

  // What the cluster does to it.

  /** @internal Stands still until the function that it gives is called. */
  stall(order: ThawOrder): () => void {
    this.#stalls++
    this.#stallsSoFar++
    this.#setting.clock.freeze()
    return () => {
      if (--this.#stalls === 0) this.#setting.clock.thaw(order)
    }
  }

  /** @internal Its connections are reset from outside. */
  reset(): void {
    this.#setting.host.reset()
  }

  /** @internal */
  stepWall(ms: number): void {
    this.#setting.clock.stepWall(ms)
  }

  /** @internal Never runs again. */
  kill(silent: boolean): void {
    this.#isDead = true
    this.#setting.clock.kill()
    if (silent) this.#setting.host.vanish()
    else this.#setting.host.kill()
  }
}
