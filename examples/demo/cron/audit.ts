/** Judges the cron runs from what the workers wrote down. Pure. No due time twice, and one leader after the other. */
import type { RunEntry } from './task.js'

export interface CronAudit {
  readonly runs: number
  /** The workers, in the order in which they ran it. */
  readonly leaders: readonly number[]
  /** Seconds between the first run and the last that have none: nobody led. */
  readonly skipped: number
  readonly problems: readonly string[]
}

export function auditRuns(journal: readonly RunEntry[]): CronAudit {
  const problems: string[] = []
  const leaders: number[] = []
  const due = new Set<number>()
  let before: RunEntry | undefined
  for (const run of journal) {
    const at = new Date(run.dueMs).toISOString()
    if (due.has(run.dueMs)) problems.push(`what was due at ${at} ran twice`)
    due.add(run.dueMs)
    if (before !== undefined && run.dueMs < before.dueMs)
      problems.push(`the run of ${at} came after a later one`)
    if (before !== undefined && BigInt(run.fence) < BigInt(before.fence))
      problems.push(`worker ${run.worker} ran under token ${run.fence}, after ${before.fence}`)
    if (run.worker !== before?.worker) leaders.push(run.worker)
    before = run
  }
  if (new Set(leaders).size !== leaders.length)
    problems.push(`it changed hands to and fro: ${leaders.join(', ')}`)
  const spanMs = (before?.dueMs ?? 0) - (journal[0]?.dueMs ?? 0)
  return { runs: journal.length, leaders, skipped: Math.round(spanMs / 1000) + 1 - due.size, problems }
}
