/** The demo's cron task: due every second, and it writes down that it ran. */
import { join } from 'node:path'

export const EVERY_SECOND = '* * * * * *'

/** A line of the journal: one run. */
export interface RunEntry {
  readonly worker: number
  /** The time that the run is for, since the epoch. */
  readonly dueMs: number
  readonly fence: string
}

export function cronPathOf(root: string): string {
  return `${root}/cron`
}

export function runJournalOf(folder: string): string {
  return join(folder, 'run-journal')
}
