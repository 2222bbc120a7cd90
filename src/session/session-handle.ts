/** What callers see of one session, from its start to its end. */
import { inspect } from 'node:util'
import type { LostReason } from '../api/errors.js'
import type { Session } from '../api/zk.js'

export class SessionHandle implements Session {
  readonly id: bigint
  readonly generation: number
  readonly signal: AbortSignal
  #timeoutMs: number
  #endedBy: LostReason | undefined

  constructor(record: { id: bigint; generation: number; timeoutMs: number }, signal: AbortSignal) {
    this.id = record.id
    this.generation = record.generation
    this.#timeoutMs = record.timeoutMs
    this.signal = signal
  }

  get timeoutMs(): number {
    return this.#timeoutMs
  }

  /** Why it is over; undefined while it is not. Set before `signal` aborts. */
  get endedBy(): LostReason | undefined {
    return this.#endedBy
  }

  /** As ZooKeeper's own logs and tools write it. */
  get idHex(): string {
    return `0x${BigInt.asUintN(64, this.id).toString(16)}`
  }

  renegotiated(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs
  }

  end(reason: LostReason): void {
    this.#endedBy = reason
  }

  toJSON(): object {
    return { id: this.idHex, generation: this.generation, timeoutMs: this.#timeoutMs }
  }

  [inspect.custom](): object {
    return this.toJSON()
  }
}
