import { hasCode, LeaderElection, type Leader, type Term, type Zk } from 'latchkey'
import { expect } from 'vitest'
import { abortSweep } from './abort-sweep.js'
import { EXPIRY_MS } from './cluster.js'
import { faultMatrix } from './fault-matrix.js'

const PATH = '/app/election'

/** False if the term was lost before it could be said. */
async function proclaim(term: Term, value: string): Promise<boolean> {
  return term.proclaim(value).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, 'LOCK_LOST')) return false
      throw error
    },
  )
}

faultMatrix({
  name: 'leader election',
  paths: [PATH],
  next: async (zk: Zk) => (await new LeaderElection(zk, PATH).campaign()).resign(),
  scenarios: {
    'campaigns, proclaims, resigns': async ({ cluster, zk, rivals }) => {
      const term = await cluster.until(new LeaderElection(zk, PATH).campaign())
      const isSaid = await cluster.until(proclaim(term, 'one'))
      await cluster.pass(EXPIRY_MS)
      const leader = await cluster.until(new LeaderElection(rivals[0], PATH).leader())
      if (term.signal.aborted) expect(leader).toBeUndefined()
      else expect(leader).toMatchObject({ value: isSaid ? 'one' : '', fencingToken: term.fencingToken })
      await cluster.until(term.resign())
    },
    'waits behind one, ahead of another': async ({ cluster, zk, rivals }) => {
      const ahead = await cluster.until(new LeaderElection(rivals[0], PATH).campaign())
      const campaigning = new LeaderElection(zk, PATH).campaign()
      await cluster.quiet()
      const behind = new LeaderElection(rivals[1], PATH).campaign()
      await cluster.quiet()
      await cluster.until(ahead.resign())
      const both = [campaigning, behind].map(async (each) => (await each).resign())
      await cluster.until(Promise.all(both))
    },
    observes: async ({ cluster, zk, rivals }) => {
      const abort = new AbortController()
      const seen: (Leader | undefined)[] = []
      const observing = (async () => {
        for await (const leader of new LeaderElection(zk, PATH).observe({ signal: abort.signal }))
          seen.push(leader)
      })()
      const expectNewest = async (value: string | undefined): Promise<void> => {
        await cluster.pass(EXPIRY_MS)
        expect(seen.at(-1)?.value).toBe(value)
      }
      const one = await cluster.until(new LeaderElection(rivals[0], PATH, { id: 'one' }).campaign())
      const waiting = new LeaderElection(rivals[1], PATH, { id: 'two' }).campaign()
      await expectNewest('one')
      await cluster.until(one.proclaim('one again'))
      await expectNewest('one again')
      await cluster.until(one.resign())
      await expectNewest('two')
      await cluster.until((await cluster.until(waiting)).resign())
      await expectNewest(undefined)
      const tokens = seen.filter((each) => each !== undefined).map(({ fencingToken }) => fencingToken)
      expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)))
      abort.abort()
      await cluster.until(observing)
    },
  },
})

abortSweep('a campaign for a free office', {
  paths: [PATH],
  start: async (zk, signal) => new LeaderElection(zk, PATH).campaign({ signal }),
})

abortSweep('a campaign behind a leader', {
  paths: [PATH],
  start: async (zk, signal) => new LeaderElection(zk, PATH).campaign({ signal }),
  ahead: async (zk) => new LeaderElection(zk, PATH).campaign(),
})

abortSweep('a proclamation', {
  paths: [PATH],
  start: async (zk, signal) => {
    const term = await new LeaderElection(zk, PATH).campaign({ signal })
    try {
      await term.proclaim('value', { signal })
    } catch (error) {
      void term.resign()
      // Aborted it has the reason; else the fault has taken the term away, which is an answer.
      if (!hasCode(error, 'LOCK_LOST')) throw error
    }
    return term
  },
})
