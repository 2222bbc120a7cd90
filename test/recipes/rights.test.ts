/** What each lock makes of rights that it lacks and of parents that vanish: a clear answer, and nothing left behind. */
import { MultiLock, Mutex, Perms, ReadWriteLock, Semaphore, type Acl, type Client } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Cluster } from './cluster.js'

const TOP = '/app'
const ROOT = '/app/thing'

interface Held {
  release(): Promise<void>
}

interface Lock {
  acquire(): Promise<Held>
  tryAcquire(): Promise<Held | undefined>
  contenders(): Promise<unknown>
}

interface Kind {
  /** What is made when it is missing, all that its znodes are in. */
  readonly parents: readonly string[]
  readonly lock: (zk: Client) => Lock
}

const kinds: Readonly<Record<string, Kind>> = {
  mutex: { parents: [ROOT], lock: (zk) => new Mutex(zk, ROOT) },
  'read lock': { parents: [ROOT], lock: (zk) => new ReadWriteLock(zk, ROOT).readLock },
  'write lock': { parents: [ROOT], lock: (zk) => new ReadWriteLock(zk, ROOT).writeLock },
  'multi-lock': {
    parents: [`${ROOT}/a`, `${ROOT}/b`],
    lock: (zk) => new MultiLock(zk, [`${ROOT}/a`, `${ROOT}/b`]),
  },
  'semaphore, native': { parents: [ROOT], lock: (zk) => new Semaphore(zk, ROOT, { permits: 1 }) },
  'semaphore, curator': {
    parents: [`${ROOT}/locks`, `${ROOT}/leases`],
    lock: (zk) => new Semaphore(zk, ROOT, { permits: 1, dialect: 'curator' }),
  },
}

const refused = { code: 'NO_AUTH', outcome: 'rejected' }

function without(...lacking: readonly number[]): Acl[] {
  const perms = lacking.reduce((left, each) => left & ~each, Perms.ALL)
  return [{ scheme: 'world', id: 'anyone', perms }]
}

async function stage(): Promise<AsyncDisposable & { cluster: Cluster; zk: Client; other: Client }> {
  const cluster = await Cluster.start()
  const [zk, other] = [await cluster.client(), await cluster.client()]
  return { cluster, zk, other, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

describe.each(Object.entries(kinds))('%s', (name, { parents, lock }) => {
  test('no right to make the parent: it is refused, also when it only tries', async () => {
    await using staged = await stage()
    const { cluster, zk } = staged
    await cluster.until(zk.ensurePath(TOP))
    await cluster.until(zk.setACL(TOP, without(Perms.CREATE)))
    await expect(cluster.until(lock(zk).acquire())).rejects.toMatchObject(refused)
    await expect(cluster.until(lock(zk).tryAcquire())).rejects.toMatchObject(refused)
    await cluster.expectNothingLeft(TOP)
  })

  test('no right to list: it is refused, and the znode that it made is deleted', async () => {
    await using staged = await stage()
    const { cluster, zk, other } = staged
    for (const path of parents) {
      await cluster.until(zk.ensurePath(path))
      await cluster.until(zk.setACL(path, without(Perms.READ)))
    }
    await expect(cluster.until(lock(zk).acquire())).rejects.toMatchObject(refused)
    await expect(cluster.until(lock(zk).tryAcquire())).rejects.toMatchObject(refused)
    await expect(cluster.until(lock(zk).contenders())).rejects.toMatchObject(refused)
    await cluster.quiet()
    for (const path of parents) {
      await cluster.until(other.setACL(path, without()))
      await cluster.expectNothingLeft(path)
    }
  })

  test('no right to make contenders: it is refused', async () => {
    await using staged = await stage()
    const { cluster, zk } = staged
    for (const path of parents) {
      await cluster.until(zk.ensurePath(path))
      await cluster.until(zk.setACL(path, without(Perms.CREATE)))
    }
    await expect(cluster.until(lock(zk).acquire())).rejects.toMatchObject(refused)
    await expect(cluster.until(lock(zk).tryAcquire())).rejects.toMatchObject(refused)
    for (const path of parents) await cluster.expectNothingLeft(path)
  })

  test('no right to read who is ahead: it is refused while it waits, and leaves the line', async () => {
    await using staged = await stage()
    const { cluster, zk, other } = staged
    const hold = await cluster.until(lock(zk).acquire())
    const contenders: string[] = []
    for (const path of parents)
      for (const child of (await cluster.children(path)) ?? []) contenders.push(`${path}/${child}`)
    for (const path of contenders) await cluster.until(zk.setACL(path, without(Perms.READ)))
    const outcome = cluster.until(
      lock(other)
        .acquire()
        .then(
          async (next) => {
            await next.release()
            return 'held'
          },
          (error: unknown) => (error as { code?: unknown }).code,
        ),
    )
    await cluster.quiet()
    await cluster.until(hold.release())
    // A reader does not wait for a reader, and a semaphore's first waiter watches the list.
    expect(await outcome).toBe(name === 'read lock' || name.startsWith('semaphore') ? 'held' : 'NO_AUTH')
    for (const path of parents) await cluster.expectNothingLeft(path)
  })

  test('the parents are reaped at any moment of taking it: they are made again', async () => {
    for (let afterMs = 0; afterMs <= 8; afterMs += 0.5) {
      await using staged = await stage()
      const { cluster, zk, other } = staged
      await cluster.until((await cluster.until(lock(other).acquire())).release())
      const taking = lock(zk).acquire()
      await cluster.pass(afterMs)
      // Twice: a parent is empty only when its child has gone.
      cluster.control.reap()
      cluster.control.reap()
      const hold = await cluster.until(taking, 1_000)
      await cluster.until(hold.release())
      for (const path of parents) await cluster.expectNothingLeft(path)
    }
  })

  test('a parent is not reaped while somebody holds and another waits; after it was, it starts anew', async () => {
    await using staged = await stage()
    const { cluster, zk, other } = staged
    const hold = await cluster.until(lock(zk).acquire())
    const waiting = lock(other).acquire()
    await cluster.quiet()
    cluster.control.reap()
    await cluster.until(hold.release())
    const next = await cluster.until(waiting, 1_000)
    cluster.control.reap()
    await cluster.until(next.release())
    for (let round = 0; round < 4; round++) cluster.control.reap()
    for (const path of parents) expect(await cluster.children(path)).toBeUndefined()
    await cluster.until((await cluster.until(lock(zk).acquire())).release())
    for (const path of parents) await cluster.expectNothingLeft(path)
  })
})
