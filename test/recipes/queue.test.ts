import { bytesCodec, hasCode, Queue, type Delivery } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { EXPIRY_MS } from './cluster.js'
import { drain, expectEmpty, JOBS, queueStage, takeOne } from './queue-stage.js'

describe('put and take', () => {
  test('items come in the order in which they were put, and are gone when they are acknowledged', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [producer, consumer] = zks.map((zk) => new Queue<number>(zk, JOBS)) as [
      Queue<number>,
      Queue<number>,
    ]
    for (let i = 0; i < 5; i++) await cluster.until(producer.put(i))
    await cluster.until(producer.putMany([5, 6, 7]))
    expect(await cluster.until(consumer.size())).toBe(8)
    const taken = []
    for (let i = 0; i < 8; i++) taken.push(await cluster.until(takeOne(consumer)))
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(await cluster.until(consumer.size())).toBe(0)
    await expectEmpty(cluster)
  })

  test.each([
    { item: 'taken meanwhile', outcome: 'unknown' },
    { item: 'still there', outcome: 'put' },
  ])(
    'a lost reply to a put whose mark an operator has deleted, the item $item: $outcome',
    async ({ item, outcome }) => {
      await using stage = await queueStage(2)
      const { cluster, zks } = stage
      const [queue, rival] = zks.map((zk) => new Queue<string>(zk, JOBS)) as [Queue<string>, Queue<string>]
      await cluster.until(queue.put('a'))
      await cluster.until((await cluster.until(rival.take())).ack())
      const [mark] = (await cluster.children(`${JOBS}/puts`)) ?? []
      const { fired } = cluster.control.dropAfter({ session: zks[0]!.session!.id, operation: 'multi' })
      const meddling = fired.then(async () => {
        await zks[1]!.delete(`${JOBS}/puts/${mark}`)
        if (item === 'taken meanwhile') await (await rival.take()).ack()
      })
      const putting: unknown = await cluster.until(
        queue.put('b').then(
          () => ({ outcome: 'put' }),
          (error: unknown) => error,
        ),
      )
      await cluster.until(meddling)
      expect(putting).toMatchObject({ outcome })
      expect(await cluster.until(rival.size())).toBe(outcome === 'put' ? 1 : 0)
      await cluster.until(queue.put('c'))
      expect(await cluster.until(drain(rival))).toEqual(outcome === 'put' ? ['b', 'c'] : ['c'])
    },
  )

  test('an item is one consumer’s until it is given back', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [first, second] = zks.map((zk) => new Queue<string>(zk, JOBS)) as [Queue<string>, Queue<string>]
    await cluster.until(first.put('a'))
    const delivery = await cluster.until(first.take())
    expect(delivery).toMatchObject({ item: 'a', attempt: 1, lastError: undefined })
    expect(await cluster.until(second.tryTake())).toBeUndefined()
    const waiting = second.take()
    await cluster.quiet()
    await cluster.until(delivery.nack({ error: new Error('not today') }))
    const again = await cluster.until(waiting)
    expect(again).toMatchObject({ item: 'a', attempt: 2, lastError: 'Error: not today' })
    await cluster.until(again.ack())
    await expectEmpty(cluster)
  })

  test('a consumer that dies gives its item back, with the attempt counted', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [first, second] = zks.map((zk) => new Queue<string>(zk, JOBS)) as [Queue<string>, Queue<string>]
    await cluster.until(first.put('a'))
    const delivery = await cluster.until(first.take())
    const { signal } = delivery
    const waiting = second.take()
    await cluster.quiet()
    cluster.control.expireSession(zks[0]!.session!.id)
    const again = await cluster.until(waiting)
    expect(again.attempt).toBe(2)
    await cluster.quiet()
    expect(signal.aborted).toBe(true)
    await expect(cluster.until(delivery.ack())).rejects.toMatchObject({
      code: 'LOCK_LOST',
      outcome: 'rejected',
    })
    await cluster.until(again.ack())
    await expectEmpty(cluster)
  })

  test('an aborted take leaves no claim and no watch', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    const abort = new AbortController()
    const waiting = expect(queue.take({ signal: abort.signal })).rejects.toThrow('enough')
    await cluster.quiet()
    abort.abort(new Error('enough'))
    await cluster.until(waiting)
    await expect(cluster.until(queue.take({ timeoutMs: 500 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
    await expect(cluster.until(queue.take({ timeoutMs: 0 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
    await expectEmpty(cluster)
  })

  test('an item claimed for somebody who has given up goes back uncounted', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('a'))
    for (let ms = 0; ms < 12; ms += 0.5) {
      const abort = new AbortController()
      const outcome = queue.take({ signal: abort.signal }).then(
        async (delivery) => delivery.putBack(),
        () => undefined,
      )
      await cluster.pass(ms)
      abort.abort(new Error('enough'))
      await cluster.until(outcome)
      await cluster.quiet()
    }
    const delivery = await cluster.until(queue.take())
    expect(delivery.attempt).toBe(1)
    await cluster.until(delivery.ack())
    await expectEmpty(cluster)
  })

  test('the delayed come back when they are due, before younger ones', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(['a', 'b']))
    const a = await cluster.until(queue.take())
    await cluster.until(a.nack({ delayMs: 30_000 }))
    expect(await cluster.until(takeOne(queue))).toBe('b')
    const waiting = queue.take()
    const start = cluster.clock.now()
    await cluster.pass(29_000)
    await cluster.until(queue.put('c'))
    expect((await cluster.until(waiting)).item).toBe('c')
    const late = await cluster.until(queue.take())
    expect(late).toMatchObject({ item: 'a', attempt: 2 })
    expect(cluster.clock.now() - start).toBeGreaterThanOrEqual(29_900)
  })

  test('a delay beyond all time is refused, and the item is still ours', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('a'))
    const delivery = await cluster.until(queue.take())
    await expect(delivery.nack({ delayMs: Infinity })).rejects.toThrow(RangeError)
    await expect(delivery.nack({ delayMs: 1e15 })).rejects.toThrow(RangeError)
    await cluster.until(delivery.ack())
    await expectEmpty(cluster)
  })

  test('an iterator hands out one at a time and ends with its signal', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.putMany([1, 2, 3]))
    const stop = new AbortController()
    const seen: number[] = []
    const reading = (async () => {
      for await (const delivery of queue.deliveries({ signal: stop.signal })) {
        seen.push(delivery.item)
        await delivery.ack()
      }
    })()
    await cluster.quiet()
    stop.abort()
    await cluster.until(reading)
    expect(seen).toEqual([1, 2, 3])
    await expectEmpty(cluster)
  })

  test('bytes go through as they are', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue(zks[0]!, JOBS, { codec: bytesCodec })
    await cluster.until(queue.put(Buffer.from([0, 255, 1])))
    expect(await cluster.until(queue.peek())).toMatchObject({ item: Buffer.from([0, 255, 1]), attempts: 0 })
    expect(await cluster.until(takeOne(queue))).toEqual(Buffer.from([0, 255, 1]))
    expect(await cluster.until(queue.peek())).toBeUndefined()
  })
})

