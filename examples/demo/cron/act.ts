/** A task is due every second, in one of the processes. That one is killed, and the task moves to another. */
import { PERSISTENT, seconds, type Act, type Stage } from '../act.js'
import type { Doing, Worker } from '../fleet.js'
import { readJournal } from '../journal.js'
import { nowUs } from '../messages.js'
import { showUntil } from '../progress.js'
import { auditRuns } from './audit.js'
import { runJournalOf, type RunEntry } from './task.js'

const RUNS = 3

interface Kill {
  readonly worker: Worker
  readonly atUs: number
}

/** The first of so many runs, once the last of them has begun. */
async function runs(count: number, { fleet, signal }: Stage): Promise<Doing> {
  const seen: Doing[] = []
  for (;;) {
    const deed = await fleet.nextDeed(signal)
    if (deed.kind === 'ran') seen.push(deed)
    const [first] = seen
    if (first !== undefined && seen.length >= count) return first
  }
}

export function cronAct(stage: Stage): Act {
  const { folder, fleet, signal } = stage
  let kill: Kill
  let next: Doing
  return {
    steps: [
      {
        title: 'A task is due every second, in one process',
        task: async (_, step) => {
          const enough = runs(RUNS, stage)
          fleet.begin('cron')
          await showUntil(step, fleet, 'runs', enough)
        },
        ...PERSISTENT,
      },
      {
        title: 'Kill the process that runs it',
        task: async (_, step) => {
          const { worker } = await runs(1, stage)
          kill = { worker, atUs: nowUs() }
          worker.kill()
          step.title = `Killed worker ${worker.number} (SIGKILL), which ran it`
        },
      },
      {
        title: 'Another one takes over',
        task: async (_, step) => {
          next = await showUntil(step, fleet, 'runs', runs(RUNS, stage))
          step.title = `Worker ${next.worker.number} took over ${seconds(next.atUs - kill.atUs)} after the kill`
          await fleet.end(signal)
        },
        ...PERSISTENT,
      },
    ],
    judge: () => {
      const findings = auditRuns(readJournal<RunEntry>(runJournalOf(folder)))
      const [first, second] = findings.leaders
      const rows = [
        ['runs', `${findings.runs}, in worker ${first} and then in worker ${second}`],
        ['after SIGKILL', `next run in ${seconds(next.atUs - kill.atUs)}, when the session had expired`],
        ['nobody led', `${findings.skipped} due times without a run`],
      ] as const
      const problems =
        second === kill.worker.number ? ['it stayed with the killed worker'] : findings.problems
      return { rows, problems, claim: 'Nothing that was due ran twice.' }
    },
  }
}
