/**
 * What happened, in order, on the cluster's one clock: what processes tell of themselves, what the server applied, which
 * faults struck. Two runs are the same if their hashes are.
 */
import type { Transaction } from '../../server/index.js'
import type { SimulatedFault } from './faults.js'

/** An operation of a process: `invoke`, then `ok`, `fail` (it has not happened) or `info` (nobody knows). */
export interface ProcessEvent {
  readonly source: 'process'
  /** On the cluster's monotonic clock, in milliseconds. */
  readonly atMs: number
  readonly process: string
  /** Counts its restarts. */
  readonly life: number
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  /** What is done, in the words of whoever records it. */
  readonly operation: string
  /** Numbers the operations of a run; that of the `invoke`. */
  readonly id: number
  readonly value: unknown
}

export interface ServerEvent {
  readonly source: 'server'
  readonly atMs: number
  readonly transaction: Transaction
}

/** A fault begins, or is over. */
export interface FaultEvent {
  readonly source: 'fault'
  readonly atMs: number
  readonly fault: SimulatedFault
  readonly phase: 'begin' | 'end'
}

export type SimulationEvent = ProcessEvent | ServerEvent | FaultEvent

/** Two 32-bit lanes over the UTF-16 code units; no secret depends on it. */
class Digest {
  #high = 0xdeadbeef | 0
  #low = 0x41c6ce57 | 0

  number(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 2_654_435_761)
    this.#low = Math.imul(this.#low ^ value, 1_597_334_677)
    this.#high ^= this.#low >>> 13
  }

  /** With its fraction, as far as the clock has one. */
  time(ms: number): void {
    const units = ms * 1024
    this.number(units | 0)
    this.number((units / 4_294_967_296) | 0)
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.number(value.charCodeAt(i))
    this.number(value.length)
  }

  /** Whatever JSON can say, and bigints. */
  value(value: unknown): void {
    if (typeof value === 'number') this.time(value)
    else if (typeof value === 'bigint') this.text(value.toString(36))
    else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        this.text(key)
        this.value(member)
      }
    } else this.text(String(value))
  }

  get hex(): string {
    const part = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0')
    return part(this.#high) + part(this.#low)
  }
}

export class History {
  readonly #digest = new Digest()
  readonly #listeners = new Set<(event: SimulationEvent) => void>()
  readonly #kept: SimulationEvent[] | undefined
  #length = 0

  /** @param keep - all events, for {@link events}. Without, only their hash is. */
  constructor(keep: boolean) {
    this.#kept = keep ? [] : undefined
  }

  /** All, if they are kept. */
  get events(): readonly SimulationEvent[] {
    return this.#kept ?? []
  }

  get length(): number {
    return this.#length
  }

  /** Of all events so far. */
  get hash(): string {
    return this.#digest.hex
  }

  /** Calls `listener` with each event from now on. Returns the way to stop. */
  on(listener: (event: SimulationEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** @internal */
  add(event: SimulationEvent): void {
    this.#length++
    this.#hash(event)
    this.#kept?.push(event)
    for (const listener of this.#listeners) listener(event)
  }

  #hash(event: SimulationEvent): void {
    const digest = this.#digest
    digest.time(event.atMs)
    if (event.source === 'process') {
      digest.text(event.process)
      digest.text(event.type)
      digest.text(event.operation)
      digest.number(event.id)
      if (event.value !== undefined) digest.value(event.value)
    } else if (event.source === 'server') {
      const { zxid, session, body } = event.transaction
      digest.text(body.type)
      digest.number(Number(zxid & 0xffff_ffffn))
      digest.number(Number(session & 0xffff_ffffn))
      if ('path' in body) digest.text(body.path)
    } else {
      digest.text(event.fault.kind)
      digest.text(event.phase)
    }
  }
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

/** As JSON lines. Data of znodes is left out. */
export function historyLine(event: SimulationEvent): string {
  return JSON.stringify(event, (key, value: unknown) => (key === 'data' ? undefined : plain(key, value)))
}
