import { bytesCodec, Queue } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { EXPIRY_MS } from './cluster.js'
import { drain, expectEmpty, JOBS, queueStage, takeOne } from './queue-stage.js'

describe('capacity', () => {
  test('a put waits for room, in order, and can be given up', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [producer, consumer] = zks.map((zk) => new Queue<number>(zk, JOBS, { capacity: 2 })) as [
      Queue<number>,
      Queue<number>,
    ]
    await cluster.until(producer.putMany([1, 2]))
    const abort = new AbortController()
    const third = producer.put(3)
    const given = expect(producer.put(4, { signal: abort.signal })).rejects.toThrow('enough')
    const fifth = producer.put(5)
    await cluster.pass(1_000)
    expect(await cluster.until(consumer.size())).toBe(2)
    abort.abort(new Error('enough'))
    await cluster.until(given)
    expect(await cluster.until(takeOne(consumer))).toBe(1)
    await cluster.until(third)
    expect(await cluster.until(takeOne(consumer))).toBe(2)
    await cluster.until(fifth)
    expect(await cluster.until(drain(consumer))).toEqual([3, 5])
    await expectEmpty(cluster)
  })
})

describe('what is no item', () => {
  test.each(['curator', 'curator-simple', 'kazoo', 'kazoo-locking'] as const)(
    'is not counted, and takes no room: %s',
    async (dialect) => {
      await using stage = await queueStage(1)
      const { cluster, zks } = stage
      const queue = new Queue<number>(zks[0]!, JOBS, { dialect, capacity: 1 })
      const items = dialect === 'kazoo-locking' ? `${JOBS}/entries` : JOBS
      // Such as Curator's lock path, where it is below the queue's.
      for (const name of ['locks', 'queue-', 'entry-100-x'])
        await cluster.until(zks[0]!.ensurePath(`${items}/${name}`))
      expect(await cluster.until(queue.size())).toBe(0)
      await cluster.until(queue.put(1, { timeoutMs: 10_000 }))
      expect(await cluster.until(queue.size())).toBe(1)
    },
  )
})

describe('dead letters', () => {
  test('bytes that are no item do not block the queue', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const raw = new Queue<Uint8Array>(zks[0]!, JOBS, { codec: bytesCodec })
    await cluster.until(raw.putMany([Buffer.from('{'), Buffer.from('"fine"')]))
    const queue = new Queue<string>(zks[0]!, JOBS)
    expect(await cluster.until(takeOne(queue))).toBe('fine')
    const letters = await cluster.until(queue.deadLetters.list())
    expect(letters).toMatchObject([{ item: undefined, bytes: Buffer.from('{') }])
    expect(letters[0]!.error).toMatch(/undecodable/)
    expect(await cluster.until(queue.deadLetters.size())).toBe(1)
    expect(await cluster.until(queue.deadLetters.remove(letters[0]!))).toBe(true)
    expect(await cluster.until(queue.deadLetters.remove(letters[0]!))).toBe(false)
  })

  test('a znode that somebody made by hand is no item either', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.putMany(['a', 'b']))
    const [segment] = (await cluster.children(`${JOBS}/ready`))!
    const observer = await cluster.observer()
    await cluster.until(
      observer.create(`${JOBS}/ready/${segment!}/by-hand-`, 'x', { mode: 'persistentSequential' }),
    )
    await cluster.until(observer.create(`${JOBS}/ready/${segment!}/other`, 'x'))
    await cluster.until(observer.create(`${JOBS}/ready/other`, 'x'))
    expect(await cluster.until(drain(queue))).toEqual(['a', 'b'])
    expect(await cluster.until(queue.deadLetters.list())).toMatchObject([{ bytes: Buffer.from('x') }])
  })

  test('bytes that are no item hide nothing from those who look', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<number>(zks[0]!, JOBS)
    await cluster.until(queue.put(1))
    await cluster.until(queue.put(2))
    const [segment] = (await cluster.children(`${JOBS}/ready`))!
    const [first] = (await cluster.children(`${JOBS}/ready/${segment}`))!.sort((a, b) =>
      a.slice(-10).localeCompare(b.slice(-10)),
    )
    await cluster.until(zks[0]!.set(`${JOBS}/ready/${segment}/${first}`, 'garbage'))
    expect(await cluster.until(queue.peek())).toMatchObject({ item: 2 })
    await cluster.until(zks[0]!.ensurePath(`${JOBS}/dead/ready/80000000.0000000000`))
    const letter = `${JOBS}/dead/ready/80000000.0000000000/x-0000000000`
    await cluster.until(zks[0]!.create(letter, 'garbage'))
    const [found] = await cluster.until(queue.deadLetters.list())
    expect(found).toMatchObject({ path: letter, item: undefined, attempts: 0 })
    expect(found!.bytes.toString()).toBe('garbage')
    expect(await cluster.until(queue.deadLetters.remove(found!))).toBe(true)
  })

  test('what was given up can be put again', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('a'))
    await cluster.until((await cluster.until(queue.take())).deadLetter(new Error('no')))
    const [letter] = await cluster.until(queue.deadLetters.list())
    expect(letter).toMatchObject({ item: 'a', attempts: 1, error: 'Error: no' })
    expect(await cluster.until(queue.deadLetters.requeue(letter!))).toBe(true)
    const again = await cluster.until(queue.take())
    expect(again).toMatchObject({ item: 'a', attempt: 1 })
    await cluster.until(again.ack())
  })
})

describe('at most once', () => {
  test('an item is gone before it is handed out', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS, { delivery: 'at-most-once' })
    await cluster.until(queue.putMany(['a', 'b']))
    const a = await cluster.until(queue.take())
    expect(await cluster.until(queue.size())).toBe(1)
    cluster.control.expireSession(zks[0]!.session!.id)
    await cluster.pass(EXPIRY_MS)
    expect(a.signal.aborted).toBe(false)
    await cluster.until(a.ack())
    const b = await cluster.until(queue.take())
    await cluster.until(b.nack())
    expect(await cluster.until(drain(queue))).toEqual(['b'])
    await expectEmpty(cluster)
  })
})
