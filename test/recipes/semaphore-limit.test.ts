/** A limit that is shared, and changed while the semaphore is in use; and many clients that come and go under it. */
import { digestAcl, Semaphore, type Client, type Lease } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/runtime/random.js'
import { Cluster, EXPIRY_MS } from './cluster.js'
import { see, type Seen } from './read-write-stage.js'
import { Beliefs, layouts, SemaphoreStage } from './semaphore-stage.js'

const LIMIT = '/app/limit'
const permits = { path: LIMIT, initial: 2 }

describe.each(['native', 'curator'] as const)('%s', (layout) => {
  test('raised, it lets in as many more; lowered, those who hold go on and nobody is let in before they left', async () => {
    await using stage = await SemaphoreStage.start(8, layout, permits)
    const { cluster, semaphores } = stage
    const seen: Seen<Lease>[] = []
    for (const semaphore of semaphores.slice(0, 6)) {
      seen.push(see(semaphore.acquire()))
      await cluster.quiet()
    }
    const held = (): number => seen.filter(({ settled }) => settled).length
    expect(held()).toBe(2)
    await cluster.until(semaphores[7]!.resize(4))
    await cluster.quiet()
    expect(held()).toBe(4)
    await cluster.until(semaphores[7]!.resize(1))
    const late = see(semaphores[6]!.acquire())
    // In any order: the one that came last under the old limit stays to the end.
    for (const index of [0, 1, 2]) {
      await cluster.until(seen[index]!.value!.release())
      await cluster.pass(500)
      expect(held()).toBe(4)
    }
    expect(await cluster.until(semaphores[7]!.tryAcquire())).toBeUndefined()
    for (const index of [3, 4, 5]) {
      expect(held()).toBe(index + 1)
      await cluster.until(seen[index]!.value!.release())
      await cluster.quiet()
    }
    expect(late.settled).toBe(true)
    await cluster.until(late.value!.release())
    await stage.expectNothingLeft()
  })

  test('lowered between others, whoever comes later is still let in when there is room', async () => {
    await using stage = await SemaphoreStage.start(5, layout, { path: LIMIT, initial: 3 })
    const { cluster, semaphores } = stage
    const leases: Lease[] = []
    for (const semaphore of semaphores.slice(0, 3)) leases.push(await cluster.until(semaphore.acquire()))
    await cluster.until(semaphores[4]!.resize(2))
    const waiting = see(semaphores[3]!.acquire())
    await cluster.quiet()
    await cluster.until(leases[0]!.release())
    await cluster.quiet()
    expect(waiting.settled).toBe(false)
    // The third holds on: it is beyond the limit in the line, and yet no waiter.
    await cluster.until(leases[1]!.release())
    await cluster.quiet()
    expect(waiting.settled).toBe(true)
    await cluster.until(Promise.all([leases[2]!.release(), waiting.value!.release()]))
    await stage.expectNothingLeft()
  })

  test('lowered, and one that holds gives single permits back: whoever waits is let in when there is room', async () => {
    await using stage = await SemaphoreStage.start(4, layout, { path: LIMIT, initial: 4 })
    const { cluster, semaphores } = stage
    const first = await cluster.until(semaphores[0]!.acquire(2))
    const last = await cluster.until(semaphores[1]!.acquire(2))
    await cluster.until(semaphores[3]!.resize(2))
    await cluster.until(last.releaseOne())
    const waiting = see(semaphores[2]!.acquire())
    await cluster.quiet()
    expect(waiting.settled).toBe(false)
    await cluster.until(first.release())
    await cluster.quiet()
    expect(waiting.settled).toBe(true)
    await cluster.until(Promise.all([last.release(), waiting.value!.release()]))
    await stage.expectNothingLeft()
  })

  test('0 stops all; more than the limit are waited for until it is raised', async () => {
    await using stage = await SemaphoreStage.start(3, layout, { path: LIMIT, initial: 0 })
    const { cluster, semaphores } = stage
    const waiting = see(semaphores[0]!.acquire(5))
    await cluster.quiet()
    expect(await cluster.until(semaphores[2]!.describe())).toContain(
      '0 of 0 permits in 0 leases, none held; 1 waiting',
    )
    await cluster.until(semaphores[2]!.resize(5))
    await cluster.quiet()
    expect(waiting.settled).toBe(true)
    await cluster.until(waiting.value!.release())
    await stage.expectNothingLeft()
  })

  test('a limit that is missing, or holds something else, is a clear error', async () => {
    await using stage = await SemaphoreStage.start(1, layout, { path: LIMIT })
    const { cluster, semaphores, zks } = stage
    await expect(cluster.until(semaphores[0]!.acquire())).rejects.toMatchObject({
      code: 'NO_NODE',
      path: LIMIT,
    })
    await cluster.until(zks[0]!.create(LIMIT, '12'))
    await expect(cluster.until(semaphores[0]!.acquire())).rejects.toMatchObject({
      code: 'DATA_INCONSISTENCY',
      message: '/app/limit holds 2 bytes; a limit is an int32 (4 bytes, big-endian)',
    })
    await cluster.until(zks[0]!.set(LIMIT, Buffer.from([0, 0, 0, 7])))
    expect(await cluster.until(semaphores[0]!.limit())).toBe(7)
    await cluster.until(zks[0]!.delete(LIMIT))
    await stage.expectNothingLeft()
  })
})

