/** The recipes that need no more than the npm package zookeeper has, on it and on the built-in client, side by side. */
import { expect, test } from 'vitest'
import { MultiLock, Mutex, ReadWriteLock, Semaphore, type Client, type Zk } from 'latchkey'
import { servers } from '../support/ensemble.js'
import { area, client, peer } from '../conformance/stage.js'
import { untilChildren, untilLost } from '../conformance/lock-stage.js'
import { npmClient } from './npm-client.js'

/** One client of each kind, and a subtree that both see. */
async function both(): Promise<{ npm: Zk; own: Client; path: string }> {
  const path = await area(await peer())
  const [npm, own] = [await npmClient(servers.connectString), await client()]
  await Promise.all([npm.sync(path), own.sync(path)])
  return { npm, own, path }
}

test('a mutex has one holder over both, tokens rise, and nothing is left', async () => {
  const { npm, own, path } = await both()
  const lock = `${path}/lock`
  let inside = 0
  const tokens: bigint[] = []
  const work = async (zk: Zk): Promise<void> => {
    const mutex = new Mutex(zk, lock)
    for (let round = 0; round < 50; round++)
      await mutex.run(async (hold) => {
        expect(++inside).toBe(1)
        tokens.push(hold.fencingToken)
        await hold.confirm()
        inside--
      })
  }
  await Promise.all([work(npm), work(npm), work(own)])
  expect(tokens).toHaveLength(150)
  expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)))
  await untilChildren(own, lock, 0)
})

test('an acquire that is given up leaves nothing, and the next one waits for the holder only', async () => {
  const { npm, own, path } = await both()
  const lock = `${path}/lock`
  const hold = await new Mutex(own, lock).acquire()
  const given = new Mutex(npm, lock).acquire({ timeoutMs: 100 })
  await expect(given).rejects.toMatchObject({ code: 'TIMEOUT' })
  await untilChildren(own, lock, 1)
  const next = new Mutex(npm, lock).acquire()
  await untilChildren(own, lock, 2)
  await hold.release()
  await (await next).release()
  await untilChildren(own, lock, 0)
})

test('that somebody deletes the znode aborts the signal', async () => {
  const { npm, own, path } = await both()
  const hold = await new Mutex(npm, `${path}/lock`).acquire()
  const { signal } = hold
  await npm.sync(path)
  await untilLost(signal, ['node-deleted'], async () => own.delete(hold.path))
  await expect(hold.confirm()).rejects.toMatchObject({ code: 'LOCK_LOST' })
  await hold.release()
})

test('a read-write lock: many read, one writes, and a writer becomes a reader', async () => {
  const { npm, own, path } = await both()
  const [ours, theirs] = [new ReadWriteLock(npm, `${path}/book`), new ReadWriteLock(own, `${path}/book`)]
  const write = await ours.writeLock.acquire()
  expect(await theirs.readLock.tryAcquire()).toBeUndefined()
  const read = await write.downgrade()
  const other = await theirs.readLock.acquire()
  expect(await theirs.writeLock.tryAcquire()).toBeUndefined()
  await Promise.all([read.release(), other.release()])
  await (await theirs.writeLock.acquire()).release()
})

test('several locks at once', async () => {
  const { npm, own, path } = await both()
  const paths = [`${path}/b`, `${path}/a`]
  const hold = await new MultiLock(npm, paths).acquire()
  expect(await new MultiLock(own, paths).tryAcquire()).toBeUndefined()
  await hold.release()
  await (await new MultiLock(own, paths).acquire()).release()
})

test('a semaphore of the native layout, several permits at once too', async () => {
  const { npm, own, path } = await both()
  const options = { permits: 3 }
  const [ours, theirs] = [
    new Semaphore(npm, `${path}/pool`, options),
    new Semaphore(own, `${path}/pool`, options),
  ]
  const two = await ours.acquire(2)
  const one = await theirs.acquire()
  expect(await ours.tryAcquire()).toBeUndefined()
  const next = ours.acquire(2)
  await two.release()
  await (await next).release()
  await one.release()
})

test.each(['curator', 'kazoo'] as const)(
  'a %s semaphore says that it needs transactions',
  async (dialect) => {
    const { npm, path } = await both()
    const pool = new Semaphore(npm, `${path}/pool`, { permits: 2, dialect })
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'UNSUPPORTED', outcome: 'rejected' })
  },
)
