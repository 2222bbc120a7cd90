/** A worker's part: schedules the task, as all do; it runs in the one that leads. */
import { once } from 'node:events'
import { LeaderCron } from 'latchkey'
import { append } from '../journal.js'
import { nowUs } from '../messages.js'
import type { Part } from '../worker.js'
import { cronPathOf, EVERY_SECOND, runJournalOf, type RunEntry } from './task.js'

export async function work({ zk, post, signal, tell }: Part): Promise<void> {
  const { worker } = post
  await using cron = new LeaderCron(zk, cronPathOf(post.root), { id: `worker ${worker}` })
  cron.schedule(EVERY_SECOND, (run) => {
    const dueMs = run.due.getTime()
    const entry: RunEntry = { worker, dueMs, fence: run.fencingToken.toString() }
    append(runJournalOf(post.folder), entry)
    tell({ kind: 'ran', dueMs, atUs: nowUs() })
  })
  await cron.start()
  if (!signal.aborted) await once(signal, 'abort')
}
