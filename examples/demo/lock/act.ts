/** The processes share a lock. The one that holds it is killed, and the lock moves on when its session has expired. */
import { Mutex } from 'latchkey'
import { lasting, PERSISTENT, seconds, type Act, type Stage } from '../act.js'
import { readJournal } from '../journal.js'
import { showUntil } from '../progress.js'
import { audit } from './audit.js'
import { filesOf, lockPathOf, readCounter, writeCounter, type Entry } from './counter.js'
import { killHolder, nextGrant, type Grant, type Kill } from './kill-holder.js'
import { verdictOf } from './report.js'

const PHASE_MS = 2_500

export function lockAct(stage: Stage): Act {
  const { zk, root, folder, fleet, signal } = stage
  const { counterFile, journalFile } = filesOf(folder)
  const lock = new Mutex(zk, lockPathOf(root))
  let kill: Kill
  let next: Grant
  return {
    steps: [
      {
        title: 'They increment one counter under one lock',
        task: async (_, step) => {
          writeCounter(counterFile, 0)
          fleet.begin('lock')
          await showUntil(step, fleet, 'acquisitions', lasting(PHASE_MS, stage))
        },
        ...PERSISTENT,
      },
      {
        title: 'Kill the holder with SIGKILL',
        task: async (_, step) => {
          kill = await killHolder(fleet, lock, signal)
          const { worker, fence } = kill
          step.title = `Killed worker ${worker.number} (SIGKILL) while it held the lock, fencing token ${fence}`
        },
      },
      {
        title: 'Wait for its session to expire',
        task: async (_, step) => {
          next = await nextGrant(fleet, signal)
          const took = seconds(next.atUs - kill.atUs)
          step.title = `The lock moved on to worker ${next.worker.number} after ${took}, fencing token ${next.fence}`
        },
      },
      {
        title: 'The others go on',
        task: async (_, step) => {
          await showUntil(step, fleet, 'acquisitions', lasting(PHASE_MS, stage))
          await fleet.end(signal)
        },
        ...PERSISTENT,
      },
    ],
    judge: () => {
      const counter = readCounter(counterFile)
      const findings = audit(readJournal<Entry>(journalFile), counter, kill.worker.number)
      const sessionTimeoutMs = zk.session?.timeoutMs ?? NaN
      return verdictOf({ fleet, kill, next, counter, sessionTimeoutMs, audit: findings })
    },
  }
}
