/** The leader latch under torture: two never lead at once, and a term that ends is over for whoever had it. */
import { LeaderLatch } from '../../../src/index.js'
import { pickKey, type TortureRecipe } from './recipe.js'

const ELECTIONS = 8

export const leaderLatch: TortureRecipe = {
  name: 'leader-latch',
  contender: (zk, root, random) => ({
    async acquire(options) {
      const path = `${root}/${pickKey(random, ELECTIONS)}`
      const latch = new LeaderLatch(zk, path)
      try {
        await latch.start(options)
        const term = await latch.waitForLeadership(options)
        const release = async (): Promise<void> => {
          // Half of them hand it on and stand in line again until they are closed.
          const isHandedOn = random.next() < 0.5
          if (isHandedOn) await term.release()
          await latch.close({ mode: 'notify' })
          await term.ended
          const isTold = isHandedOn || term.signal.aborted
          if (latch.isLeader || term.isHeld || !isTold || latch.state.status !== 'closed')
            throw new Error(`a term on ${path} went on after its latch was closed (${latch.state.status})`)
        }
        return {
          claims: [{ path, share: 1, capacity: 1, token: String(term.fencingToken) }],
          sessionId: term.sessionId,
          signal: term.signal,
          confirm: async () => term.confirm(),
          release,
        }
      } catch (error) {
        await latch.close()
        throw error
      }
    },
  }),
}
