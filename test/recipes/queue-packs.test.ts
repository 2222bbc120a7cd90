/** Items that are put at the same time share a znode, a pack. */
import { DelayQueue, IdQueue, PriorityQueue, Queue, Worker, type Client } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { EXPIRY_MS, requestsOf } from './cluster.js'
import { claimOf, expectNoItems, itemsOf, numbers, pathOf, takeMany, znodes } from './queue-pack-stage.js'
import { drain, expectEmpty, JOBS, queueStage, takeOne } from './queue-stage.js'

describe('what is put at the same time', () => {
  test('shares a znode, up to packItems of them, and comes in its order', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS, { packItems: 4 })
    await cluster.until(Promise.all(numbers(10).map(async (item) => queue.put(item))))
    expect((await znodes(cluster)).map((name) => name.replace(/^[0-9a-f]+|\d{10}$/g, ''))).toEqual(
      expect.arrayContaining(['x4-', 'x4-', 'x2-']),
    )
    expect(await cluster.until(queue.size())).toBe(10)
    expect(await cluster.until(drain(queue))).toEqual(numbers(10))
    await expectEmpty(cluster)
  })

  test.each([
    { what: 'alone', packItems: 1, znodesOf: 3 },
    { what: 'together', packItems: 2, znodesOf: 2 },
  ])('packItems $packItems: $what', async ({ packItems, znodesOf }) => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS, { packItems })
    await cluster.until(queue.putMany(numbers(3)))
    expect(await znodes(cluster)).toHaveLength(znodesOf)
    expect(await cluster.until(drain(queue))).toEqual(numbers(3))
  })

  test.each([0, 1.5, 257, Infinity, NaN])('packItems %s is refused', async (packItems) => {
    await using stage = await queueStage(1)
    expect(() => new Queue(stage.zks[0]!, JOBS, { packItems })).toThrow(/packItems/)
  })

  test('is alone if it is large, has an id, is put off, or is of another priority', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const [zk] = zks as [Client]
    const queue = new Queue<string>(zk, JOBS)
    const large = 'x'.repeat(5_000)
    await cluster.until(queue.putMany(['a', large, 'b', 'c']))
    expect(await znodes(cluster)).toHaveLength(3)
    expect(await cluster.until(drain(queue))).toEqual(['a', large, 'b', 'c'])
    const ids = new IdQueue<string>(zk, JOBS)
    await cluster.until(Promise.all([ids.put('a', '1'), ids.put('b', '2')]))
    expect(await znodes(cluster)).toHaveLength(2)
    expect(await cluster.until(ids.remove('1'))).toBe(1)
    expect(await cluster.until(drain(ids))).toEqual(['b'])
    const priorities = new PriorityQueue<string>(zk, JOBS)
    const puts = [1, 1, 2].map(async (priority) => priorities.put(`p${priority}`, { priority }))
    await cluster.until(Promise.all(puts))
    expect(await znodes(cluster)).toHaveLength(2)
    expect(await cluster.until(drain(priorities))).toEqual(['p1', 'p1', 'p2'])
    const delays = new DelayQueue<string>(zk, JOBS)
    await cluster.until(Promise.all([delays.put('a', { delayMs: 500 }), delays.put('b', { delayMs: 500 })]))
    expect(await znodes(cluster, 'delayed')).toHaveLength(2)
    await cluster.pass(1_000)
    expect(await cluster.until(drain(delays))).toEqual(['a', 'b'])
    await expectEmpty(cluster)
  })

  test('does not outgrow a pack of 16 KB', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(16).map((index) => `${index}`.padEnd(3_000))))
    expect(await znodes(cluster)).toHaveLength(4)
    expect((await cluster.until(drain(queue))).map((item) => Number(item))).toEqual(numbers(16))
  })

  test('does not outgrow a segment, even if all packs are taken apart', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS, { segmentItems: 8, packItems: 4 })
    for (const item of numbers(8))
      await cluster.until(queue.putMany([4 * item, 4 * item + 1, 4 * item + 2, 4 * item + 3]))
    await cluster.quiet()
    expect((await cluster.children(`${JOBS}/ready`))!.length).toBeGreaterThanOrEqual(4)
    expect(await cluster.until(queue.size())).toBe(32)
    expect(await cluster.until(drain(queue))).toEqual(numbers(32))
    await expectEmpty(cluster)
  })
})

