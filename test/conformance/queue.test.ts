/** Queues on the run's servers: the same expectations everywhere. */
import { DelayQueue, IdQueue, PriorityQueue, Queue, Worker, type Delivery } from 'latchkey'
import { expect } from 'vitest'
import { deferred } from '../../src/runtime/deferred.js'
import { endSession, itNeedsTransactions, recipeStage, type RecipeClient } from './recipe-stage.js'

async function stage(count: number): Promise<{ path: string; zks: RecipeClient[] }> {
  const { path, zks } = await recipeStage(count)
  return { path: `${path}/jobs`, zks }
}

async function drain<T>(queue: Pick<Queue<T>, 'tryTake'>): Promise<T[]> {
  const items: T[] = []
  for (;;) {
    const delivery = await queue.tryTake()
    if (delivery === undefined) return items
    items.push(delivery.item)
    await delivery.ack()
  }
}

itNeedsTransactions(
  'items come in their order, over several segments, and each to one of three consumers',
  async () => {
    const { path, zks } = await stage(3)
    const queues = zks.map((zk) => new Queue<number>(zk, path, { segmentItems: 20 }))
    const all = Array.from({ length: 70 }, (_, i) => i)
    await queues[0]!.putMany(all.slice(0, 35))
    for (const i of all.slice(35)) await queues[1]!.put(i)
    await zks[2]!.sync('/')
    expect(await queues[2]!.size()).toBe(70)
    expect(await drain(queues[2]!)).toEqual(all)
    await queues[1]!.putMany(all)
    const got = await Promise.all(queues.map(drain))
    expect(got.flat().sort((a, b) => a - b)).toEqual(all)
  },
)

itNeedsTransactions('an idle consumer is woken, and gets what a dead one had', async () => {
  const { path, zks } = await stage(3)
  const [producer, first, second] = zks.map((zk) => new Queue<string>(zk, path)) as [
    Queue<string>,
    Queue<string>,
    Queue<string>,
  ]
  const [delivery] = await Promise.all([first.take(), producer.put('a')])
  const { signal } = delivery
  const waiting = second.take()
  await endSession(zks[1]!)
  const again = await waiting
  expect(again).toMatchObject({ item: 'a', attempt: 2, id: delivery.id })
  await expect(delivery.ack()).rejects.toMatchObject({ code: 'LOCK_LOST' })
  expect(signal.aborted).toBe(true)
  await again.ack({ with: (tx) => tx.create(`${path}/effect`) })
  await zks[0]!.sync('/')
  expect(await producer.size()).toBe(0)
  expect(await zks[0]!.exists(`${path}/effect`)).toBeDefined()
})

itNeedsTransactions(
  'of a pack that several have claimed, what a dead one had not acknowledged comes again, and nothing else does',
  async () => {
    const { path, zks } = await stage(3)
    const [one, two, three] = zks.map((zk) => new Queue<number>(zk, path)) as [
      Queue<number>,
      Queue<number>,
      Queue<number>,
    ]
    const all = Array.from({ length: 12 }, (_, i) => i)
    await three.putMany(all)
    const take = async (queue: Queue<number>, count: number): Promise<Delivery<number>[]> =>
      Promise.all(Array.from({ length: count }, async () => queue.take()))
    const [mine, theirs] = await Promise.all([take(one, 5), take(two, 3)])
    await mine[0]!.guard(zks[0]!.transaction().create(`${path}/guarded`)).commit()
    await Promise.all([mine[1]!.ack(), mine[2]!.ack(), theirs[0]!.ack()])
    await theirs[1]!.nack()
    await zks[2]!.sync('/')
    expect(await three.size()).toBe(9)
    await endSession(zks[0]!)
    await expect(mine[3]!.ack()).rejects.toMatchObject({ code: 'LOCK_LOST' })
    const rest: number[] = []
    // What others were about to take comes back in its own time.
    while (rest.length < 8) {
      const delivery = await three.take()
      await delivery.ack()
      rest.push(delivery.item)
    }
    const gone = [mine[1]!, mine[2]!, theirs[0]!, theirs[2]!].map(({ item }) => item)
    expect(rest.sort((a, b) => a - b)).toEqual(all.filter((item) => !gone.includes(item)))
    const late = mine[0]!.guard(zks[2]!.transaction().create(`${path}/late`))
    await expect(late.commit()).rejects.toMatchObject({ code: 'TRANSACTION_FAILED' })
    await theirs[2]!.ack()
    await zks[2]!.sync('/')
    expect(await three.size()).toBe(0)
    expect(await three.claims()).toEqual([])
    expect(await zks[2]!.exists(`${path}/guarded`)).toBeDefined()
  },
)

