/** What taking costs: round trips and requests that a busy consumer does without. */
import { bytesCodec, Queue, UnsupportedError, Worker, type Client, type Delivery } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { requestsOf, type Cluster } from './cluster.js'
import { drain, expectEmpty, JOBS, queueStage, takeOne } from './queue-stage.js'

const items = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** With its parents made, and `count` items in it. */
async function filled(cluster: Cluster, zk: Client, count: number): Promise<Queue<number>> {
  const queue = new Queue<number>(zk, JOBS, { packItems: 1 })
  await cluster.until(queue.put(-1))
  await cluster.until(takeOne(queue))
  if (count > 0) await cluster.until(queue.putMany(items(count)))
  await cluster.quiet()
  return queue
}

const count = (seen: readonly string[], operation: string): number =>
  seen.filter((each) => each === operation).length

describe('a lone consumer', () => {
  test('acknowledges an item and claims the next in one request, and reads each item once', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!, 10)
    const seen = requestsOf(cluster, zks[0]!)
    const taken: number[] = []
    const consume = async (): Promise<void> => {
      let acked = Promise.resolve()
      for await (const delivery of queue) {
        await acked
        acked = delivery.ack()
        if (taken.push(delivery.item) === 10) break
      }
      await acked
    }
    await cluster.until(consume())
    expect(taken).toEqual(items(10))
    // The first two claims, as nothing is read ahead yet; the first and the last acknowledgement; eight of both kinds.
    expect(count(seen, 'multi')).toBe(12)
    expect(count(seen, 'getData') + count(seen, 'multiRead')).toBeLessThanOrEqual(10)
    await expectEmpty(cluster)
  })

  test('a worker does so too', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!, 10)
    const seen = requestsOf(cluster, zks[0]!)
    const done: number[] = []
    const worker = new Worker<number>(queue, (item) => void done.push(item))
    await cluster.pass(200)
    expect(done).toEqual(items(10))
    expect(count(seen, 'multi')).toBe(12)
    await cluster.until(worker.stop())
    await expectEmpty(cluster)
  })

  test('that keeps up with the producer does not join and leave the line for each item', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!, 0)
    const producer = new Queue<number>(zks[1]!, JOBS)
    await cluster.until(producer.put(0))
    await cluster.until(takeOne(queue))
    let taking = takeOne(queue)
    await cluster.quiet()
    const seen = requestsOf(cluster, zks[0]!)
    for (const item of items(5)) {
      await cluster.until(producer.put(item))
      expect(await cluster.until(taking)).toBe(item)
      taking = takeOne(queue)
      await cluster.pass(10)
    }
    expect(seen.filter((operation) => /^(create|delete)/.test(operation))).toEqual([])
    await cluster.until(producer.put(5))
    await cluster.until(taking)
    await expectEmpty(cluster)
  })

  test('that is at work leaves the line to others', async () => {
    await using stage = await queueStage(4)
    const { cluster, zks } = stage
    const queues = zks.map((zk) => new Queue<number>(zk, JOBS))
    const held: Delivery<number>[] = []
    for (const queue of queues.slice(0, 3)) {
      void queue.take().then((delivery) => held.push(delivery))
      await cluster.quiet()
    }
    // None of the three is done with its item, and each item comes when the one before is in somebody's hands.
    for (const item of items(3)) {
      await cluster.until(queues[3]!.put(item))
      await cluster.quiet()
    }
    expect(held.map(({ item }) => item)).toEqual([0, 1, 2])
    for (const delivery of held) await cluster.until(delivery.ack())
    await expectEmpty(cluster)
  })
})

test('items put while the last ones are read are taken in their order', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const queue = await filled(cluster, zks[0]!, 3)
  const producer = new Queue<number>(zks[1]!, JOBS)
  const taken: number[] = []
  const worker = new Worker<number>(queue, async (item) => {
    taken.push(item)
    if (item < 6) await producer.put(item + 3)
  })
  await cluster.pass(500)
  expect(taken).toEqual(items(9))
  await cluster.until(worker.stop())
  await expectEmpty(cluster)
})

