import { hasCode, type Lease, Semaphore, type SemaphoreOptions } from 'latchkey'
import { expect } from 'vitest'
import { EXPIRY_MS } from './cluster.js'
import { faultMatrix, type Stage } from './fault-matrix.js'
import { Beliefs, layouts, parentsOf, POOL, type Layout } from './semaphore-stage.js'

const LIMIT = '/app/limit'

interface Parts extends Stage {
  readonly semaphore: Semaphore
  readonly others: readonly [Semaphore, Semaphore, Semaphore]
  readonly beliefs: Beliefs
}

type Play = (parts: Parts) => Promise<void>

function scenario(layout: Layout, permits: SemaphoreOptions['permits'], play: Play) {
  return async (stage: Stage): Promise<void> => {
    const { cluster, zk, rivals } = stage
    const options = { permits, dialect: layout }
    const others = rivals.map((rival) => new Semaphore(rival, POOL, options))
    const beliefs = new Beliefs(cluster, layout, 2)
    await play({
      ...stage,
      semaphore: new Semaphore(zk, POOL, options),
      others: others as [Semaphore, Semaphore, Semaphore],
      beliefs,
    })
  }
}

/** Takes some when it is its turn, and gives them back. */
async function use(beliefs: Beliefs, semaphore: Semaphore, permits = 1): Promise<void> {
  await beliefs.release(beliefs.granted(await semaphore.acquire(permits)))
}

async function isConfirmed(lease: Lease): Promise<boolean> {
  return lease.confirm().then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, 'LOCK_LOST')) return false
      throw error
    },
  )
}

const plays: Readonly<Record<string, Play>> = {
  'one of a free one': async ({ cluster, semaphore, beliefs }) => cluster.until(use(beliefs, semaphore)),

  'two of a free one, given back one by one': async ({ cluster, semaphore, others, beliefs }) => {
    const lease = beliefs.granted(await cluster.until(semaphore.acquire(2)))
    const waiting = use(beliefs, others[0])
    await cluster.quiet()
    await cluster.until(lease.releaseOne())
    await cluster.until(waiting)
    await cluster.until(beliefs.release(lease))
  },

  'signal read, confirmed': async ({ cluster, semaphore, beliefs }) => {
    const lease = beliefs.granted(await cluster.until(semaphore.acquire(2)))
    const { signal } = lease
    await cluster.quiet()
    expect(await cluster.until(isConfirmed(lease))).toBe(!signal.aborted)
    await cluster.until(beliefs.release(lease))
  },

  'first that waits': async ({ cluster, semaphore, others, beliefs }) => {
    const ahead = beliefs.granted(await cluster.until(others[0].acquire(2)))
    const waiting = use(beliefs, semaphore, 2)
    await cluster.quiet()
    await cluster.until(ahead.releaseOne())
    await cluster.quiet()
    await cluster.until(beliefs.release(ahead))
    await cluster.until(waiting)
  },

  'between two that wait': async ({ cluster, semaphore, others, beliefs }) => {
    const ahead = beliefs.granted(await cluster.until(others[0].acquire(2)))
    const all = []
    for (const each of [others[1], semaphore, others[2]]) {
      all.push(use(beliefs, each, 2))
      await cluster.quiet()
    }
    await cluster.until(beliefs.release(ahead))
    await cluster.until(Promise.all(all))
  },

  'the one ahead gives up': async ({ cluster, semaphore, others, beliefs }) => {
    const holder = beliefs.granted(await cluster.until(others[0].acquire(2)))
    const leave = new AbortController()
    const middle = expect(others[1].acquire(1, { signal: leave.signal })).rejects.toThrow('left')
    await cluster.quiet()
    const waiting = use(beliefs, semaphore)
    await cluster.quiet()
    leave.abort(new Error('left'))
    await cluster.until(middle)
    await cluster.pass(3_000)
    await cluster.until(beliefs.release(holder))
    await cluster.until(waiting)
  },

  'tries, free and taken': async ({ cluster, semaphore, others, beliefs }) => {
    const lease = await cluster.until(semaphore.tryAcquire(2))
    await cluster.until(beliefs.release(beliefs.granted(lease!)))
    await cluster.pass(EXPIRY_MS)
    const other = beliefs.granted(await cluster.until(others[0].acquire()))
    expect(await cluster.until(semaphore.tryAcquire(2))).toBeUndefined()
    await cluster.until(beliefs.release(other))
  },

  'gives up while it waits': async ({ cluster, semaphore, others, beliefs }) => {
    const holder = beliefs.granted(await cluster.until(others[0].acquire(2)))
    await expect(cluster.until(semaphore.acquire(1, { timeoutMs: 1_000 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    await cluster.pass(EXPIRY_MS)
    await cluster.until(beliefs.release(holder))
  },
}

const sharedPlays: Readonly<Record<string, Play>> = {
  'under a limit that changes': async ({ cluster, semaphore, others, beliefs }) => {
    const first = beliefs.granted(await cluster.until(others[0].acquire(2)))
    const waiting = use(beliefs, semaphore, 3)
    await cluster.quiet()
    await cluster.until(others[1].resize(1))
    await cluster.until(beliefs.release(first))
    await cluster.pass(200)
    beliefs.limit = 3
    await cluster.until(others[1].resize(3))
    await cluster.until(waiting)
    await cluster.until(others[1].resize(2))
  },

  'changes the limit': async ({ cluster, semaphore, others, beliefs }) => {
    beliefs.limit = 3
    await cluster.until(semaphore.resize(3))
    await cluster.until(use(beliefs, others[0], 3))
    expect(await cluster.until(semaphore.limit())).toBe(3)
    await cluster.until(semaphore.resize(2))
  },
}

function scenariosOf(layout: Layout, permits: SemaphoreOptions['permits'], given: typeof plays) {
  return Object.fromEntries(
    Object.entries(given).map(([name, play]) => [name, scenario(layout, permits, play)]),
  )
}

for (const layout of layouts)
  faultMatrix({
    name: `semaphore, ${layout}`,
    // kazoo's pool says how many permits there are: only it may make that znode.
    paths: layout === 'kazoo' ? [`${POOL}-__lock__`] : parentsOf[layout],
    next: async (zk) => use2(new Semaphore(zk, POOL, { permits: 2, dialect: layout })),
    scenarios: scenariosOf(layout, 2, plays),
  })

for (const layout of ['native', 'curator'] as const) {
  const permits = { path: LIMIT, initial: 2 }
  const { 'one of a free one': free, 'first that waits': wait } = plays
  faultMatrix({
    name: `semaphore with a shared limit, ${layout}`,
    paths: parentsOf[layout],
    next: async (zk) => use2(new Semaphore(zk, POOL, { permits, dialect: layout })),
    scenarios: scenariosOf(layout, permits, {
      ...sharedPlays,
      'one of a free one': free!,
      'first that waits': wait!,
    }),
  })
}

async function use2(semaphore: Semaphore): Promise<void> {
  await (await semaphore.acquire(2)).release()
}
