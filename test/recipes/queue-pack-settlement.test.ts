/** What each item of a pack is promised stays as it is alone. */
import { Queue, type Client, type Delivery } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { EXPIRY_MS, requestsOf } from './cluster.js'
import { claimOf, expectNoItems, itemsOf, numbers, takeMany } from './queue-pack-stage.js'
import { drain, expectEmpty, JOBS, queueStage } from './queue-stage.js'

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