describe('acknowledging', () => {
  test('effects in the same transaction happen once, or not at all', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [zk, rival] = zks as [(typeof zks)[0], (typeof zks)[0]]
    const queue = new Queue<string>(zk, JOBS)
    await cluster.until(zk.ensurePath('/done'))
    await cluster.until(queue.putMany(['a', 'b']))
    const a = await cluster.until(queue.take())
    await expect(cluster.until(a.ack({ with: (tx) => tx.create('/absent/x') }))).rejects.toMatchObject({
      code: 'TRANSACTION_FAILED',
      failedIndex: 0,
      failure: { code: 'NO_NODE' },
    })
    await cluster.until(a.ack({ with: (tx) => tx.create('/done/a') }))
    await cluster.until(a.ack())
    const b = await cluster.until(queue.take())
    await cluster.until(b.guard(zk.transaction().create('/done/b-begun')).commit())
    cluster.control.expireSession(zk.session!.id)
    await cluster.pass(EXPIRY_MS)
    await expect(cluster.until(b.ack({ with: (tx) => tx.create('/done/b') }))).rejects.toSatisfy((error) =>
      hasCode(error, 'LOCK_LOST'),
    )
    expect(await cluster.children('/done')).toEqual(['a', 'b-begun'])
    expect(await cluster.until(takeOne(new Queue<string>(rival, JOBS)))).toBe('b')
  })

  test('nothing else can be done with what was acknowledged', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('a'))
    const a = await cluster.until(queue.take())
    await cluster.until(a.ack())
    await expect(a.nack()).rejects.toThrow(TypeError)
    expect(() => a.guard(zks[0]!.transaction())).toThrow(TypeError)
    expect(a.signal.aborted).toBe(false)
  })

  test('a claim deleted by hand aborts the signal, and the acknowledgement is refused', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('a'))
    const a = await cluster.until(queue.take())
    const { signal } = a
    await cluster.quiet()
    const [claim] = await cluster.until(queue.claims())
    const observer = await cluster.observer()
    await cluster.until(observer.delete(`${JOBS}/claims/${claim!.name}`))
    await cluster.quiet()
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'node-deleted' })
    await expect(cluster.until(a.ack())).rejects.toMatchObject({ code: 'LOCK_LOST' })
    const again = await cluster.until(queue.take())
    await cluster.until(again.ack())
    await expectEmpty(cluster)
  })

  test('disposing gives back what was not settled', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('a'))
    const delivery = await cluster.until(queue.take())
    await cluster.until(delivery[Symbol.asyncDispose]())
    const again = await cluster.until(queue.take())
    expect(again.attempt).toBe(2)
    await cluster.until(again.ack())
    await cluster.until(again[Symbol.asyncDispose]())
    await expectEmpty(cluster)
  })
})

