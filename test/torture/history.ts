/**
 * What happened in a run, as JSON lines on one clock: CLOCK_MONOTONIC, which all processes of a machine share. Times
 * are in microseconds. Each process writes a file of its own, each line by one write, so that what a process did before
 * it was killed is there.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** One path of what was acquired, and how much of it. Two holders are too many if their shares exceed `capacity`. */
export interface Claim {
  readonly path: string
  readonly share: number
  readonly capacity: number
  /** As text: the fencing token. Left out where grants have no order (a semaphore's). */
  readonly token?: string
}

export type HistoryEvent =
  /** A worker's event loop came to life. */
  | { readonly e: 'begin'; readonly t: number; readonly w: string }
  | { readonly e: 'ask'; readonly t: number; readonly id: string; readonly w: string; readonly r: string }
  | {
      readonly e: 'grant'
      readonly t: number
      readonly id: string
      readonly w: string
      readonly r: string
      /** Of the session that holds. */
      readonly s: string
      readonly claims: readonly Claim[]
    }
  /** The holder stops believing: it is about to release, or it was told of its loss. */
  | { readonly e: 'end'; readonly t: number; readonly id: string; readonly how: 'release' | 'lost' }
  /** An acquire or a release that failed. */
  | {
      readonly e: 'fail'
      readonly t: number
      readonly id: string
      readonly code: string
      readonly text?: string
    }
  /** The event loop stood still. */
  | { readonly e: 'stall'; readonly t: number; readonly from: number; readonly w: string }
  /** What a recipe asked a server to do to `path`: an item put or acknowledged, an amount added. */
  | {
      readonly e: 'try'
      readonly t: number
      readonly id: string
      readonly what: string
      readonly path: string
    }
  /** How that ended. A try without this may have been done or not; so may one that is `unknown`. */
  | {
      readonly e: 'did'
      readonly t: number
      readonly id: string
      readonly outcome: 'ok' | 'no' | 'unknown'
      /** The sum that was answered. */
      readonly value?: string
    }
  | { readonly e: 'done'; readonly t: number; readonly id: string }
  /** The answer of the fenced store. */
  | { readonly e: 'fence'; readonly t: number; readonly id: string; readonly ok: boolean }
  /** By the fenced store itself. */
  | {
      readonly e: 'store'
      readonly t: number
      readonly path: string
      readonly token: string
      readonly ok: boolean
    }
  /** By the nemesis: `to` is when it was over. */
  | {
      readonly e: 'fault'
      readonly t: number
      readonly to: number
      readonly track: 'server' | 'worker' | 'network'
      readonly kind: string
      readonly on: string
    }
  /** By the nemesis, before it kills. */
  | { readonly e: 'killed'; readonly t: number; readonly w: string }
  /** By the nemesis: nothing is broken any more, and every server takes writes. */
  | { readonly e: 'healed'; readonly t: number; readonly after: string }
  | { readonly e: 'note'; readonly t: number; readonly text: string }

export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

export class HistoryWriter {
  readonly #file: number

  constructor(folder: string, name: string) {
    this.#file = openSync(join(folder, `${name}.jsonl`), 'a')
  }

  write(event: HistoryEvent): void {
    writeSync(this.#file, `${JSON.stringify(event)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** All events of all processes, in the order of time. A last line that was cut by a kill is left out. */
export function readHistory(folder: string): HistoryEvent[] {
  const events: HistoryEvent[] = []
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.jsonl'))) {
    const lines = readFileSync(join(folder, name), 'utf8').split('\n')
    lines.pop()
    for (const line of lines) events.push(JSON.parse(line) as HistoryEvent)
  }
  return events.sort((a, b) => a.t - b.t)
}
