/**
 * Every addition is applied once if its caller was told so, never if the caller was refused, and once at most if nobody
 * knows. The sums that callers are told, and what is read, are those of one order of all additions.
 *
 * The truth are the server's transactions. Amounts are told apart: each is there once, and those of a process's second task
 * are shifted above those of the first, as what both add at one time is written together. So each step from one number to
 * the next says whose additions it holds.
 *
 * Operations: `add` with the amount as value, `ok` with amount and sum; `read`, `ok` with the number.
 */
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import type { NodeChange } from 'latchkey/server'
import type { Checker, Stage } from './workload.js'

interface Addition {
  /** The numbers before and after the transaction that applied it. */
  applied?: { readonly before: bigint; readonly after: bigint }
  refused?: boolean
}

export class CounterChecker implements Checker {
  readonly #stage: Stage
  readonly #path: string
  readonly #shift: bigint
  /** By amount, until they are applied and told. */
  readonly #additions = new Map<bigint, Addition>()
  /** What reads that are under way may answer at least. */
  readonly #reads = new Map<number, bigint>()
  #number = 0n

  constructor(stage: Stage, path: string, shift: bigint) {
    this.#stage = stage
    this.#path = path
    this.#shift = shift
  }

  observe(event: SimulationEvent): void {
    if (event.source === 'server') {
      const { body } = event.transaction
      if (body.type === 'multi') for (const change of body.changes) this.#change(change)
      else if (body.type === 'create' || body.type === 'setData') this.#change(body)
    } else if (event.source === 'process') {
      if (event.operation === 'add') this.#add(event)
      else if (event.operation === 'read') this.#read(event)
    }
  }

  #change(change: NodeChange): void {
    if (change.path !== this.#path || (change.type !== 'create' && change.type !== 'setData')) return
    const before = this.#number
    const after = Buffer.from(change.data ?? []).readBigInt64BE()
    this.#number = after
    const step = after - before
    const low = step & ((1n << this.#shift) - 1n)
    for (const amount of [low, step - low]) if (amount !== 0n) this.#apply(amount, before, after)
  }

  #apply(amount: bigint, before: bigint, after: bigint): void {
    const addition = this.#additions.get(amount)
    const step = `${amount}, in the step from ${before} to ${after}`
    if (addition === undefined) this.#stage.violate('only what was asked for is added', step)
    else if (addition.applied !== undefined) this.#stage.violate('nothing is added twice', step)
    else if (addition.refused === true) this.#stage.violate('what was refused is not added', step)
    else addition.applied = { before, after }
  }

  #add({ type, value }: ProcessEvent): void {
    if (type === 'invoke') return void this.#additions.set(value as bigint, {})
    if (type === 'ok') {
      const [amount, sum] = value as [bigint, bigint]
      const applied = this.#additions.get(amount)?.applied
      if (applied === undefined) this.#stage.violate('what was told was added', String(amount))
      else if (sum !== applied.before + amount && sum !== applied.after)
        this.#stage.violate(
          'the sum is that of its place in the order',
          `${sum} after ${amount}, in the step from ${applied.before} to ${applied.after}`,
        )
      return
    }
    const addition = this.#additions.get(value as bigint)
    if (type !== 'fail' || addition === undefined) return
    addition.refused = true
    if (addition.applied !== undefined) this.#stage.violate('what was refused is not added', String(value))
  }

  #read({ type, id, value }: ProcessEvent): void {
    if (type === 'invoke') return void this.#reads.set(id, this.#number)
    const least = this.#reads.get(id) ?? 0n
    this.#reads.delete(id)
    const read = value as bigint
    if (read < least || read > this.#number)
      this.#stage.violate(
        'a read is as new as its call',
        `${read}, where ${least} was there when it was asked`,
      )
  }
}
