/** What a read-write lock does when all goes well: who is let in, in what order, and at what cost. */
import { ReadWriteLock, type Hold } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { PATH } from './cluster.js'
import { ReadWriteStage, see } from './read-write-stage.js'

describe('who is let in', () => {
  test('readers share, a writer waits for all of them, and readers behind it wait for the writer', async () => {
    await using stage = await ReadWriteStage.start(5)
    const { cluster, locks } = stage
    const readers = [
      await cluster.until(locks[0]!.readLock.acquire()),
      await cluster.until(locks[1]!.readLock.acquire()),
    ]
    const writer = see(locks[2]!.writeLock.acquire())
    await cluster.quiet()
    const late = [see(locks[3]!.readLock.acquire()), see(locks[4]!.readLock.acquire())]
    await cluster.quiet()
    await cluster.until(readers[1]!.release())
    await cluster.quiet()
    expect(writer.settled).toBe(false)
    await cluster.until(readers[0]!.release())
    await cluster.quiet()
    expect(writer.settled).toBe(true)
    expect(late.some(({ settled }) => settled)).toBe(false)
    await cluster.until(writer.value!.release())
    await cluster.quiet()
    expect(late.every(({ settled }) => settled)).toBe(true)
    for (const { value } of late) await cluster.until(value!.release())
    await cluster.expectNothingLeft(PATH)
  })

  test('readers that keep coming do not starve a writer', async () => {
    await using stage = await ReadWriteStage.start(4)
    const { cluster, locks } = stage
    const first = await cluster.until(locks[0]!.readLock.acquire())
    const writer = see(locks[1]!.writeLock.acquire())
    await cluster.quiet()
    const overtaking: Hold[] = []
    const rounds = Array.from({ length: 20 }, async (_, i) => {
      const hold = await locks[2 + (i % 2)]!.readLock.acquire()
      if (!writer.settled) overtaking.push(hold)
      await hold.release()
    })
    await cluster.quiet()
    expect(writer.settled).toBe(false)
    await cluster.until(first.release())
    await cluster.until(writer.promise)
    expect(overtaking).toEqual([])
    await cluster.until(writer.value!.release())
    await cluster.until(Promise.all(rounds))
    await cluster.expectNothingLeft(PATH)
  })

  test('when the writer next to it leaves, a reader still waits for the writer before that', async () => {
    await using stage = await ReadWriteStage.start(3)
    const { cluster, zks, locks } = stage
    const writer = await cluster.until(locks[0]!.writeLock.acquire())
    const middle = locks[1]!.writeLock.acquire().catch(() => undefined)
    await cluster.quiet()
    const reader = see(locks[2]!.readLock.acquire())
    await cluster.quiet()
    await cluster.until(zks[1]!.close())
    await cluster.until(middle)
    await cluster.pass(10_000)
    expect(reader.settled).toBe(false)
    await cluster.until(writer.release())
    await cluster.until((await cluster.until(reader.promise)).release())
    await cluster.expectNothingLeft(PATH)
  })

  test('tokens are in the order of grants, and a reader’s is greater than that of each writer before it', async () => {
    await using stage = await ReadWriteStage.start(2)
    const { cluster, locks } = stage
    let last = 0n
    for (const side of ['writeLock', 'readLock', 'readLock', 'writeLock'] as const) {
      const hold = await cluster.until(locks[last === 0n ? 0 : 1]![side].acquire())
      expect(hold.fencingToken).toBeGreaterThan(last)
      last = hold.fencingToken
      await cluster.until(hold.release())
    }
  })

  test('the order holds over the overflow of the sequence number', async () => {
    await using stage = await ReadWriteStage.start(6)
    const { cluster, locks } = stage
    cluster.control.setSequence(PATH, 2_147_483_645)
    const order: string[] = []
    const sides = ['writeLock', 'readLock', 'writeLock', 'readLock', 'readLock', 'writeLock'] as const
    const all: Promise<void>[] = []
    for (const [i, side] of sides.entries()) {
      const waiting = locks[i]![side].acquire()
      all.push(
        waiting.then(async (hold) => {
          order.push(`${side === 'readLock' ? 'r' : 'w'}${hold.path.slice(-11)}`)
          await cluster.clock.advance(5)
          await hold.release()
        }),
      )
      await cluster.pass(3)
    }
    await cluster.until(Promise.all(all))
    expect(order).toEqual([
      'w_2147483645',
      'r_2147483646',
      'w_2147483647',
      'r-2147483648',
      'r-2147483647',
      'w-2147483646',
    ])
    await cluster.expectNothingLeft(PATH)
  })

  test('a lock downgraded after the overflow keeps its place', async () => {
    await using stage = await ReadWriteStage.start(2)
    const { cluster, locks } = stage
    cluster.control.setSequence(PATH, -2_147_483_648)
    const write = await cluster.until(locks[0]!.writeLock.acquire())
    const next = see(locks[1]!.writeLock.acquire())
    await cluster.quiet()
    const read = await cluster.until(write.downgrade())
    expect(read.path).toMatch(/__READ__-2147483648$/)
    await cluster.pass(5_000)
    expect(next.settled).toBe(false)
    await cluster.until(read.release())
    await cluster.until((await cluster.until(next.promise)).release())
  })

  test('a try takes what is free for it, and leaves nothing where it is not', async () => {
    await using stage = await ReadWriteStage.start(3)
    const { cluster, zks, locks } = stage
    const [one, two, three] = locks
    const read = await cluster.until(one!.readLock.tryAcquire())
    const another = await cluster.until(two!.readLock.tryAcquire())
    const requests = stage.requestsOf(zks[2]!)
    expect(await cluster.until(three!.writeLock.tryAcquire())).toBeUndefined()
    expect(requests).toEqual(['sync', 'getChildren2'])
    await expect(cluster.until(three!.writeLock.acquire({ timeoutMs: 0 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    await cluster.until(read!.release())
    await cluster.until(another!.release())
    const write = await cluster.until(three!.writeLock.tryAcquire())
    expect(await cluster.until(one!.readLock.tryAcquire())).toBeUndefined()
    await expect(cluster.until(one!.readLock.acquire({ timeoutMs: 0 }))).rejects.toThrow(/a writer was ahead/)
    await cluster.until(write!.release())
    await cluster.expectNothingLeft(PATH)
  })
})

describe('what it costs', () => {
  test('a free lock takes one round trip and two requests either way, its release one more', async () => {
    await using stage = await ReadWriteStage.start(1)
    const { cluster, zks, locks } = stage
    const requests = stage.requestsOf(zks[0]!)
    for (const side of ['readLock', 'writeLock'] as const) {
      requests.length = 0
      const hold = await cluster.until(locks[0]![side].acquire())
      expect(requests).toEqual(['create', 'getChildren2'])
      const mark = side === 'readLock' ? 'READ' : 'WRIT'
      expect(hold.path).toMatch(new RegExp(`^${PATH}/_c_[0-9a-f-]{36}-__${mark}__[0-9]{10}$`))
      await cluster.until(hold.release())
      expect(requests).toEqual(['create', 'getChildren2', 'delete'])
    }
  })

  test('with 30 readers behind a second writer, the first writer’s release wakes that writer alone', async () => {
    await using stage = await ReadWriteStage.start(4)
    const { cluster, zks, locks } = stage
    const first = await cluster.until(locks[0]!.writeLock.acquire())
    const second = see(locks[1]!.writeLock.acquire())
    await cluster.quiet()
    const readers = Array.from({ length: 30 }, (_, i) => see(locks[2 + (i % 2)]!.readLock.acquire()))
    await cluster.quiet()
    const requests = [...zks.slice(2)].map((zk) => stage.requestsOf(zk))
    const watches = cluster.control.watchCounts().data
    await cluster.until(first.release())
    await cluster.until(second.promise)
    await cluster.quiet()
    // The one watch of the second writer fired; the readers have not heard of it.
    expect(watches - cluster.control.watchCounts().data).toBe(1)
    expect(requests).toEqual([[], []])
    await cluster.until(second.value!.release())
    await cluster.until(Promise.all(readers.map(async ({ promise }) => promise)))
    // Each looked once more, as it had seen two writers.
    expect(requests.flat()).toEqual(Array<string>(30).fill('getChildren2'))
    for (const { value } of readers) await cluster.until(value!.release())
    await cluster.expectNothingLeft(PATH)
  })

  test('with 30 readers behind the only writer, its release lets all in without another request', async () => {
    await using stage = await ReadWriteStage.start(3)
    const { cluster, zks, locks } = stage
    const writer = await cluster.until(locks[0]!.writeLock.acquire())
    const readers = Array.from({ length: 30 }, (_, i) => see(locks[1 + (i % 2)]!.readLock.acquire()))
    await cluster.quiet()
    const requests = zks.slice(1).map((zk) => stage.requestsOf(zk))
    await cluster.until(writer.release())
    await cluster.until(Promise.all(readers.map(async ({ promise }) => promise)))
    expect(requests).toEqual([[], []])
    for (const { value } of readers) await cluster.until(value!.release())
    await cluster.expectNothingLeft(PATH)
  })

  test('among 30 writers each release wakes one', async () => {
    await using stage = await ReadWriteStage.start(2)
    const { cluster, locks } = stage
    const first = await cluster.until(locks[0]!.writeLock.acquire())
    const writers = []
    for (let i = 0; i < 30; i++) {
      writers.push(see(locks[i % 2]!.writeLock.acquire()))
      await cluster.pass(3)
    }
    await cluster.quiet()
    expect(cluster.control.watchCounts().data).toBe(30)
    await cluster.until(first.release())
    for (const [i, writer] of writers.entries()) {
      await cluster.until(writer.promise)
      await cluster.quiet()
      expect(writers.filter(({ settled }) => settled)).toHaveLength(i + 1)
      expect(cluster.control.watchCounts().data).toBe(29 - i)
      await cluster.until(writer.value!.release())
    }
    await cluster.expectNothingLeft(PATH)
  })
})

test.each([
  ['a bad path', () => new ReadWriteLock({} as never, 'locks')],
  ['a dialect that does not exist', () => new ReadWriteLock({} as never, '/x', { dialect: 'zk' as never })],
  ['an inherited name', () => new ReadWriteLock({} as never, '/x', { dialect: 'toString' as never })],
  ['a bad ACL', () => new ReadWriteLock({} as never, '/x', { acl: [{}] as never })],
])('%s is refused at once', (_, make) => {
  expect(make).toThrow(TypeError)
})

test('a negative limit and a missing function are refused as misuse', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, locks } = stage
  const { readLock, writeLock } = locks[0]!
  await expect(cluster.until(readLock.acquire({ timeoutMs: -1 }))).rejects.toThrow(RangeError)
  await expect(cluster.until(writeLock.tryAcquire({ timeoutMs: NaN }))).rejects.toThrow(TypeError)
  await expect(cluster.until(readLock.run(undefined as never))).rejects.toThrow(TypeError)
  await expect(cluster.until(writeLock.run(1 as never))).rejects.toThrow(TypeError)
  await cluster.expectNothingLeft(PATH)
})

test('what the function throws comes out of run, whatever becomes of the release', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, zks, locks } = stage
  const own = new Error('my own')
  for (const side of ['readLock', 'writeLock'] as const) {
    const running = locks[0]![side].run(async ({ path }: Hold) => {
      await zks[1]!.delete(path)
      throw own
    })
    await expect(cluster.until(running)).rejects.toBe(own)
  }
  await cluster.expectNothingLeft(PATH)
})