describe('bytes that are no item', () => {
  test.each(['at-least-once', 'at-most-once'] as const)(
    'among others in a pack (%s): only they become a dead letter',
    async (delivery) => {
      await using stage = await queueStage(1)
      const { cluster, zks } = stage
      const raw = new Queue<string>(zks[0]!, JOBS, { codec: { encode: (item) => item, decode: String } })
      await cluster.until(raw.putMany(['"a"', '{', '"b"']))
      const queue = new Queue<string>(zks[0]!, JOBS, { delivery })
      const taken = await takeMany(cluster, queue, 2)
      expect(itemsOf(taken)).toEqual(['a', 'b'])
      await cluster.until(Promise.all(taken.map(async (each) => each.ack())))
      const letters = await cluster.until(queue.deadLetters.list())
      expect(letters.map(({ bytes, error }) => [bytes.toString(), error?.slice(0, 11)])).toEqual([
        ['{', 'undecodable'],
      ])
      expect(await cluster.until(queue.deadLetters.remove(letters[0]!))).toBe(true)
      await expectNoItems(cluster, queue)
    },
  )

  test.each(['locks', undefined])('among others in a Curator znode, lock path %s', async (locks) => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const lockPath = locks && `/${locks}`
    const queue = new Queue<string>(zks[0]!, JOBS, { dialect: 'curator', lockPath })
    await cluster.until(queue.put('"x"'))
    const part = (text: string): Buffer => {
      const head = Buffer.from([1, 0, 0, 0, text.length])
      return Buffer.concat([head, Buffer.from(text)])
    }
    const data = Buffer.concat([
      Buffer.from([0, 1, 0, 1]),
      part('"a"'),
      part('{'),
      part('"b"'),
      Buffer.from([2]),
    ])
    const [name] = (await cluster.children(JOBS))!.filter((each) => each.startsWith('queue-'))
    await cluster.until(zks[0]!.set(`${JOBS}/${name}`, data))
    expect(await cluster.until(drain(queue))).toEqual(['a', 'b'])
    expect((await cluster.until(queue.deadLetters.list())).map(({ bytes }) => bytes.toString())).toEqual([
      '{',
    ])
  })

  test.each([
    ['cut off in a head', Buffer.from([2, 0, 0, 0, 0, 0])],
    ['cut off in an item', Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 9, 1])],
    ['without items', Buffer.from([2, 0, 0])],
    ['with a number twice', Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 1, 0x31, 0, 1, 0, 0, 0, 1, 0x32])],
  ])('a pack %s becomes one dead letter', async (_, data) => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    await cluster.until(queue.put(3))
    const path = (await pathOf(cluster)).replace(/[^/]*$/, '')
    const pack = (await znodes(cluster)).find((name) => name.includes('x3-'))!
    await cluster.until(zks[0]!.set(path + pack, data))
    expect(await cluster.until(queue.size())).toBeGreaterThan(0)
    expect(await cluster.until(drain(queue))).toEqual([3])
    expect((await cluster.until(queue.deadLetters.list())).map(({ bytes }) => bytes)).toEqual([data])
  })
})

describe('at most once', () => {
  test('who takes one of a pack and dies takes no other along', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS, { delivery: 'at-most-once' })
    await cluster.until(queue.putMany(numbers(4)))
    expect((await cluster.until(queue.take())).item).toBe(0)
    expect((await cluster.until(queue.take())).item).toBe(1)
    cluster.control.expireSession(zks[0]!.session!.id)
    await cluster.pass(EXPIRY_MS)
    expect(await cluster.until(drain(new Queue<number>(zks[1]!, JOBS)))).toEqual([2, 3])
    await expectEmpty(cluster)
  })
})

describe('putting', () => {
  test('one that is given up is taken back, those beside it stay', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('first'))
    const puts = ['a', 'b', 'c', 'd'].map(async (item, index) =>
      queue.put(item, index === 1 || index === 2 ? { timeoutMs: 1.5 } : {}),
    )
    const ends = await cluster.until(Promise.allSettled(puts))
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    await cluster.quiet()
    expect(await cluster.until(queue.size())).toBe(3)
    expect(await cluster.until(drain(queue))).toEqual(['first', 'a', 'd'])
    await expectEmpty(cluster)
  })

  test('all of a pack that are given up leave nothing', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('first'))
    await cluster.until(takeOne(queue))
    const puts = ['a', 'b', 'c'].map(async (item) => queue.put(item, { timeoutMs: 1.5 }))
    await cluster.until(Promise.allSettled(puts))
    await cluster.quiet()
    expect(await znodes(cluster)).toEqual([])
    await expectEmpty(cluster)
  })

  test('a put whose session ended before the reply came is found in its pack', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('first'))
    const armed = cluster.control.dropAfter({ operation: 'multi', where: () => true })
    const putting = Promise.all(['a', 'b'].map(async (item) => queue.put(item)))
    await cluster.pass(2)
    cluster.control.expireSession(zks[0]!.session!.id)
    await cluster.until(putting)
    expect(armed.hasFired).toBe(true)
    expect(await cluster.until(drain(queue))).toEqual(['first', 'a', 'b'])
  })

  test('waits for room by items, not by znodes', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS, { capacity: 6 })
    const consumer = new Queue<number>(zks[1]!, JOBS)
    await cluster.until(queue.putMany(numbers(6)))
    expect(await znodes(cluster)).toHaveLength(1)
    const seventh = queue.put(6)
    let isPut = false
    void seventh.then(() => (isPut = true))
    await cluster.quiet()
    expect(isPut).toBe(false)
    expect(await cluster.until(takeOne(consumer))).toBe(0)
    await cluster.until(seventh)
    expect(await cluster.until(drain(consumer))).toEqual([1, 2, 3, 4, 5, 6])
    await expectEmpty(cluster)
  })
})

