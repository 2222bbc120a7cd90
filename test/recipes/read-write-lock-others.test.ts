/** Others on the same path: strangers, and clients that write the same names. */
import { ReadWriteLock, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { PATH } from './cluster.js'
import { ReadWriteStage, see } from './read-write-stage.js'

test('children that are no contenders are ignored, and mentioned', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, zks, locks } = stage
  for (const name of ['!x', 'config', '__WRIT__', 'x__WRIT__12']) {
    await cluster.until(zks[0]!.create(`${PATH}/${name}`, 'foreign'))
  }
  await cluster.until(locks[0]!.writeLock.run(() => undefined))
  await cluster.until(locks[1]!.readLock.run(() => undefined))
  expect(cluster.log.filter(({ level }) => level === 'warn')).toHaveLength(2)
  expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
})

test('an ephemeral of another kind that was there before keeps readers out, as a writer would', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, zks, locks } = stage
  const foreign = await cluster.until(
    zks[0]!.create(`${PATH}/0123456789abcdef0123456789abcdef-lock-`, null, { mode: 'ephemeralSequential' }),
  )
  const reader = see(locks[1]!.readLock.acquire())
  await cluster.pass(5_000)
  expect(reader.settled).toBe(false)
  await cluster.until(zks[0]!.delete(foreign.path))
  await cluster.until((await cluster.until(reader.promise)).release())
  await cluster.expectNothingLeft(PATH)
})

test('Curator 5.4 downgrades by a reader at the end of the queue: those behind it read along', async () => {
  await using stage = await ReadWriteStage.start(3)
  const { cluster, zks, locks } = stage
  const [java] = zks
  const mode = 'ephemeralSequential'
  const write = await cluster.until(
    java!.create(`${PATH}/_c_11111111-1111-4111-8111-111111111111-__WRIT__`, '', { mode }),
  )
  const read = await cluster.until(
    java!.create(`${PATH}/_c_22222222-2222-4222-8222-222222222222-__READ__`, '', { mode }),
  )
  const reader = see(locks[1]!.readLock.acquire())
  await cluster.quiet()
  const writer = see(locks[2]!.writeLock.acquire())
  await cluster.quiet()
  expect(reader.settled).toBe(false)
  await cluster.until(java!.delete(write.path))
  await cluster.quiet()
  expect([reader.settled, writer.settled]).toEqual([true, false])
  await cluster.until(reader.value!.release())
  await cluster.pass(5_000)
  expect(writer.settled).toBe(false)
  await cluster.until(java!.delete(read.path))
  await cluster.until((await cluster.until(writer.promise)).release())
  await cluster.expectNothingLeft(PATH)
})

test('Curator 5.5 downgrades in two steps, by a reader of the same number: a writer waits for both', async () => {
  await using stage = await ReadWriteStage.start(3)
  const { cluster, zks, locks } = stage
  const [java] = zks
  const write = await cluster.until(
    java!.create(`${PATH}/_c_11111111-1111-4111-8111-111111111111-__WRIT__`, '', {
      mode: 'ephemeralSequential',
    }),
  )
  const writer = see(locks[1]!.writeLock.acquire())
  await cluster.quiet()
  const readPath = `${PATH}/_c_22222222-2222-4222-8222-222222222222-__READ__0000000000`
  await cluster.until(java!.create(readPath, '', { mode: 'ephemeral' }))
  const both = await cluster.until(locks[2]!.contenders())
  expect(both.map(({ kind, role, sequence }) => `${kind} ${sequence} ${role}`).sort()).toEqual([
    'read 0 holder',
    'write 0 holder',
    'write 1 waiter',
  ])
  await cluster.until(java!.delete(write.path))
  await cluster.pass(5_000)
  expect(writer.settled).toBe(false)
  await cluster.until(java!.delete(readPath))
  await cluster.until((await cluster.until(writer.promise)).release())
  await cluster.expectNothingLeft(PATH)
})

test('who holds and who waits, together and by kind', async () => {
  await using stage = await ReadWriteStage.start(4)
  const { cluster, zks } = stage
  const locks = zks.map((zk, i) => new ReadWriteLock(zk, PATH, { id: `task ${i}` }))
  expect(await cluster.until(locks[0]!.contenders())).toEqual([])
  const first = await cluster.until(locks[0]!.readLock.acquire())
  const second = await cluster.until(locks[1]!.readLock.acquire())
  const waiting = [see<Hold>(locks[2]!.writeLock.acquire())]
  await cluster.quiet()
  waiting.push(see(locks[3]!.readLock.acquire()))
  await cluster.quiet()
  const line = await cluster.until(locks[0]!.contenders())
  expect(line.map(({ kind, role, id }) => `${id}: ${kind} ${role}`)).toEqual([
    'task 0: read holder',
    'task 1: read holder',
    'task 2: write waiter',
    'task 3: read waiter',
  ])
  expect(line[0]).toMatchObject({
    path: first.path,
    fencingToken: first.fencingToken,
    sessionId: zks[0]!.session!.id,
  })
  expect(await cluster.until(locks[0]!.readLock.contenders())).toEqual(
    line.filter(({ kind }) => kind === 'read'),
  )
  expect(await cluster.until(locks[0]!.writeLock.contenders())).toEqual([line[2]])
  for (const hold of [first, second]) await cluster.until(hold.release())
  for (const { promise } of waiting) await cluster.until((await cluster.until(promise)).release())
  await cluster.expectNothingLeft(PATH)
})

test('kazoo’s dialect writes kazoo’s names, data and parents, and its readers and writers exclude each other', async () => {
  await using stage = await ReadWriteStage.start(3, { dialect: 'kazoo' })
  const { cluster, zks, locks } = stage
  const read = await cluster.until(locks[0]!.readLock.acquire())
  expect(read.path.split('/').at(-1)).toMatch(/^[0-9a-f]{32}__rlock__0000000000$/)
  expect((await cluster.until(zks[0]!.get(read.path))).data).toHaveLength(0)
  const writer = see(locks[1]!.writeLock.acquire())
  await cluster.quiet()
  expect(writer.settled).toBe(false)
  await cluster.until(read.release())
  const write = await cluster.until(writer.promise)
  expect(write.path.split('/').at(-1)).toMatch(/^[0-9a-f]{32}__lock__0000000001$/)
  const reader = see(locks[2]!.readLock.acquire())
  await cluster.quiet()
  expect(reader.settled).toBe(false)
  const downgraded = await cluster.until(write.downgrade())
  expect(downgraded.path).toMatch(/__rlock__0000000001$/)
  await cluster.until(downgraded.release())
  await cluster.until((await cluster.until(reader.promise)).release())
  await cluster.expectNothingLeft(PATH)
})