test('what was read ahead, and then worked on by another, is not taken by the old reading', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const queue = await filled(cluster, zks[0]!, 3)
  const rival = new Queue<number>(zks[1]!, JOBS)
  const first = await cluster.until(queue.take())
  // In the same moment: the second is claimed and the third read ahead.
  const [second] = await cluster.until(Promise.all([queue.take(), first.ack()]))
  const third = await cluster.until(rival.take())
  expect(third.item).toBe(2)
  await cluster.until(third.nack({ error: 'no' }))
  const [again] = await cluster.until(Promise.all([queue.take(), second.ack()]))
  expect(again).toMatchObject({ item: 2, attempt: 2, lastError: 'no' })
  await cluster.until(again.ack())
  await expectEmpty(cluster)
})

test('claims that a rival is ahead of cost a read each, not a refused transaction each', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const queue = await filled(cluster, zks[0]!, 33)
  const rival = new Queue<number>(zks[1]!, JOBS)
  // Its list has all of them.
  await cluster.until(takeOne(queue))
  const theirs = await cluster.until(Promise.all(items(12).map(async () => rival.take())))
  const seen = requestsOf(cluster, zks[0]!)
  const ours = await cluster.until(Promise.all(items(16).map(async () => queue.take())))
  const both = [...theirs, ...ours].map(({ item }) => item)
  expect(new Set(both).size).toBe(28)
  expect(count(seen, 'multi')).toBeLessThanOrEqual(4)
  await cluster.until(Promise.all([...theirs, ...ours].map(async (delivery) => delivery.ack())))
  expect((await cluster.until(drain(queue))).length).toBe(4)
  await expectEmpty(cluster)
})

describe('items that are wanted at a time', () => {
  test('are read in few requests', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!, 0)
    await cluster.until(queue.putMany(items(60)))
    const seen = requestsOf(cluster, zks[0]!)
    const taken = await cluster.until(Promise.all(items(60).map(async () => queue.take())))
    expect(taken.map(({ item }) => item)).toEqual(items(60))
    expect(count(seen, 'getData') + count(seen, 'multiRead')).toBe(5)
    await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('come however large they are together, small ones first', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<Uint8Array>(zks[0]!, JOBS, { codec: bytesCodec })
    const sizes = items(30).map((index) => (index < 14 ? 10 : 700_000))
    for (const size of sizes) await cluster.until(queue.put(Buffer.alloc(size)))
    const take = async (): Promise<Delivery<Uint8Array>> => queue.take()
    const small = await cluster.until(Promise.all(items(14).map(take)))
    const large = await cluster.until(Promise.all(items(16).map(take)))
    expect([...small, ...large].map(({ item }) => item.length)).toEqual(sizes)
    await cluster.until(Promise.all([...small, ...large].map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('are read one by one from a server that knows no joint reads, which is asked once', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    await filled(cluster, zks[0]!, 8)
    let asked = 0
    const old = new Proxy(zks[0]!, {
      get: (client, name) => {
        const value: unknown = Reflect.get(client, name, client)
        if (name !== 'multiRead') return typeof value === 'function' ? (value.bind(client) as unknown) : value
        return async () => {
          asked++
          return Promise.reject(new UnsupportedError('UNIMPLEMENTED', 'not before 3.6'))
        }
      },
    })
    const queue = new Queue<number>(old, JOBS)
    const seen = requestsOf(cluster, zks[0]!)
    const taken = await cluster.until(Promise.all(items(8).map(async () => queue.take())))
    expect(asked).toBe(1)
    expect(taken.map(({ item }) => item)).toEqual(items(8))
    expect(count(seen, 'getData')).toBe(8)
    await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })
})
