/**
 * Mutexes with a mistake, to show that the harness sees it: a run with one of these must find violations. They are not
 * among the recipes that run by default.
 */
import { Mutex } from '../../../src/index.js'
import { pickKey, type TortureRecipe } from './recipe.js'

const MUTEXES = 4

/** Once in a hundred times it believes without being first: it takes the token of its place for a grant. */
export const bargingMutex: TortureRecipe = {
  name: 'canary-barging',
  contender: (zk, root, random) => ({
    async acquire(options) {
      const path = `${root}/${pickKey(random, MUTEXES)}`
      const claim = { path, share: 1, capacity: 1 }
      await zk.ensurePath(path)
      if (random.next() < 0.01) {
        const place = await zk.create(`${path}/_c_0-lock-`, '', { mode: 'ephemeralSequential' })
        return {
          claims: [{ ...claim, token: String(place.stat.czxid) }],
          sessionId: zk.session?.id ?? 0n,
          signal: new AbortController().signal,
          confirm: async () => undefined,
          release: async () => zk.delete(place.path),
        }
      }
      const hold = await new Mutex(zk, path).acquire(options)
      return {
        claims: [{ ...claim, token: String(hold.fencingToken) }],
        sessionId: hold.sessionId,
        signal: hold.signal,
        confirm: async () => hold.confirm(),
        release: async () => hold.release(),
      }
    },
  }),
}

/** It gives up a release whose reply was lost: the znode stays, and blocks the others while the session lives. */
export const forgetfulMutex: TortureRecipe = {
  name: 'canary-forgetful',
  contender: (zk, root, random) => ({
    async acquire(options) {
      const path = `${root}/${pickKey(random, MUTEXES)}`
      const hold = await new Mutex(zk, path).acquire(options)
      return {
        claims: [{ path, share: 1, capacity: 1, token: String(hold.fencingToken) }],
        sessionId: hold.sessionId,
        signal: hold.signal,
        confirm: async () => hold.confirm(),
        release: async () => zk.delete(hold.path).catch(() => undefined),
      }
    },
  }),
}
