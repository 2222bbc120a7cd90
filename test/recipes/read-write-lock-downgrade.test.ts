/** From write to read with nobody in between. */
import { ReadWriteLock } from 'latchkey'
import { expect, test } from 'vitest'
import { Cluster, PATH } from './cluster.js'
import { ReadWriteStage, see } from './read-write-stage.js'

test('one transaction: readers behind are let in, a writer behind goes on waiting, the token stays', async () => {
  await using stage = await ReadWriteStage.start(5)
  const { cluster, zks, locks } = stage
  const requests = stage.requestsOf(zks[0]!)
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  const reader = see(locks[1]!.readLock.acquire())
  await cluster.quiet()
  const writer = see(locks[2]!.writeLock.acquire())
  await cluster.quiet()
  const behind = see(locks[3]!.readLock.acquire())
  await cluster.quiet()
  requests.length = 0
  const read = await cluster.until(write.downgrade())
  expect(requests).toEqual(['multi'])
  await cluster.quiet()
  expect([reader.settled, writer.settled, behind.settled]).toEqual([true, false, false])
  expect(read.path).toMatch(/_c_[0-9a-f-]{36}-__READ__0000000000$/)
  expect(read.fencingToken).toBe(write.fencingToken)
  const [shown] = await cluster.until(locks[4]!.contenders())
  expect(shown).toMatchObject({ path: read.path, fencingToken: read.fencingToken, role: 'holder' })
  await cluster.until(reader.value!.release())
  await cluster.pass(5_000)
  expect(writer.settled).toBe(false)
  await cluster.until(read.release())
  const next = await cluster.until(writer.promise)
  // Though its znode is older than the one that the downgrade made.
  expect(next.fencingToken).toBeGreaterThan(read.fencingToken)
  await cluster.until(next.release())
  await cluster.until((await cluster.until(behind.promise)).release())
  await cluster.expectNothingLeft(PATH)
})

test('a writer that was next in line does not take the writer’s deletion for its grant', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, zks, locks } = stage
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  const next = see(locks[1]!.writeLock.acquire())
  await cluster.quiet()
  const requests = stage.requestsOf(zks[1]!)
  const read = await cluster.until(write.downgrade())
  await cluster.pass(5_000)
  expect(next.settled).toBe(false)
  // It looked, watches the reader, and, being next, itself.
  expect(requests).toEqual(['getChildren2', 'getData', 'getData'])
  await cluster.until(read.release())
  await cluster.until((await cluster.until(next.promise)).release())
  expect(requests.slice(3)).toEqual(['delete'])
  await cluster.expectNothingLeft(PATH)
})

test('the write hold is then as good as released: no loss, no guard, and its release does nothing', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, zks, locks } = stage
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  const { signal } = write
  await cluster.quiet()
  const read = await cluster.until(write.downgrade())
  const again = await cluster.until(write.downgrade())
  expect(again).toBe(read)
  await cluster.quiet()
  expect(signal.aborted).toBe(false)
  expect(() => write.guard(zks[0]!.transaction())).toThrow(TypeError)
  await cluster.until(write.release())
  await cluster.until(read.confirm())
  await cluster.until(read.guard(zks[0]!.transaction()).create(`/made`).commit())
  expect(await cluster.children(PATH)).toHaveLength(1)
  await cluster.until(read.release())
  await cluster.expectNothingLeft(PATH)
})

test('a read hold made by it is lost with its znode', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, zks, locks } = stage
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  const read = await cluster.until(write.downgrade())
  const { signal } = read
  await cluster.quiet()
  await cluster.until(zks[1]!.delete(read.path))
  await cluster.quiet()
  expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'node-deleted', path: read.path })
  await cluster.until(read.release())
  await cluster.until(write.release())
  await cluster.expectNothingLeft(PATH)
})

test('a write lock that somebody deleted is not downgraded: the hold is lost, and nothing is made', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, zks, locks } = stage
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  await cluster.until(zks[1]!.delete(write.path))
  await expect(cluster.until(write.downgrade())).rejects.toMatchObject({
    code: 'LOCK_LOST',
    reason: 'node-deleted',
  })
  expect(write.signal.aborted).toBe(true)
  await cluster.until(write.release())
  await cluster.expectNothingLeft(PATH)
})

test('what the server refuses leaves the write lock held', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const lock = new ReadWriteLock(zk, PATH)
  const write = await cluster.until(lock.writeLock.acquire())
  const { signal } = write
  await cluster.until(zk.setACL(PATH, [{ perms: 1 | 8 | 16, scheme: 'world', id: 'anyone' }]))
  await expect(cluster.until(write.downgrade())).rejects.toMatchObject({ code: 'NO_AUTH' })
  await cluster.until(write.confirm())
  expect(signal.aborted).toBe(false)
  await cluster.until(write.release())
  await cluster.expectNothingLeft(PATH)
})

test('after release it is refused as misuse', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, locks } = stage
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  await cluster.until(write.release())
  await expect(cluster.until(write.downgrade())).rejects.toThrow(TypeError)
  await cluster.expectNothingLeft(PATH)
})

test('given up while it is under way, the release of the write hold gives back what came of it', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, locks } = stage
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  const abort = new AbortController()
  const reason = new Error('no longer needed')
  const giving = expect(write.downgrade({ signal: abort.signal })).rejects.toBe(reason)
  abort.abort(reason)
  await giving
  await cluster.quiet()
  expect((await cluster.children(PATH))!.join()).toMatch(/__READ__/)
  await cluster.until(write.release())
  await cluster.expectNothingLeft(PATH)
})

test('a release while it is under way leaves the read hold to whoever waits for that', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, locks } = stage
  const write = await cluster.until(locks[0]!.writeLock.acquire())
  const downgrading = write.downgrade()
  const releasing = write.release()
  const read = await cluster.until(downgrading)
  await cluster.until(releasing)
  await cluster.until(read.confirm())
  await cluster.until(read.release())
  await cluster.expectNothingLeft(PATH)
})

test('run releases what its function downgraded', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, locks } = stage
  const { writeLock } = locks[0]!
  const read = await cluster.until(writeLock.run(async (hold) => hold.downgrade()))
  expect(read.isHeld).toBe(false)
  await cluster.expectNothingLeft(PATH)
})

test('run tells the loss of what its function downgraded', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, zks, locks } = stage
  const running = locks[0]!.writeLock.run(async (hold) => {
    const { path, signal } = await hold.downgrade()
    expect(signal.aborted).toBe(false)
    await zks[1]!.delete(path)
    await zks[0]!.sync('/')
  })
  await expect(cluster.until(running)).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'node-deleted' })
})

test('without transactions both znodes stand for a moment, and nobody gets in between', async () => {
  await using cluster = await Cluster.start()
  const client = await cluster.client()
  const rival = await cluster.client()
  const zk = new Proxy(client, {
    get(target, key) {
      if (key === 'supports') return (what: string) => what !== 'transactions'
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const write = await cluster.until(new ReadWriteLock(zk, PATH).writeLock.acquire())
  const next = see(new ReadWriteLock(rival, PATH).writeLock.acquire())
  await cluster.quiet()
  cluster.control.dropAfter({ operation: 'create' })
  const read = await cluster.until(write.downgrade())
  await cluster.pass(5_000)
  expect(next.settled).toBe(false)
  expect((await cluster.children(PATH))!.map((name) => name.slice(-18)).sort()).toEqual([
    '__READ__0000000000',
    '__WRIT__0000000001',
  ])
  await cluster.until(read.release())
  await cluster.until((await cluster.until(next.promise)).release())
  await cluster.expectNothingLeft(PATH)
})
