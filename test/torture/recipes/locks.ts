/** The lock family under torture. */
import { Mutex, MultiLock, ReadWriteLock, Semaphore, type Hold } from '../../../src/index.js'
import type { Claim } from '../history.js'
import { pickKey, type Granted, type TortureRecipe } from './recipe.js'

const MUTEXES = 40
const READ_WRITE_LOCKS = 20
const SEMAPHORES = 8
const PERMITS = 4
/** More readers than there are contenders. */
const MANY = 1_000_000

function granted(hold: Hold, claim: Omit<Claim, 'token'>): Granted {
  return {
    claims: [{ ...claim, token: String(hold.fencingToken) }],
    sessionId: hold.sessionId,
    get signal() {
      return hold.signal
    },
    confirm: async () => hold.confirm(),
    release: async () => hold.release(),
  }
}

export const mutex: TortureRecipe = {
  name: 'mutex',
  contender: (zk, root, random) => ({
    async acquire(options) {
      const path = `${root}/${pickKey(random, MUTEXES)}`
      // Half of them wait in their process first, half are contenders on the server each.
      const lock = new Mutex(zk, path, { localQueue: random.next() < 0.5 })
      return granted(await lock.acquire(options), { path, share: 1, capacity: 1 })
    },
  }),
}

export const readWriteLock: TortureRecipe = {
  name: 'read-write-lock',
  contender: (zk, root, random) => ({
    async acquire(options) {
      const path = `${root}/${pickKey(random, READ_WRITE_LOCKS)}`
      const lock = new ReadWriteLock(zk, path)
      if (random.next() < 0.7)
        return granted(await lock.readLock.acquire(options), { path, share: 1, capacity: MANY })
      const hold = await lock.writeLock.acquire(options)
      return granted(hold, { path, share: MANY, capacity: MANY })
    },
  }),
}

export const semaphore: TortureRecipe = {
  name: 'semaphore',
  contender: (zk, root, random) => ({
    async acquire(options) {
      const path = `${root}/${pickKey(random, SEMAPHORES)}`
      const permits = 1 + Math.floor(random.next() * 2)
      const lease = await new Semaphore(zk, path, { permits: PERMITS }).acquire(permits, options)
      return {
        claims: [{ path, share: permits, capacity: PERMITS }],
        sessionId: lease.sessionId,
        get signal() {
          return lease.signal
        },
        confirm: async () => lease.confirm(),
        release: async () => lease.release(),
      }
    },
  }),
}

/** Of the mutexes, so that both kinds of holders meet. */
export const multiLock: TortureRecipe = {
  name: 'multi-lock',
  contender: (zk, root, random) => ({
    async acquire(options) {
      const keys = new Set([pickKey(random, MUTEXES), pickKey(random, MUTEXES)])
      const paths = [...keys].map((key) => `${root.replace(/[^/]*$/, 'mutex')}/${key}`)
      const hold = await new MultiLock(zk, paths).acquire(options)
      return {
        claims: paths.map((path) => ({
          path,
          share: 1,
          capacity: 1,
          token: String(hold.fencingTokens.get(path)),
        })),
        sessionId: zk.session?.id ?? 0n,
        get signal() {
          return hold.signal
        },
        confirm: async () => hold.confirm(),
        release: async () => hold.release(),
      }
    },
  }),
}