describe('many items and many consumers', () => {
  test('a queue of several segments keeps its order, and drained segments go', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [first, second] = zks.map((zk) => new Queue<number>(zk, JOBS, { segmentItems: 10 })) as [
      Queue<number>,
      Queue<number>,
    ]
    const all = Array.from({ length: 57 }, (_, i) => i)
    for (const i of all) await cluster.until((i % 3 === 0 ? first : second).put(i))
    expect((await cluster.children(`${JOBS}/ready`))!.length).toBe(6)
    expect(await cluster.until(first.size())).toBe(57)
    expect(await cluster.until(drain(second))).toEqual(all)
    await cluster.quiet()
    expect((await cluster.children(`${JOBS}/ready`))!.length).toBeLessThanOrEqual(1)
    await cluster.until(first.put(99))
    expect(await cluster.until(drain(second))).toEqual([99])
    await expectEmpty(cluster)
  })

  test('with eight consumers each item is handed out once', async () => {
    await using stage = await queueStage(8)
    const { cluster, zks } = stage
    const queues = zks.map((zk) => new Queue<number>(zk, JOBS))
    const all = Array.from({ length: 200 }, (_, i) => i)
    await cluster.until(queues[0]!.putMany(all))
    const got = await cluster.until(Promise.all(queues.map(drain)))
    expect(got.flat().sort((a, b) => a - b)).toEqual(all)
    await expectEmpty(cluster)
  })

  test('one item wakes at most three of twelve idle consumers', async () => {
    await using stage = await queueStage(12)
    const { cluster, zks } = stage
    const queues = zks.map((zk) => new Queue<string>(zk, JOBS))
    const producer = new Queue<string>(await cluster.client(), JOBS)
    await cluster.until(producer.put('warm'))
    await cluster.until(takeOne(producer))
    const waiting = queues.map(async (queue) => queue.take())
    await cluster.pass(1_000)
    const before = new Map(cluster.control.sessions().map(({ id, requests }) => [id, requests]))
    await cluster.until(producer.put('a'))
    await cluster.pass(1_000)
    const woken = cluster.control
      .sessions()
      .filter(({ id, requests }) => zks.some((zk) => zk.session!.id === id) && requests > before.get(id)!)
    expect(woken.length).toBeLessThanOrEqual(3)
    const taken = await cluster.until(Promise.race(waiting))
    await cluster.until(taken.ack())
    for (let i = 1; i < 12; i++) await cluster.until(producer.put(String(i)))
    const rest = await cluster.until(Promise.all(waiting))
    await cluster.until(Promise.all(rest.map(async (delivery: Delivery<string>) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('idle consumers ask for nothing', async () => {
    await using stage = await queueStage(3)
    const { cluster, zks } = stage
    const abort = new AbortController()
    const waiting = zks.map(async (zk) =>
      new Queue<string>(zk, JOBS).take({ signal: abort.signal }).catch(() => undefined),
    )
    await cluster.pass(1_000)
    const before = cluster.control.sessions().map(({ requests }) => requests)
    await cluster.pass(50_000)
    expect(cluster.control.sessions().map(({ requests }) => requests)).toEqual(before)
    abort.abort()
    await cluster.until(Promise.all(waiting))
    await expectEmpty(cluster)
  })

  test('puts of one turn share a transaction', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.put(0))
    const requests = (): number =>
      cluster.control.sessions().find(({ id }) => id === zks[0]!.session!.id)!.requests
    const before = requests()
    await cluster.until(Promise.all([1, 2, 3, 4].map(async (i) => queue.put(i))))
    expect(requests() - before).toBe(1)
    expect(await cluster.until(drain(queue))).toEqual([0, 1, 2, 3, 4])
  })

  test('an item that is too large fails alone', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    const outcomes = await cluster.until(
      Promise.allSettled([queue.put('a'), queue.put('x'.repeat(1_100_000)), queue.put('b')]),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(outcomes[1]).toMatchObject({ reason: { code: 'REQUEST_TOO_LARGE' } })
    expect(await cluster.until(drain(queue))).toEqual(['a', 'b'])
  })
})
