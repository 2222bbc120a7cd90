/**
 * A counter in a plain file, which nothing protects: read, pause, write. Two processes that do it at once lose an
 * increment. Beside it a journal, one line when a turn begins and one when it ends, for the audit.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const PAUSE_MS = 2

/** A line of the journal. A turn without an end was cut off: its write may have happened or not. */
export type Entry =
  | {
      readonly kind: 'begin'
      readonly worker: number
      readonly fence: string
      readonly from: number
      readonly atUs: number
    }
  | {
      readonly kind: 'end'
      readonly worker: number
      readonly fence: string
      readonly to: number
      readonly atUs: number
    }

export function lockPathOf(root: string): string {
  return `${root}/lock`
}

export function filesOf(folder: string): { counterFile: string; journalFile: string } {
  return { counterFile: join(folder, 'counter'), journalFile: join(folder, 'lock-journal') }
}

export function readCounter(file: string): number {
  return Number(readFileSync(file, 'utf8'))
}

/** Replaces the file whole, so that a process killed in the middle leaves the old number or the new one. */
export function writeCounter(file: string, value: number): void {
  writeFileSync(`${file}.new`, String(value))
  renameSync(`${file}.new`, file)
}

/** The increment that only a lock makes safe. */
export async function increment(file: string, from: number): Promise<number> {
  await pause(PAUSE_MS)
  writeCounter(file, from + 1)
  return from + 1
}
