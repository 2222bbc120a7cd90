/** A worker's part: two jobs at a time. */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'latchkey'
import { append } from '../journal.js'
import { nowUs } from '../messages.js'
import type { Part } from '../worker.js'
import { jobJournalOf, queueOf, type JobEntry, type JobItem } from './jobs.js'

const JOB_MS = 60

export async function work({ zk, post, signal, tell }: Part): Promise<void> {
  const { worker } = post
  const note = (entry: JobEntry): void => append(jobJournalOf(post.folder), entry)
  const runner = new Worker<JobItem>(
    queueOf(zk, post.root),
    async ({ number: job }, { attempt, signal: lost }) => {
      note({ kind: 'begun', worker, job, attempt })
      tell({ kind: 'job-begun', job, atUs: nowUs() })
      await pause(JOB_MS, undefined, { signal: lost })
      note({ kind: 'done', worker, job, attempt })
      tell({ kind: 'job-done', job, atUs: nowUs() })
    },
    { concurrency: 2 },
  )
  if (!signal.aborted) await once(signal, 'abort')
  await runner.stop()
}
