/** Items that are put at the same time share a znode, a pack; what each of them is promised stays as it is alone. */
import { DelayQueue, IdQueue, PriorityQueue, Queue, Worker, type Client, type Delivery } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { EXPIRY_MS, requestsOf, type Cluster } from './cluster.js'
import { drain, expectEmpty, JOBS, queueStage, takeOne } from './queue-stage.js'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Names of the znodes that hold items. */
async function znodes(cluster: Cluster, shelf = 'ready'): Promise<string[]> {
  const found: string[] = []
  for (const segment of (await cluster.children(`${JOBS}/${shelf}`)) ?? [])
    found.push(...((await cluster.children(`${JOBS}/${shelf}/${segment}`)) ?? []))
  return found
}

async function pathOf(cluster: Cluster): Promise<string> {
  const [segment] = (await cluster.children(`${JOBS}/ready`))!
  const [name] = (await cluster.children(`${JOBS}/ready/${segment}`))!
  return `${JOBS}/ready/${segment}/${name}`
}

const claimOf = ({ path }: Delivery<unknown>): string =>
  `${JOBS}/claims/${path.slice(path.lastIndexOf('/') + 1)}`

async function takeMany<T>(cluster: Cluster, queue: Queue<T>, count: number): Promise<Delivery<T>[]> {
  return cluster.until(Promise.all(numbers(count).map(async () => queue.take())))
}

const itemsOf = <T>(deliveries: readonly Delivery<T>[]): T[] => deliveries.map(({ item }) => item)

/** Of a queue that had dead letters: their parents are there yet. */
async function expectNoItems(cluster: Cluster, queue: Queue<unknown>): Promise<void> {
  await cluster.quiet()
  expect(await znodes(cluster)).toEqual([])
  expect(await cluster.until(queue.deadLetters.size())).toBe(0)
  expect((await cluster.children(`${JOBS}/claims`)) ?? []).toEqual([])
  expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
}

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

