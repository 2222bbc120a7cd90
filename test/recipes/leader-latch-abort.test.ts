import { LeaderLatch } from 'latchkey'
import { abortSweep } from './abort-sweep.js'

const PATH = '/app/leader'
const releasable = (latch: LeaderLatch): { release(): Promise<void> } => ({
  release: async () => latch.close(),
})

abortSweep('the start of a latch', {
  paths: [PATH],
  start: async (zk, signal) => {
    const latch = new LeaderLatch(zk, PATH)
    await latch.start({ signal })
    return releasable(latch)
  },
})

abortSweep('a wait for leadership', {
  paths: [PATH],
  start: async (zk, signal) => {
    const latch = new LeaderLatch(zk, PATH)
    try {
      await latch.start({ signal })
      await latch.waitForLeadership({ signal })
    } catch (error) {
      void latch.close()
      throw error
    }
    return releasable(latch)
  },
  ahead: async (zk) => {
    const latch = new LeaderLatch(zk, PATH)
    await latch.start()
    await latch.waitForLeadership()
    return releasable(latch)
  },
})
