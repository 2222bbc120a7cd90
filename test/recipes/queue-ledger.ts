/** Plays of queues under faults, and the ledger that tells whether an item was lost, put twice, or came again. */
import { hasCode, Queue, type Delivery, type QueueOptions } from 'latchkey'
import { expect } from 'vitest'
import { EXPIRY_MS } from './cluster.js'
import type { Stage } from './fault-matrix.js'
import { drain, JOBS } from './queue-stage.js'

type Done = Pick<Delivery<string>, 'item'>

type Answer = 'yes' | 'no' | 'unknown'

/** What was asked for and what was answered, against what is on the server in the end. */
export class Ledger {
  readonly #put = new Map<string, Answer>()
  readonly #acked = new Map<string, Answer>()
  readonly #delivered: string[] = []
  readonly #atMostOnce: boolean

  constructor(options: QueueOptions<string>) {
    this.#atMostOnce = options.delivery === 'at-most-once'
  }

  async put(items: readonly string[], putting: Promise<unknown>): Promise<void> {
    const answer = await answerOf(putting)
    for (const item of items) this.#put.set(item, answer)
  }

  delivered({ item }: Done): void {
    this.#delivered.push(item)
  }

  async acked({ item }: Done, acking: Promise<void>): Promise<void> {
    const answer = await answerOf(acking)
    // Of several attempts at it the last word may not come last.
    if (this.#acked.get(item) !== 'yes') this.#acked.set(item, answer)
  }

  forget(item: string): void {
    this.#put.set(item, 'unknown')
  }

  isAcked(item: string): Answer {
    return this.#acked.get(item) ?? 'no'
  }

  /** Nothing lost, nothing put twice, nothing delivered again that was acknowledged. */
  check(left: readonly string[]): void {
    expect(new Set(left).size, `twice among ${left.join()}`).toBe(left.length)
    for (const item of left) {
      expect(this.#put.get(item), `${item} was put`).not.toBe('no')
      expect(this.isAcked(item), `${item} was acknowledged`).not.toBe('yes')
    }
    for (const [item, answer] of this.#put) {
      if (answer !== 'yes' || left.includes(item)) continue
      if (this.#atMostOnce && this.#delivered.includes(item)) continue
      expect(this.isAcked(item), `${item} is lost`).not.toBe('no')
    }
    if (this.#atMostOnce)
      for (const item of this.#delivered) expect(left, `${item} is delivered twice`).not.toContain(item)
  }
}

export async function answerOf(call: Promise<unknown>): Promise<Answer> {
  try {
    await call
    return 'yes'
  } catch (error) {
    if (hasCode(error, 'CONNECTION_LOSS', 'LOCK_LOST', 'TIMEOUT'))
      return error.outcome === 'unknown' ? 'unknown' : 'no'
    throw error
  }
}

export interface Parts extends Stage {
  readonly queue: Queue<string>
  readonly rival: Queue<string>
  readonly ledger: Ledger
}

const segmentItems = 4

/** @param format - of both queues; `options` are of the one whose requests are struck. */
export function scenario(
  play: (parts: Parts) => Promise<void>,
  options: QueueOptions<string> = {},
  format: Pick<QueueOptions<string>, 'dialect' | 'lockPath' | 'delivery'> = {},
) {
  return async (stage: Stage): Promise<void> => {
    const { cluster, zk, rivals } = stage
    const queue = new Queue<string>(zk, JOBS, { segmentItems, ...format, ...options })
    const rival = new Queue<string>(rivals[0], JOBS, { segmentItems, ...format })
    const ledger = new Ledger({ ...format, ...options })
    await play({ ...stage, queue, rival, ledger })
    // Sessions end, and what was put off falls due.
    await cluster.pass(EXPIRY_MS + 10_000)
    ledger.check(await cluster.until(drain(rival)))
  }
}

/** Takes one item and does something with it, until something is taken. */
export async function use(parts: Parts, how: (delivery: Delivery<string>) => Promise<void>): Promise<void> {
  const { cluster, queue, ledger } = parts
  const delivery = await cluster.until(queue.take())
  ledger.delivered(delivery)
  await cluster.until(ledger.acked(delivery, how(delivery)))
}

export const ack = async (delivery: Delivery<string>): Promise<void> => delivery.ack()

/** Not acknowledged, whatever it answers. */
export const without =
  (how: (delivery: Delivery<string>) => Promise<void>) =>
  async (delivery: Delivery<string>): Promise<void> => {
    const answer = await answerOf(how(delivery))
    expect(['yes', 'no', 'unknown']).toContain(answer)
    throw new NotAcked()
  }
class NotAcked extends Error {}

export function notAcked(error: unknown): void {
  if (!(error instanceof NotAcked)) throw error
}
