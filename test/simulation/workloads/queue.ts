/** Producers and consumers of a queue: items put, taken, acknowledged, given back, put off. */
import { hasCode, Queue, type Delivery } from 'latchkey'
import type { RecordedOperation } from 'latchkey/testing'
import { QueueChecker } from '../queue-checker.js'
import { QueueOrderChecker } from '../queue-order-checker.js'
import type { Checker, Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/jobs/simulated'
const OPTIONS = { segmentItems: 16, id: 'simulated' }

class QueuePlay implements Play {
  readonly paths = [`${PATH}/claims`, `${PATH}/waiting`]
  readonly counted = 'deliver'
  /** A claim and a place among those that wait, of one take, and one more that is being given back: four times. */
  readonly znodesPerTask = 12
  /** Its mark as a producer; and for some milliseconds claims on what is likely to be wanted next. */
  readonly znodesPerProcess = 5
  readonly checkers: readonly Checker[]
  #isDrained = false
  #items = 0

  constructor(stage: Stage) {
    this.checkers = [new QueueChecker(stage, `${PATH}/claims`), new QueueOrderChecker(stage, PATH)]
  }

  async turn(task: Task): Promise<void> {
    const queue = this.#queue(task)
    // Several at a time are a pack, unless others come in between.
    const several = Array(task.below(3) === 0 ? 2 + task.below(3) : 1).keys()
    const isPut = task.below(2) === 0
    const calls = Array.from(several, async () =>
      isPut ? this.#put(task, queue) : this.#takeAndUse(task, queue),
    )
    // None of them goes on when the turn is over.
    for (const end of await Promise.allSettled(calls)) if (end.status === 'rejected') throw end.reason
  }

  async #takeAndUse(task: Task, queue: Queue<string>): Promise<void> {
    const delivery = await this.#take(task, queue)
    if (delivery !== undefined) await this.#use(task, delivery)
  }

  #queue({ zk, once }: Task): Queue<string> {
    return once('queue', () => new Queue<string>(zk, PATH, OPTIONS))
  }

  async #put(task: Task, queue: Queue<string>): Promise<void> {
    const item = `i${this.#items++}`
    const operation = task.process.invoke('put', item)
    await settle(
      operation,
      item,
      queue.put(item, task.below(8) === 0 ? { timeoutMs: 1 + task.below(200) } : {}),
    )
  }

  async #take(task: Task, queue: Queue<string>): Promise<Delivery<string> | undefined> {
    const operation = task.process.invoke('deliver')
    try {
      const delivery =
        task.below(4) === 0 ? await queue.tryTake() : await queue.take({ timeoutMs: 1 + task.below(500) })
      if (delivery === undefined) operation.fail('empty')
      else operation.ok(delivery.item)
      return delivery
    } catch (error) {
      operation.fail('gave up')
      if (!hasCode(error, 'TIMEOUT')) throw error
      return undefined
    }
  }

  async #use(task: Task, delivery: Delivery<string>): Promise<void> {
    if (task.below(2) === 0) delivery.signal.throwIfAborted()
    if (task.below(3) === 0) await task.process.sleep(task.below(30))
    const what = task.below(8)
    if (what === 0) return quietly(delivery.nack())
    if (what === 1) return quietly(delivery.nack({ delayMs: task.below(100) }))
    await this.#ack(task, delivery)
  }

  async #ack({ process }: Task, delivery: Delivery<string>): Promise<void> {
    const value = `${delivery.item} ${delivery.id}`
    await settle(process.invoke('ack', value), value, delivery.ack())
  }

  /** All is healed: whoever comes first takes what is left, alone, and so in order. */
  async finish(task: Task): Promise<void> {
    if (this.#isDrained) return
    this.#isDrained = true
    const queue = new Queue<string>(task.zk, PATH, OPTIONS)
    task.process.invoke('drain').ok()
    // An item may be put off to a time that only a clock that was set wrong took for near.
    let pauseMs = 50
    while ((await queue.size()) > 0) {
      const operation = task.process.invoke('deliver')
      const delivery = await queue.tryTake()
      if (delivery === undefined) {
        operation.fail('empty')
        await task.process.sleep(pauseMs)
        pauseMs = Math.min(2 * pauseMs, 60_000)
        continue
      }
      pauseMs = 50
      operation.ok(delivery.item)
      await this.#ack(task, delivery)
    }
  }
}

async function settle(operation: RecordedOperation, value: string, call: Promise<void>): Promise<void> {
  try {
    await call
    operation.ok(value)
  } catch (error) {
    if (!hasCode(error, 'LOCK_LOST', 'CONNECTION_LOSS', 'TIMEOUT')) throw error
    if (error.outcome === 'unknown') operation.info(value)
    else operation.fail(value)
  }
}

async function quietly(call: Promise<void>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!hasCode(error, 'LOCK_LOST')) throw error
  }
}

export const queue: Workload = {
  name: 'queue',
  faultEveryMs: 100,
  begin: (stage) => new QueuePlay(stage),
}
