/**
 * Three tracks of faults at once (servers, workers, network), each one after the other by the seed, with calm phases in
 * which everything heals and is seen to work.
 */
import { sleep } from '../../../src/runtime/abort.js'
import { systemClock } from '../../../src/runtime/clock.js'
import { seededRandom, type Random } from '../../../src/runtime/random.js'
import { now } from '../history.js'
import type { Stage } from '../stage.js'
import { pickWeighted, type Fault, type Turn } from './fault.js'
import { networkFaults, sprinkle } from './network-faults.js'
import { partition, serverFaults } from './server-faults.js'
import { workerFaults } from './worker-faults.js'

const STORM_MS = 15_000
const CALM_MS = 10_000

/** How long a track rests between two faults. */
const RESTS: Readonly<Record<Fault['track'], readonly [number, number]>> = {
  server: [1_000, 2_500],
  worker: [200, 1_200],
  network: [100, 800],
}

/** By track. Links between servers are cut by Java's engine only. */
export function faultsOf(engine: 'java' | 'docker'): readonly (readonly Fault[])[] {
  return [engine === 'java' ? [...serverFaults, partition] : serverFaults, workerFaults, networkFaults]
}

export class Nemesis {
  readonly #stage: Stage
  readonly #end: AbortSignal
  readonly #tracks: readonly (readonly Fault[])[]

  constructor(stage: Stage, end: AbortSignal) {
    this.#stage = stage
    this.#end = end
    this.#tracks = faultsOf(stage.options.engine)
  }

  /** Until the run ends; then everything is healed. */
  async rage(): Promise<void> {
    const { seed } = this.#stage.options
    const randoms = this.#tracks.map((_, index) => seededRandom(seed + 7_919 * (index + 1)))
    while (!this.#end.aborted) {
      const storm = AbortSignal.any([this.#end, AbortSignal.timeout(STORM_MS)])
      sprinkle(this.#stage.staff.flatMap(({ ways }) => ways.flatMap(({ proxies }) => proxies)))
      await Promise.all(
        this.#tracks.map(async (faults, index) => this.#track(faults, randoms[index] as Random, storm)),
      )
      await this.#healAll('a storm')
      await quietSleep(CALM_MS, this.#end)
    }
  }

  async #track(faults: readonly Fault[], random: Random, storm: AbortSignal): Promise<void> {
    const stage = this.#stage
    const turn: Turn = {
      stage,
      random,
      pause: async (fromMs, toMs = fromMs) => quietSleep(fromMs + random.next() * (toMs - fromMs), this.#end),
    }
    const [{ track } = { track: 'server' as const }] = faults
    while (!storm.aborted) {
      const fault = pickWeighted(random, faults)
      const t = now()
      const on = await fault.run(turn)
      if (on !== undefined) {
        stage.history.write({ e: 'fault', t, to: now(), track, kind: fault.kind, on })
        stage.processFaults += fault.processes
      }
      if (track === 'server') await this.#healed(fault.kind)
      const [from, to] = RESTS[track]
      await quietSleep(from + random.next() * (to - from), storm)
    }
  }

  async #healed(after: string): Promise<void> {
    await this.#stage.ensemble.waitForQuorum({ timeoutMs: 60_000 })
    this.#stage.history.write({ e: 'healed', t: now(), after })
  }

  async #healAll(after: string): Promise<void> {
    for (const { worker, ways } of this.#stage.staff) {
      if (worker.isPaused) worker.resume()
      for (const way of ways) await way.heal()
    }
    await this.#healed(after)
  }
}

/** Resolves also when it is cut short. */
async function quietSleep(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(systemClock, ms, signal).catch(() => undefined)
}