test('one long job out of a pack takes no more room than one', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const queue = new Queue<number>(zks[0]!, JOBS, { capacity: 4 })
  const consumer = new Queue<number>(zks[1]!, JOBS)
  await cluster.until(queue.putMany(numbers(4)))
  const long = await cluster.until(consumer.take())
  const more = queue.putMany([4, 5, 6])
  for (const item of [1, 2, 3]) expect(await cluster.until(takeOne(consumer))).toBe(item)
  await cluster.until(more)
  expect(await cluster.until(consumer.size())).toBe(4)
  await cluster.until(long.ack())
  expect(await cluster.until(drain(consumer))).toEqual([4, 5, 6])
  await expectEmpty(cluster)
})

describe('who takes one after the other', () => {
  test('with four hands: claims what they are likely to want next along with what they want', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(160)))
    const seen = requestsOf(cluster, zks[0]!)
    const hands = numbers(4).map(async () => takeInTurn(queue, 40))
    const taken = await cluster.until(Promise.all(hands))
    expect(taken.flat().sort((a, b) => a - b)).toEqual(numbers(160))
    for (const items of taken) expect(items).toEqual(items.toSorted((a, b) => a - b))
    expect(seen.filter((operation) => operation === 'multi').length).toBeLessThan(80)
    await expectEmpty(cluster)
  })

  test('and then takes no more gives the rest back, in its place and uncounted', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(80)))
    expect(await cluster.until(takeInTurn(queue, 50))).toEqual(numbers(50))
    await cluster.pass(40)
    expect((await cluster.children(`${JOBS}/claims`)) ?? []).toEqual([])
    const other = new Queue<number>(zks[1]!, JOBS)
    const rest = await takeMany(cluster, other, 30)
    expect(itemsOf(rest)).toEqual(numbers(80).slice(50))
    expect(new Set(rest.map(({ attempt }) => attempt))).toEqual(new Set([1]))
    await cluster.until(Promise.all(rest.map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('and loses its session meanwhile: what was claimed for later comes again', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(80)))
    await cluster.until(takeInTurn(queue, 50))
    cluster.control.expireSession(zks[0]!.session!.id)
    const next = await cluster.until(queue.take())
    const [end] = await cluster.until(Promise.allSettled([next.ack()]))
    await cluster.pass(EXPIRY_MS)
    const rest = await cluster.until(drain(new Queue<number>(zks[1]!, JOBS)))
    // Handed out before the client could know, it is refused; else it is of the next session.
    expect(rest).toEqual(
      numbers(80)
        .slice(50)
        .filter((item) => end.status === 'rejected' || item !== next.item),
    )
  })

  test('and hears that the claim is lost is handed no more of it', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(80)))
    expect(await cluster.until(takeInTurn(queue, 50))).toEqual(numbers(50))
    const lost = await cluster.until(queue.take())
    await cluster.until(zks[1]!.delete(claimOf(lost)))
    await expect(cluster.until(lost.ack())).rejects.toMatchObject({ code: 'LOCK_LOST' })
    const next = await cluster.until(queue.take())
    expect(next.signal.aborted).toBe(false)
    await cluster.until(next.ack())
  })

  test('gives back what it does not come for in its next session, too', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(160)))
    await cluster.until(takeInTurn(queue, 50))
    cluster.control.expireSession(zks[0]!.session!.id)
    await cluster.pass(EXPIRY_MS)
    await cluster.until(takeInTurn(queue, 50))
    await cluster.pass(100)
    expect((await cluster.children(`${JOBS}/claims`)) ?? []).toEqual([])
    expect(await cluster.until(drain(new Queue<number>(zks[1]!, JOBS)))).toEqual(numbers(160).slice(100))
    await expectEmpty(cluster)
  })
})

/** As a worker does: the next is taken while the last acknowledgement is under way. */
async function takeInTurn(queue: Queue<number>, count: number): Promise<number[]> {
  const items: number[] = []
  let acked = Promise.resolve()
  for await (const delivery of queue) {
    await acked
    acked = delivery.ack()
    if (items.push(delivery.item) === count) break
  }
  await acked
  return items
}

test('workers with one hand each share a pack', async () => {
  await using stage = await queueStage(4)
  const { cluster, zks } = stage
  const queue = new Queue<number>(zks[0]!, JOBS)
  const done: [number, number][] = []
  const workers = zks.slice(1).map(
    (zk, index) =>
      new Worker<number>(new Queue<number>(zk, JOBS), async (item) => {
        done.push([index, item])
        await new Promise<void>((resolve) => cluster.clock.setTimer(1_000, resolve))
      }),
  )
  await cluster.quiet()
  await cluster.until(queue.putMany(numbers(6)))
  await cluster.pass(500)
  expect(new Set(done.map(([worker]) => worker)).size).toBe(3)
  await cluster.pass(3_000)
  expect(done.map(([, item]) => item).sort()).toEqual(numbers(6))
  for (const worker of workers) await cluster.until(worker.stop())
  await expectEmpty(cluster)
})