describe('a pack', () => {
  test('is claimed with one transaction and acknowledged with one', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(16)))
    const seen = requestsOf(cluster, zks[0]!)
    const taken = await takeMany(cluster, queue, 16)
    expect(itemsOf(taken)).toEqual(numbers(16))
    expect(new Set(taken.map(({ id }) => id)).size).toBe(16)
    await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
    // The parent of the claims is made on the way.
    expect(seen.filter((operation) => operation === 'multi').length).toBeLessThanOrEqual(3)
    await expectEmpty(cluster)
  })

  test('is taken apart by who wants fewer, and the others go to others, in order', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [one, two] = zks.map((zk) => new Queue<number>(zk, JOBS)) as [Queue<number>, Queue<number>]
    await cluster.until(one.putMany(numbers(6)))
    const first = await cluster.until(one.take())
    expect(first.item).toBe(0)
    const others = await takeMany(cluster, two, 3)
    expect(itemsOf(others)).toEqual([1, 2, 3])
    expect(others.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
    expect(await cluster.until(two.size())).toBe(6)
    for (const delivery of [first, ...others]) await cluster.until(delivery.ack())
    expect(await cluster.until(drain(one))).toEqual([4, 5])
    await expectEmpty(cluster)
  })

  test('goes to as many idle consumers as it has items', async () => {
    await using stage = await queueStage(5)
    const { cluster, zks } = stage
    const queues = zks.map((zk) => new Queue<number>(zk, JOBS))
    const takes = queues.slice(1).map(async (queue) => queue.take())
    await cluster.quiet()
    await cluster.until(queues[0]!.putMany(numbers(4)))
    const taken = await cluster.until(Promise.all(takes))
    expect(itemsOf(taken).sort()).toEqual(numbers(4))
    for (const delivery of taken) await cluster.until(delivery.ack())
    await expectEmpty(cluster)
  })

  test('whose consumer dies comes again, but for what was acknowledged', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [one, two] = zks.map((zk) => new Queue<number>(zk, JOBS)) as [Queue<number>, Queue<number>]
    await cluster.until(one.putMany(numbers(5)))
    const taken = await takeMany(cluster, one, 5)
    await cluster.until(taken[1]!.ack())
    await cluster.until(Promise.all([taken[3]!.ack(), taken[4]!.nack()]))
    expect(await cluster.until(two.size())).toBe(3)
    cluster.control.expireSession(zks[0]!.session!.id)
    await cluster.pass(EXPIRY_MS)
    await expect(cluster.until(taken[0]!.ack())).rejects.toMatchObject({ code: 'LOCK_LOST' })
    expect(await cluster.until(two.size())).toBe(3)
    const again = await takeMany(cluster, two, 3)
    expect(itemsOf(again)).toEqual([0, 2, 4])
    expect(again.map(({ attempt }) => attempt)).toEqual([2, 2, 2])
    expect(again.map(({ id }) => id)).toEqual([0, 2, 4].map((index) => taken[index]!.id))
    await cluster.until(Promise.all(again.map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('of which one is given back: others can take it at once, with its error and its place', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [one, two] = zks.map((zk) => new Queue<number>(zk, JOBS)) as [Queue<number>, Queue<number>]
    await cluster.until(one.putMany(numbers(3)))
    const taken = await takeMany(cluster, one, 3)
    await cluster.until(one.put(3))
    await cluster.until(taken[1]!.nack({ error: new Error('no') }))
    const again = await cluster.until(two.take())
    expect(again).toMatchObject({ item: 1, id: taken[1]!.id, attempt: 2, lastError: 'Error: no' })
    expect(taken[0]!.signal.aborted).toBe(false)
    await cluster.until(again.nack())
    for (const index of [0, 2]) await cluster.until(taken[index]!.ack())
    expect(await cluster.until(drain(two))).toEqual([1, 3])
    await expectEmpty(cluster)
  })

  test('whose items all go back with different errors keeps each error', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    const taken = await takeMany(cluster, queue, 3)
    await cluster.until(
      Promise.all(taken.map(async (delivery) => delivery.nack({ error: `e${delivery.item}` }))),
    )
    const again = await takeMany(cluster, queue, 3)
    expect(again.map(({ item, attempt, lastError }) => [item, attempt, lastError])).toEqual([
      [0, 2, 'e0'],
      [1, 2, 'e1'],
      [2, 2, 'e2'],
    ])
    await cluster.until(Promise.all(again.map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('that nobody wants any more goes back as it was', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    const abort = new AbortController()
    const takes = numbers(4).map(async () => queue.take({ signal: abort.signal }))
    const ends = Promise.allSettled(takes)
    await cluster.quiet()
    const producing = new Queue<number>(zks[1]!, JOBS).putMany(numbers(4))
    await cluster.pass(5)
    abort.abort(new Error('enough'))
    await cluster.until(producing)
    expect((await cluster.until(ends)).every(({ status }) => status === 'rejected')).toBe(true)
    await cluster.quiet()
    const again = await takeMany(cluster, queue, 4)
    expect(again.map(({ item, attempt }) => [item, attempt])).toEqual(numbers(4).map((item) => [item, 1]))
    await cluster.until(Promise.all(again.map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('of which one is put off and one is given up: the others stay, the ids too', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(['a', 'b', 'c']))
    const [a, b, c] = (await takeMany(cluster, queue, 3)) as [
      Delivery<string>,
      Delivery<string>,
      Delivery<string>,
    ]
    const later = a.nack({ delayMs: 1_000, error: 'later' })
    const dead = b.deadLetter('never')
    const done = c.ack()
    await cluster.until(Promise.all([later, dead, done]))
    expect(await cluster.until(queue.size())).toBe(1)
    expect(await cluster.until(queue.deadLetters.list())).toMatchObject([
      { item: 'b', id: b.id, error: 'never', attempts: 1 },
    ])
    await cluster.pass(1_000)
    const again = await cluster.until(queue.take())
    expect(again).toMatchObject({ item: 'a', id: a.id, attempt: 2, lastError: 'later' })
    await cluster.until(again.ack())
    const [letter] = await cluster.until(queue.deadLetters.list())
    expect(await cluster.until(queue.deadLetters.requeue(letter!))).toBe(true)
    const once = await cluster.until(queue.take())
    expect(once).toMatchObject({ item: 'b', id: b.id, attempt: 1 })
    await cluster.until(once.ack())
    await expectNoItems(cluster, queue)
  })

  test('of which one is acknowledged with an effect that is refused: the others are acknowledged', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    const taken = await takeMany(cluster, queue, 3)
    const [good, bad, effective] = await cluster.until(
      Promise.allSettled([
        taken[0]!.ack(),
        taken[1]!.ack({ with: (tx) => tx.create('/no/such/parent') }),
        taken[2]!.ack({ with: (tx) => tx.create('/effect') }),
      ]),
    )
    expect([good.status, effective.status]).toEqual(['fulfilled', 'fulfilled'])
    expect(bad).toMatchObject({ reason: { code: 'TRANSACTION_FAILED', failedIndex: 0 } })
    expect(await cluster.children('/effect')).toEqual([])
    await cluster.until(taken[1]!.ack())
    await expectEmpty(cluster)
  })

  test('that lost its claim: none of its items is ours', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    const taken = await takeMany(cluster, queue, 3)
    await cluster.until(zks[1]!.delete(claimOf(taken[0]!)))
    const ends = await cluster.until(Promise.allSettled(taken.map(async (delivery) => delivery.ack())))
    for (const end of ends) expect(end).toMatchObject({ reason: { code: 'LOCK_LOST' } })
    expect(await cluster.until(drain(new Queue<number>(zks[1]!, JOBS)))).toEqual(numbers(3))
    await expectEmpty(cluster)
  })

  test.each(['dropAfter', 'dropBefore'] as const)('a reply lost (%s) at each settlement', async (fault) => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(6)))
    const taken = await takeMany(cluster, queue, 6)
    for (const part of [taken.slice(0, 2), taken.slice(2, 4), taken.slice(4)]) {
      const armed = cluster.control[fault]({ operation: 'multi' })
      await cluster.until(Promise.all(part.map(async (delivery) => delivery.ack())))
      expect(armed.hasFired).toBe(true)
    }
    expect(await cluster.until(drain(queue))).toEqual([])
    await expectEmpty(cluster)
  })

  test('is counted without what was acknowledged, and its claims name each item with its progress', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS, { id: 'me' })
    await cluster.until(queue.putMany(numbers(4)))
    const taken = await takeMany(cluster, queue, 3)
    await cluster.until(taken[1]!.progress({ percent: 50 }))
    await cluster.until(taken[2]!.ack())
    expect(await cluster.until(queue.size())).toBe(3)
    const claims = await cluster.until(queue.claims())
    expect(claims).toMatchObject([
      { id: taken[0]!.id, by: 'me', progress: undefined },
      { id: taken[1]!.id, by: 'me', progress: { percent: 50 } },
    ])
    expect(await cluster.until(queue.peek())).toMatchObject({ item: 3, attempts: 0 })
    for (const delivery of taken.slice(0, 2)) await cluster.until(delivery.ack())
    expect(await cluster.until(drain(queue))).toEqual([3])
    await expectEmpty(cluster)
  })

  test('is peeked at by its first item, whose id is the one that it is delivered with', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    const peeked = await cluster.until(queue.peek())
    const delivery = await cluster.until(queue.take())
    expect(peeked).toEqual({ item: 0, id: delivery.id, attempts: 0 })
    await cluster.until(delivery.ack())
  })
})

