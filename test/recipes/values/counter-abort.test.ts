import { Counter, hasCode, type Zk } from 'latchkey'
import { abortSweep, type Sweep } from '../abort-sweep.js'

const PATH = '/app/counter'
const LOCK_PATH = '/app/counter-lock'

/** What nobody can find out, the session having ended, is an answer too. */
async function told(changing: Promise<unknown>): Promise<void> {
  try {
    await changing
  } catch (error) {
    if (!hasCode(error, 'CONNECTION_LOSS')) throw error
  }
}

const adding =
  (lockPath?: string): Sweep['start'] =>
  async (zk, signal) => {
    const counter = new Counter(zk, PATH, { lockPath })
    await told(counter.add(1n, { signal }))
    return { release: async () => counter.close() }
  }

const updating: Sweep['start'] = async (zk, signal) => {
  const counter = new Counter(zk, PATH, { lostReplies: 'value' })
  await told(counter.update((now) => now * 2n + 1n, { signal }))
  return { release: async () => counter.close() }
}

/** One that writes again and again at first: whoever loses three races takes the lock. */
async function busyRival(rival: Zk): Promise<{ release: () => Promise<void> }> {
  const counter = new Counter(rival, PATH)
  const work = async (): Promise<void> => {
    for (let i = 0; i < 8; i++) await counter.increment()
  }
  const working = work()
  await rival.sync(PATH)
  return {
    release: async () => {
      await working
      await counter.close()
    },
  }
}

abortSweep('an addition', { paths: [PATH], start: adding() })
abortSweep('an addition beside a busy rival, with a lock to promote to', {
  paths: [PATH, LOCK_PATH],
  start: adding(LOCK_PATH),
  ahead: busyRival,
  grants: true,
})
abortSweep('an update without a marker', { paths: [PATH], start: updating })