itNeedsTransactions('attempts, delays, errors and dead letters are kept on the server', async () => {
  const { path, zks } = await stage(2)
  const [one, two] = zks.map((zk) => new Queue<string>(zk, path)) as [Queue<string>, Queue<string>]
  await one.put('a')
  await (await one.take()).nack({ delayMs: 50, error: new Error('no') })
  const again = await two.take()
  expect(again).toMatchObject({ attempt: 2, lastError: 'Error: no' })
  await again.deadLetter('for good')
  const [letter] = await one.deadLetters.list()
  expect(letter).toMatchObject({ item: 'a', attempts: 2, error: 'for good' })
  expect(await two.deadLetters.requeue(letter!)).toBe(true)
  expect(await drain(one)).toEqual(['a'])
})

itNeedsTransactions('at most once, by priority, by time and by id', async () => {
  const { path, zks } = await stage(2)
  const [zk, other] = zks as [RecipeClient, RecipeClient]
  const once = new Queue<string>(zk, `${path}-once`, { delivery: 'at-most-once' })
  await once.put('a')
  expect((await once.take()).item).toBe('a')
  expect(await once.size()).toBe(0)
  const prior = new PriorityQueue<string>(zk, `${path}-prior`)
  await prior.put('later', { priority: 2 })
  await prior.put('sooner', { priority: -2 })
  expect(await drain(new PriorityQueue<string>(other, `${path}-prior`))).toEqual(['sooner', 'later'])
  const delayed = new DelayQueue<string>(zk, `${path}-delayed`)
  await delayed.put('second', { delayMs: 200 })
  await delayed.put('first', { delayMs: 100 })
  const [first, second] = [await delayed.take(), await delayed.take()]
  expect([first.item, second.item]).toEqual(['first', 'second'])
  await Promise.all([first.ack(), second.ack()])
  const ids = new IdQueue<string>(zk, `${path}-ids`)
  expect([await ids.put('a', 'x'), await ids.put('b', 'x')]).toEqual([true, false])
  await other.sync('/')
  expect(await new IdQueue<string>(other, `${path}-ids`).remove('x')).toBe(1)
  expect(await ids.put('c', 'x')).toBe(true)
})

itNeedsTransactions(
  'workers share a queue; one that loses its session in the middle costs an attempt, not an item',
  async () => {
    const { path, zks } = await stage(3)
    const items = Array.from({ length: 60 }, (_, i) => `job ${i}`)
    await new Queue<string>(zks[0]!, path).putMany(items)
    const done = new Set<string>()
    const all = deferred<undefined>()
    const workers = zks.map((zk) => {
      const worker = new Worker(new Queue<string>(zk, path), async () => zk.sync('/'), { concurrency: 4 })
      worker.on('completed', ({ item }) => {
        done.add(item)
        if (done.size === items.length) all.resolve(undefined)
      })
      // One whose acknowledgement is not known to have been made: done, if nobody gets it again.
      worker.on('lost', ({ item, error }) => {
        if ((error as { outcome?: string }).outcome === 'unknown') done.add(item)
      })
      return worker
    })
    await endSession(zks[1]!)
    await all.promise
    await Promise.all(workers.map(async (worker) => worker.stop()))
    await zks[0]!.sync('/')
    expect(await new Queue<string>(zks[0]!, path).size()).toBe(0)
  },
)

itNeedsTransactions('50,000 items', { timeout: 120_000 }, async () => {
  const { path, zks } = await stage(2)
  const [producer, consumer] = zks.map((zk) => new Queue<number>(zk, path)) as [Queue<number>, Queue<number>]
  await producer.putMany(Array.from({ length: 50_000 }, (_, i) => i))
  await zks[1]!.sync('/')
  expect(await consumer.size()).toBe(50_000)
  expect((await consumer.peek())?.item).toBe(0)
  for (let i = 0; i < 20; i++) {
    const batch = await Promise.all(Array.from({ length: 100 }, async () => consumer.take()))
    expect(batch.map(({ item }) => item).sort((a, b) => a - b)[0]).toBe(100 * i)
    await Promise.all(batch.map(async (delivery) => delivery.ack()))
  }
  // The producer's server may be behind the consumer's.
  await zks[0]!.sync('/')
  expect(await producer.size()).toBe(48_000)
})
