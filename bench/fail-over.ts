/**
 * How long nobody leads once the process of the leader is killed. One leads, one stands by, each a process with a session of
 * its own; the leader gets SIGKILL at a moment of no choice in its heartbeat, and the time runs until the other says that it leads. Then that
 * one leads, and a new one stands by.
 */
import { connect, type Client } from 'latchkey'
import { setTimeout as sleep } from 'node:timers/promises'
import { headerOf, loadNow } from './header.js'
import { DisposableList } from './disposable-list.js'
import { launchesFor } from './launches.js'
import type { BenchOptions } from './options.js'
import { PeerProcess } from './peer-process.js'
import { timedOnce, type Run } from './records.js'
import { makeRoot } from './root.js'
import { interleaved } from './run.js'
import type { Launch } from './subjects/subject.js'
import { firstServer, startTarget } from './target.js'

/** Two ticks of 2,000 ms, the shortest that servers allow by default. */
export const SESSION_TIMEOUT_MS = 4_000

export async function runFailOver(options: BenchOptions): Promise<Run> {
  const load = loadNow()
  await using target = await startTarget(options)
  await using root = await makeRoot(target.connectString)
  await using zk = await connect(target.connectString)
  await using stack = new DisposableList()
  const { able, versions, missing } = await launchesFor('fail-over', options)
  const houses = able.map(({ subject, launch }, index) => ({
    subject: subject.name,
    house: stack.add(new House(zk, launch, firstServer(target), root.path, `election-${index}`)),
  }))
  const samples = await interleaved('fail-over', houses, options, async ({ subject, house }, round) =>
    timedOnce('fail-over', subject, round, await house.fall()),
  )
  const header = await headerOf(options, { servers: target.description, versions, missing, load })
  return { header, samples, gaps: [], counts: [], weights: [] }
}

/** A leader and its successors. */
class House implements AsyncDisposable {
  readonly #zk: Client
  readonly #start: () => Promise<PeerProcess>
  readonly #root: string
  readonly #name: string
  #leader: PeerProcess | undefined

  constructor(zk: Client, launch: Launch, server: string, root: string, name: string) {
    this.#zk = zk
    this.#start = async () => PeerProcess.start(launch, server, root)
    this.#root = root
    this.#name = name
  }

  /** Milliseconds from the leader's death until the next one says that it leads. */
  async fall(): Promise<number> {
    const leader = this.#leader ?? (await this.#enthrone())
    const next = await this.#start()
    next.tell(this.#line)
    await this.#standing(2)
    // At no fixed place between two heartbeats, and well after the next one's watch was set.
    await sleep(500 + Math.random() * SESSION_TIMEOUT_MS)
    const start = performance.now()
    leader.kill()
    await next.next()
    this.#leader = next
    return performance.now() - start
  }

  get #line(): string {
    return `lead ${SESSION_TIMEOUT_MS} 1 ${this.#name}`
  }

  async #enthrone(): Promise<PeerProcess> {
    const first = await this.#start()
    this.#leader = first
    await first.ask(this.#line)
    return first
  }

  /** Each subject has its own way to name the path of its election. */
  async #standing(count: number): Promise<void> {
    const paths = ['', 'curator-', 'kazoo-'].map((prefix) => `${this.#root}/${prefix}${this.#name}`)
    const children = async (path: string): Promise<number> =>
      this.#zk.children(path).then(
        ({ children: names }) => names.length,
        () => 0,
      )
    for (;;) {
      const all = await Promise.all(paths.map(children))
      if (Math.max(...all) >= count) return
      await sleep(20)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leader?.kill()
    return Promise.resolve()
  }
}
