/** The processes share a queue of jobs. One is killed in the middle of a job; another one does it again. */
import { PERSISTENT, seconds, type Act, type Stage } from '../act.js'
import type { Doing, Worker } from '../fleet.js'
import { readJournal } from '../journal.js'
import { nowUs } from '../messages.js'
import { showUntil } from '../progress.js'
import { auditJobs } from './audit.js'
import { jobJournalOf, queueOf, type JobEntry } from './jobs.js'

const JOBS = 120
/** So many are begun before the kill. */
const BEFORE_KILL = 40

interface Kill {
  readonly worker: Worker
  readonly job: number
  readonly atUs: number
}

/** Stops a worker that has just begun a job, and kills it if the job was not done by then. */
async function killAtWork({ fleet, folder, signal }: Stage): Promise<Kill> {
  for (;;) {
    const stop = ({ kind, worker }: Doing): void => {
      if (kind === 'job-begun') worker.process.kill('SIGSTOP')
    }
    fleet.once('deed', stop)
    const deed = await fleet.nextDeed(signal)
    if (deed.kind !== 'job-begun') continue
    const { worker, job } = deed
    const isDone = readJournal<JobEntry>(jobJournalOf(folder)).some(
      (each) => each.job === job && each.kind === 'done',
    )
    if (!isDone) {
      const atUs = nowUs()
      worker.kill()
      return { worker, job, atUs }
    }
    worker.process.kill('SIGCONT')
  }
}

export function jobsAct(stage: Stage): Act {
  const { zk, root, folder, fleet, signal } = stage
  const queue = queueOf(zk, root)
  const done = new Set<number>()
  let kill: Kill | undefined
  let doneAgainAfter = ''
  fleet.on('deed', (deed) => {
    if (deed.kind !== 'job-done') return
    done.add(deed.job)
    if (deed.job === kill?.job) doneAgainAfter = seconds(deed.atUs - kill.atUs)
  })
  const begun = async (): Promise<void> => {
    for (let count = 0; count < BEFORE_KILL;) if ((await fleet.nextDeed(signal)).kind === 'job-begun') count++
  }
  const allDone = async (): Promise<void> => {
    while (done.size < JOBS) await fleet.nextDeed(signal)
  }
  return {
    steps: [
      {
        title: `Put ${JOBS} jobs into a queue, and work through them`,
        task: async (_, step) => {
          await queue.putMany(Array.from({ length: JOBS }, (_each, index) => ({ number: index + 1 })))
          const enough = begun()
          fleet.begin('jobs')
          await showUntil(step, fleet, 'begun and done', enough)
        },
        ...PERSISTENT,
      },
      {
        title: 'Kill a worker in the middle of a job',
        task: async (_, step) => {
          kill = await killAtWork(stage)
          step.title = `Killed worker ${kill.worker.number} (SIGKILL) in the middle of job ${kill.job}`
        },
      },
      {
        title: 'The others finish, and do its jobs again',
        task: async (_, step) => {
          await showUntil(step, fleet, 'begun and done', allDone())
          await fleet.end(signal)
        },
        ...PERSISTENT,
      },
    ],
    judge: async () => {
      const left = await queue.size()
      const findings = auditJobs(readJournal<JobEntry>(jobJournalOf(folder)), JOBS, kill?.worker.number ?? 0)
      const problems =
        left === 0 ? findings.problems : [...findings.problems, `${left} jobs are left in the queue`]
      const rows = [
        ['jobs', `${findings.done} of ${JOBS} done, ${findings.duplicates} of them twice`],
        ['cut off', `job ${findings.returned.join(', ')}: begun again by another worker`],
        ['after SIGKILL', `job ${kill?.job} done in ${doneAgainAfter}, when the session had expired`],
      ] as const
      return { rows, problems, claim: 'No job was lost, and only what the kill cut off was done again.' }
    },
  }
}