test.each(layouts)(
  'without the right to list or to create, %s says so, and nothing is left',
  async (layout) => {
    await using cluster = await Cluster.start()
    const owner = await cluster.client()
    const zk = await cluster.client()
    const acl = [digestAcl('owner:secret')]
    for (const path of ['/app/closed', '/app/closed/locks', '/app/closed/leases', '/app/closed-__lock__'])
      await cluster.until(owner.ensurePath(path, { acl }).catch(() => undefined))
    const semaphore = new Semaphore(zk, '/app/closed', { permits: 1, dialect: layout })
    await expect(cluster.until(semaphore.acquire())).rejects.toMatchObject({ code: 'NO_AUTH' })
    await expect(cluster.until(semaphore.tryAcquire())).rejects.toMatchObject({ code: 'NO_AUTH' })
    expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
  },
)

/** Clients that take and give at random, one of which loses its session or its connection now and then. */
async function storm(stage: SemaphoreStage, seed: number, shared: boolean): Promise<Beliefs> {
  const { cluster, semaphores, zks, layout } = stage
  const { control } = cluster
  const random = seededRandom(seed)
  const beliefs = new Beliefs(cluster, layout, 3)
  const below = (n: number): number => Math.floor(random.next() * n)
  const pause = async (zk: Client): Promise<void> => {
    for (let i = below(4); i > 0; i--) await zk.exists('/').catch(() => undefined)
  }
  const live = async (index: number): Promise<void> => {
    for (let turn = 0; turn < 12; turn++) {
      const zk = zks[index]!
      const give = new AbortController()
      if (below(6) === 0) void pause(zk).then(() => give.abort(new Error('gave up')))
      const asked = 1 + below(3)
      const lease = await semaphores[index]!.acquire(asked, { signal: give.signal }).catch(() => undefined)
      if (lease === undefined) continue
      beliefs.granted(lease)
      await pause(zk)
      if (below(3) === 0) await lease.releaseOne()
      await pause(zk)
      await beliefs.release(lease)
    }
  }
  const trouble = async (): Promise<void> => {
    for (let turn = 0; turn < 15; turn++) {
      await pause(zks[0]!)
      await pause(zks[0]!)
      const victim = zks[1 + below(zks.length - 1)]!.session?.id
      if (victim === undefined) continue
      if (below(2) === 0) control.expireSession(victim)
      else control.dropConnection(victim)
      if (shared) await semaphores[0]!.resize(1 + below(3))
    }
    if (shared) await semaphores[0]!.resize(3)
  }
  await cluster.until(Promise.all([...zks.keys()].slice(1).map(live).concat(trouble())))
  await cluster.pass(2 * EXPIRY_MS)
  return beliefs
}

test.each([...layouts, 'native, shared', 'curator, shared'])(
  '%s: under random use, lost connections and ended sessions, never more are taken than there are, and none is lost',
  async (name) => {
    const shared = name.endsWith('shared')
    const layout = name.replace(', shared', '') as 'native'
    let grants = 0
    for (let seed = 1; seed <= 12; seed++) {
      await using stage = await SemaphoreStage.start(7, layout, shared ? { path: LIMIT, initial: 3 } : 3)
      try {
        const beliefs = await storm(stage, seed, shared)
        grants += beliefs.grants
        expect(beliefs.ledger.most).toBe(3)
        const lease = await stage.cluster.until(stage.semaphores[0]!.acquire(3), 1_000)
        await stage.cluster.until(lease.release())
        await stage.expectNothingLeft()
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
    expect(grants).toBeGreaterThan(500)
  },
)
