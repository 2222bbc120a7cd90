/** The jobs of the demo: each is a number, and doing it is writing it down. */
import { join } from 'node:path'
import { Queue, type Zk } from 'latchkey'

export interface JobItem {
  readonly number: number
}

/** A line of the journal. Begun and not done: cut off by the kill. */
export interface JobEntry {
  readonly kind: 'begun' | 'done'
  readonly worker: number
  readonly job: number
  /** From 1. */
  readonly attempt: number
}

export function queueOf(zk: Zk, root: string): Queue<JobItem> {
  return new Queue<JobItem>(zk, `${root}/jobs`)
}

export function jobJournalOf(folder: string): string {
  return join(folder, 'job-journal')
}