test.each(['the guard', 'the item'] as const)(
  'when somebody deletes or writes %s of a pack, nothing is kept from others',
  async (what) => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    const taken = await takeMany(cluster, queue, 3)
    const { path } = taken[0]!
    const [guard] = (await cluster.children(path))!
    if (what === 'the guard') await cluster.until(zks[1]!.delete(`${path}/${guard}`))
    else await cluster.until(zks[1]!.set(path, (await cluster.until(zks[1]!.get(path))).data))
    const ends = await cluster.until(Promise.allSettled(taken.map(async (delivery) => delivery.ack())))
    const isLost = ends.every(({ status }) => status === 'rejected')
    expect(isLost).toBe(what === 'the item')
    await cluster.quiet()
    expect(await cluster.until(drain(new Queue<number>(zks[1]!, JOBS)))).toEqual(isLost ? numbers(3) : [])
    await expectEmpty(cluster)
  },
)

describe('the guard of an item in a pack', () => {
  test('holds while others of the pack are settled, and fails once the item is', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const [zk] = zks as [Client]
    const queue = new Queue<number>(zk, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    const taken = await takeMany(cluster, queue, 3)
    const guarded = taken[0]!.guard(zk.transaction().create('/first'))
    await cluster.until(taken[1]!.ack())
    await cluster.until(guarded.commit())
    const late = taken[2]!.guard(zk.transaction().create('/late'))
    await cluster.until(Promise.all([taken[0]!.ack(), taken[2]!.ack()]))
    await expect(cluster.until(late.commit())).rejects.toMatchObject({ code: 'TRANSACTION_FAILED' })
    await expectEmpty(cluster)
  })

  test('fails once another consumer has the pack, though our session lives', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [zk] = zks as [Client]
    const queue = new Queue<number>(zk, JOBS)
    await cluster.until(queue.putMany(numbers(3)))
    const taken = await takeMany(cluster, queue, 3)
    await cluster.until(zks[1]!.delete(claimOf(taken[0]!)))
    const others = await takeMany(cluster, new Queue<number>(zks[1]!, JOBS), 3)
    const guarded = taken[0]!.guard(zk.transaction().create('/late'))
    await expect(cluster.until(guarded.commit())).rejects.toMatchObject({ code: 'TRANSACTION_FAILED' })
    await cluster.until(others[0]!.guard(zks[1]!.transaction().create('/theirs')).commit())
    await cluster.until(Promise.all(others.map(async (delivery) => delivery.ack())))
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
