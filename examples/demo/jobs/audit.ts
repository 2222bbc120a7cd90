/**
 * Judges the job queue from what the workers wrote down. Pure. At least once: every job is done, and a job is begun a
 * second time only if the kill cut it off.
 */
import type { JobEntry } from './jobs.js'

export interface JobAudit {
  readonly done: number
  /** Jobs that were done more than once. */
  readonly duplicates: number
  /** Jobs that the killed worker had begun and not acknowledged, as far as others began them again. */
  readonly returned: readonly number[]
  readonly problems: readonly string[]
}

/** @param killed - the number of the worker that was killed. */
export function auditJobs(journal: readonly JobEntry[], total: number, killed: number): JobAudit {
  const problems: string[] = []
  const returned: number[] = []
  let done = 0
  let duplicates = 0
  for (let job = 1; job <= total; job++) {
    const entries = journal.filter((entry) => entry.job === job)
    const begun = entries.filter(({ kind }) => kind === 'begun')
    const ends = entries.filter(({ kind }) => kind === 'done').length
    if (ends > 0) done++
    else problems.push(`job ${job} was never done`)
    if (ends > 1) duplicates++
    if (begun.length <= 1) continue
    returned.push(job)
    if (begun[0]?.worker !== killed || begun.length > 2)
      problems.push(`job ${job} was begun by workers ${begun.map(({ worker }) => worker).join(', ')}`)
  }
  return { done, duplicates, returned, problems }
}
