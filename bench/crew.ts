/**
 * The processes of one subject: one for most scenarios, several where they share the work, and for a queue those that
 * take as well. They are started when they are first needed, which is in a warm-up round.
 */
import { PeerProcess } from './peer-process.js'
import type { Scenario } from './scenarios.js'
import { median } from './statistics.js'
import type { Launch, Subject } from './subjects/subject.js'
import { firstServer, type Target } from './target.js'
import type { Measured } from './workloads.js'

export interface CrewSpec {
  readonly subject: Subject
  readonly launch: Launch
  readonly target: Target
  readonly root: string
}

/** Processes that are started side by side. */
const START_AT_ONCE = 8

let rounds = 0

export class Crew implements AsyncDisposable {
  readonly subject: Subject
  readonly target: Target
  readonly #spec: CrewSpec
  readonly #processes: PeerProcess[] = []
  readonly #warm = new Set<PeerProcess>()

  private constructor(spec: CrewSpec) {
    this.subject = spec.subject
    this.target = spec.target
    this.#spec = spec
  }

  /** Throws if the first process does not start. */
  static async start(spec: CrewSpec): Promise<Crew> {
    const crew = new Crew(spec)
    await crew.#first(1)
    return crew
  }

  async #first(count: number): Promise<PeerProcess[]> {
    const { launch, target, root } = this.#spec
    // All on one server: which one of an ensemble answers makes a difference.
    const start = async (): Promise<PeerProcess> => PeerProcess.start(launch, firstServer(target), root)
    while (this.#processes.length < count) {
      const some = Math.min(START_AT_ONCE, count - this.#processes.length)
      this.#processes.push(...(await Promise.all(Array.from({ length: some }, start))))
    }
    return this.#processes.slice(0, count)
  }

  /** Starts the processes that the scenario needs and that are not there yet. */
  async assemble({ processes = 1, consumers = 0, workload }: Scenario): Promise<void> {
    const all = await this.#first(processes + consumers)
    if (workload !== 'mutex-shared') return
    // Where many share one lock each does too little to become warm by that.
    const cold = all.filter((peer) => !this.#warm.has(peer))
    await Promise.all(cold.map(async (peer) => peer.run('mutex', 100, 4, `warm-up-${++rounds}`)))
    for (const peer of cold) this.#warm.add(peer)
  }

  async measure(scenario: Scenario, operations: number): Promise<Measured> {
    const { workload, inFlight, processes = 1, consumers = 0 } = scenario
    const peers = await this.#first(processes + consumers)
    const share = Math.ceil(operations / processes)
    const name = `round-${++rounds}`
    const work = async (what: string): Promise<Measured> => {
      const start = performance.now()
      const all = await Promise.all(
        peers.slice(0, processes).map(async (peer) => peer.run(what, share, inFlight, name)),
      )
      return together(all, performance.now() - start)
    }
    if (consumers === 0) return work(workload)
    return throughQueue(
      peers.slice(processes),
      share * processes,
      `queue-take 0 ${inFlight} ${name}`,
      async () => work('queue-put'),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#processes.map(async (peer) => peer[Symbol.asyncDispose]()))
  }
}

/** From the first put until the last item was acknowledged. */
async function throughQueue(
  consumers: readonly PeerProcess[],
  items: number,
  line: string,
  put: () => Promise<Measured>,
): Promise<Measured> {
  const acked = new Map<PeerProcess, number>()
  await Promise.all(consumers.map(async (peer) => peer.ask(line)))
  const start = performance.now()
  let endMs = 0
  const following = consumers.map(async (peer) => {
    for (let said = await peer.next(); ; said = await peer.next()) {
      if (said['stopped'] === true) return said
      // Threads that count at the same time may say it in another order.
      acked.set(peer, Math.max(acked.get(peer) ?? 0, Number(said['acked'])))
      const total = [...acked.values()].reduce((sum, count) => sum + count, 0)
      if (total < items || endMs > 0) continue
      endMs = performance.now() - start
      for (const each of consumers) each.tell('stop')
    }
  })
  const [measured, ...ends] = await Promise.all([put(), ...following])
  const total = ends.reduce((sum, said) => sum + Number(said['acked']), 0)
  if (total !== items) throw new Error(`${items} items were put, ${total} acknowledged`)
  const cpuMs = ends.reduce((sum, said) => sum + Number(said['cpuMs']), measured.cpuMs)
  return { ...measured, operations: items, elapsedMs: endMs, cpuMs }
}

function together(all: readonly Measured[], elapsedMs: number): Measured {
  const [only] = all
  if (all.length === 1 && only !== undefined) return only
  return {
    operations: all.reduce((sum, { operations }) => sum + operations, 0),
    elapsedMs,
    cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    p50Us: median(all.map(({ p50Us }) => p50Us)),
    p99Us: Math.max(...all.map(({ p99Us }) => p99Us)),
  }
}
