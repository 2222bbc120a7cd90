/** A counter that all processes add to: with and without markers, and with a mutex for those that lose too often. */
import { Counter, hasCode, type CounterOptions } from 'latchkey'
import type { RecordedOperation } from 'latchkey/testing'
import { CounterChecker } from '../counter-checker.js'
import type { Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/counters/simulated'
const LOCK_PATH = '/counters/lock'

/** Amounts of the second task lie above all that the first one ever adds. */
const SHIFT = 20n

class GivingUp extends Error {}

class CounterPlay implements Play {
  readonly paths = [PATH, LOCK_PATH]
  readonly counted = 'add'
  readonly znodesPerTask: number
  /** The marker. */
  readonly znodesPerProcess = 1
  readonly checkers: readonly CounterChecker[]
  readonly #options: CounterOptions
  readonly #stage: Stage
  #adds = 0n

  constructor(stage: Stage, options: CounterOptions) {
    this.#stage = stage
    this.#options = options
    this.znodesPerTask = options.lockPath === undefined ? 0 : 1
    this.checkers = [new CounterChecker(stage, PATH, SHIFT)]
  }

  async turn(task: Task): Promise<void> {
    const { process, below } = task
    const what = below(8)
    if (what === 0) await this.#read(task)
    else if (what === 1) await this.#compareAndSet(task)
    else await this.#add(task)
    // So that faults meet few: in a run of the same number of additions there are more of them.
    if (below(2) === 0) await process.sleep(below(600))
    // Long enough for the marker to be taken away for idleness.
    if (below(400) === 0) await process.sleep(6_000)
  }

  #counter({ zk, once }: Task): Counter {
    return once('counter', () => new Counter(zk, PATH, this.#options))
  }

  /** Each amount is there once in a run, so that the server's numbers tell what was added. */
  #amount({ index }: Task): bigint {
    this.#adds++
    return index === 0 ? this.#adds : this.#adds << SHIFT
  }

  async #add(task: Task): Promise<void> {
    const amount = this.#amount(task)
    const operation = task.process.invoke('add', amount)
    const pick = task.below(12)
    const abort = new AbortController()
    const timer =
      pick === 0
        ? task.process.runtime.clock.setTimer(task.below(30), () => abort.abort(new GivingUp('enough')))
        : undefined
    const limits = pick === 1 ? { timeoutMs: 1 + task.below(200) } : { signal: abort.signal }
    const counter = this.#counter(task)
    const adding = pick < 6 ? counter.add(amount, limits) : counter.update((now) => now + amount, limits)
    try {
      operation.ok([amount, await adding])
    } catch (error) {
      this.#failed(operation, amount, error)
    } finally {
      timer?.cancel()
    }
  }

  #failed(operation: RecordedOperation, amount: bigint, error: unknown): void {
    if (error instanceof GivingUp) return operation.info(amount)
    if (!hasCode(error, 'CONNECTION_LOSS', 'TIMEOUT')) throw error
    if (error.outcome === 'unknown') operation.info(amount)
    else operation.fail(amount)
  }

  async #compareAndSet(task: Task): Promise<void> {
    const amount = this.#amount(task)
    const counter = this.#counter(task)
    const before = await counter.get()
    const operation = task.process.invoke('add', amount)
    try {
      if (await counter.compareAndSet(before, before + amount)) operation.ok([amount, before + amount])
      else operation.fail(amount)
    } catch (error) {
      this.#failed(operation, amount, error)
    }
  }

  async #read(task: Task): Promise<void> {
    const operation = task.process.invoke('read')
    operation.ok(await this.#counter(task).get())
  }

  async finish(task: Task): Promise<void> {
    await this.#read(task)
    await this.#counter(task).close()
    if (this.#adds >= 1n << SHIFT) this.#stage.violate('amounts are told apart', `${this.#adds} additions`)
  }
}

function counterWith(name: string, faultEveryMs: number, options: CounterOptions): Workload {
  return { name, faultEveryMs, begin: (stage) => new CounterPlay(stage, options) }
}

export const counter = counterWith('counter', 350, {})
export const counterWithoutMarkers = counterWith('counter-value', 200, { lostReplies: 'value' })
export const counterWithLock = counterWith('counter-lock', 350, { lockPath: LOCK_PATH })
