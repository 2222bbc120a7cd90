import { DelayQueue, IdQueue, PriorityQueue, Queue, type QueueDialectName } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { drain, expectEmpty, JOBS, queueStage, takeOne } from './queue-stage.js'

describe('priority queue', () => {
  const put = [
    ['low', 7],
    ['first', -5],
    ['mid', 0],
    ['mid too', 0],
    ['lowest', 2_000_000_000],
    ['highest', -2_000_000_000],
  ] as const

  test.each(['native', 'curator'] as const)(
    'lower goes first, equals in their order: %s',
    async (dialect) => {
      await using stage = await queueStage(1)
      const { cluster, zks } = stage
      const options = dialect === 'curator' ? { dialect, lockPath: '/locks' } : { dialect }
      const queue = new PriorityQueue<string>(zks[0]!, JOBS, options)
      for (const [item, priority] of put) await cluster.until(queue.put(item, { priority }))
      expect(await cluster.until(drain(queue))).toEqual([
        'highest',
        'first',
        'mid',
        'mid too',
        'low',
        'lowest',
      ])
    },
  )

  test('a delayed attempt keeps its priority in its notes and comes when it is due', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new PriorityQueue<string>(zks[0]!, JOBS)
    await cluster.until(queue.put('a', { priority: 3 }))
    const first = await cluster.until(queue.take())
    await cluster.until(first.nack({ delayMs: 100 }))
    const again = await cluster.until(queue.take())
    expect(again).toMatchObject({ id: first.id, attempt: 2 })
    await cluster.until(again.ack())
    await expectEmpty(cluster)
  })

  test('a priority that is none is refused at once', async () => {
    await using stage = await queueStage(1)
    const queue = new PriorityQueue<string>(stage.zks[0]!, JOBS)
    await expect(queue.put('a', { priority: 0.5 })).rejects.toThrow(RangeError)
    await expect(queue.put('a', { priority: 2 ** 31 })).rejects.toThrow(RangeError)
    const kazoo = new PriorityQueue<string>(stage.zks[0]!, JOBS, { dialect: 'kazoo-locking' })
    await expect(kazoo.put('a', { priority: 1_000 })).rejects.toThrow(RangeError)
  })
})

describe('delay queue', () => {
  test.each(['native', 'curator'] as const)('nothing is taken before it is due: %s', async (dialect) => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const options = dialect === 'curator' ? { dialect, lockPath: '/locks' } : { dialect }
    const queue = new DelayQueue<string>(zks[0]!, JOBS, options)
    const other = new DelayQueue<string>(zks[1]!, JOBS, options)
    const start = cluster.clock.now()
    await cluster.until(queue.put('late', { delayMs: 60_000 }))
    await cluster.until(queue.put('soon', { at: new Date(cluster.clock.wall() + 5_000) }))
    await cluster.until(queue.putMany(['now', 'now too']))
    expect(await cluster.until(drain(other))).toEqual(['now', 'now too'])
    expect(await cluster.until(other.tryTake())).toBeUndefined()
    expect(await cluster.until(takeOne(other))).toBe('soon')
    expect(cluster.clock.now() - start).toBeGreaterThanOrEqual(5_000)
    expect(await cluster.until(queue.size())).toBe(1)
    const waiting = takeOne(queue)
    await cluster.quiet()
    await cluster.until(other.put('sooner', { delayMs: 1_000 }))
    expect(await cluster.until(waiting)).toBe('sooner')
    expect(await cluster.until(takeOne(other), 200_000)).toBe('late')
    expect(cluster.clock.now() - start).toBeGreaterThanOrEqual(60_000)
    if (dialect === 'native') await expectEmpty(cluster)
  })

  test.each(['native', 'curator'] as const)(
    'a wall clock that is set forward makes due what is waited for: %s',
    async (dialect) => {
      await using stage = await queueStage(1)
      const { cluster, zks } = stage
      const lockPath = dialect === 'curator' ? { lockPath: '/locks' } : {}
      const queue = new DelayQueue<string>(zks[0]!, JOBS, { dialect, ...lockPath })
      await cluster.until(queue.put('a', { delayMs: 3_600_000 }))
      const waiting = takeOne(queue)
      await cluster.quiet()
      cluster.clock.stepWall(3_600_000)
      expect(await cluster.until(waiting, 15_000)).toBe('a')
    },
  )

  test('what is no time is refused at once', async () => {
    await using stage = await queueStage(1)
    const queue = new DelayQueue<string>(stage.zks[0]!, JOBS)
    await expect(queue.put('a', { delayMs: -1 })).rejects.toThrow(RangeError)
    await expect(queue.put('a', { delayMs: NaN })).rejects.toThrow(RangeError)
    await expect(queue.put('a', { delayMs: 1, at: new Date() })).rejects.toThrow(TypeError)
  })
})

describe('queue of ids', () => {
  test('an item of an id that is there is not put again, until it is done', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [queue, other] = zks.map((zk) => new IdQueue<number>(zk, JOBS)) as [
      IdQueue<number>,
      IdQueue<number>,
    ]
    expect(await cluster.until(queue.put(1, 'a/b|c.%'))).toBe(true)
    expect(await cluster.until(other.put(2, 'a/b|c.%'))).toBe(false)
    const delivery = await cluster.until(other.take())
    expect(delivery).toMatchObject({ item: 1, id: 'a/b|c.%' })
    expect(await cluster.until(queue.put(3, 'a/b|c.%'))).toBe(false)
    expect(await cluster.until(queue.remove('a/b|c.%'))).toBe(0)
    await cluster.until(delivery.ack())
    expect(await cluster.until(queue.put(4, 'a/b|c.%'))).toBe(true)
    expect(await cluster.until(other.remove('a/b|c.%'))).toBe(1)
    expect(await cluster.until(other.remove('a/b|c.%'))).toBe(0)
    expect(await cluster.until(queue.size())).toBe(0)
    await expectEmpty(cluster)
  })

  test('an item whose entry among the ids was deleted by hand is done once it is acknowledged', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new IdQueue<number>(zks[0]!, JOBS)
    for (const id of ['a', 'b']) expect(await cluster.until(queue.put(1, id))).toBe(true)
    const delivery = await cluster.until(queue.take())
    for (const id of ['a', 'b']) await cluster.until(zks[0]!.delete(`${JOBS}/ids/${id}`))
    await cluster.until(delivery.ack())
    const next = await cluster.until(queue.take())
    expect(next).toMatchObject({ id: 'b' })
    await cluster.until(next.ack())
    expect(await cluster.until(queue.tryTake())).toBeUndefined()
    await expectEmpty(cluster)
  })

  test('in Curator’s format ids need not be unique', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new IdQueue<number>(zks[0]!, JOBS, { dialect: 'curator', lockPath: '/locks' })
    for (const i of [1, 2, 3]) expect(await cluster.until(queue.put(i, i === 2 ? 'x' : 'a/b'))).toBe(true)
    expect(await cluster.children(JOBS)).toEqual([
      'queue-|a_b|0000000000',
      'queue-|a_b|0000000002',
      'queue-|x|0000000001',
    ])
    const delivery = await cluster.until(queue.take())
    expect(delivery).toMatchObject({ item: 1, id: 'a_b' })
    expect(await cluster.until(queue.remove('a/b'))).toBe(1)
    await cluster.until(delivery.ack())
    expect(await cluster.until(drain(queue))).toEqual([2])
  })
})

const names: Readonly<Record<Exclude<QueueDialectName, 'native'>, string>> = {
  curator: 'queue-0000000000',
  'curator-simple': 'qn-0000000000',
  kazoo: 'entry-100-0000000000',
  'kazoo-locking': 'entry-100-0000000000',
}

describe.each(Object.entries(names))('dialect %s', (name, znode) => {
  const dialect = name as QueueDialectName
  const items = dialect === 'kazoo-locking' ? `${JOBS}/entries` : JOBS

  test('puts and takes in order, under the names of the other library', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const [one, two] = zks.map((zk) => new Queue<string>(zk, JOBS, { dialect })) as [
      Queue<string>,
      Queue<string>,
    ]
    await cluster.until(one.putMany(['a', 'b', 'c']))
    expect((await cluster.children(items))![0]).toBe(znode)
    const { data } = await cluster.until(zks[0]!.get(`${items}/${znode}`))
    const json = Buffer.from('"a"')
    const framed = Buffer.concat([Buffer.from([0, 1, 0, 1, 1, 0, 0, 0, 3]), json, Buffer.from([2])])
    expect(data).toEqual(dialect === 'curator' ? framed : json)
    const waiting = [two.take(), two.take(), two.take(), two.take()]
    const taken = await cluster.until(Promise.all(waiting.slice(0, 3)))
    expect(taken.map(({ item }) => item).sort()).toEqual(['a', 'b', 'c'])
    await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
    await cluster.until(one.put('d'))
    const last = await cluster.until(waiting[3]!)
    await cluster.until(last.ack())
    expect(await cluster.until(one.size())).toBe(0)
    await cluster.quiet()
    expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
  })
})

describe('claims of other libraries', () => {
  test.each(['curator', 'kazoo-locking'] as const)(
    'an item that a peer holds is left alone: %s',
    async (dialect) => {
      await using stage = await queueStage(2)
      const { cluster, zks } = stage
      const queue = new Queue<string>(
        zks[0]!,
        JOBS,
        dialect === 'curator' ? { dialect, lockPath: '/locks' } : { dialect },
      )
      await cluster.until(queue.putMany(['a', 'b']))
      const held = await cluster.until(queue.take())
      const claims = dialect === 'curator' ? '/locks' : `${JOBS}/taken`
      const [mine] = (await cluster.children(claims))!
      const names = (await cluster.children(dialect === 'curator' ? JOBS : `${JOBS}/entries`))!
      expect(names).toContain(mine)
      const others = names.find((each) => each !== mine)!
      await cluster.until(zks[1]!.create(`${claims}/${others}`, 'peer', { mode: 'ephemeral' }))
      expect(await cluster.until(queue.tryTake())).toBeUndefined()
      const waiting = queue.take()
      await cluster.quiet()
      await cluster.until(zks[1]!.delete(`${claims}/${others}`))
      const freed = await cluster.until(waiting)
      expect(freed).toMatchObject({ item: 'b', attempt: 1 })
      await expect(freed.nack({ delayMs: 10 })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
      await cluster.until(freed.nack())
      await cluster.until(held.ack())
      expect(await cluster.until(drain(queue))).toEqual(['b'])
      expect(await cluster.children(claims)).toEqual([])
    },
  )

  test('several items in one Curator znode are settled one by one', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS, { dialect: 'curator', lockPath: '/locks' })
    const item = (text: string): Buffer =>
      Buffer.from([1, 0, 0, 0, text.length + 2, ...Buffer.from(`"${text}"`)])
    const data = Buffer.concat([Buffer.from([0, 1, 0, 1]), item('a'), item('b'), item('c'), Buffer.from([2])])
    await cluster.until(zks[0]!.ensurePath(JOBS))
    await cluster.until(zks[0]!.create(`${JOBS}/queue-`, data, { mode: 'persistentSequential' }))
    const [a, b, c] = await cluster.until(Promise.all([queue.take(), queue.take(), queue.take()]))
    expect([a.item, b.item, c.item]).toEqual(['a', 'b', 'c'])
    await cluster.until(b.ack())
    await cluster.until(a.nack())
    await cluster.until(c.nack())
    expect(await cluster.until(drain(queue))).toEqual(['a', 'c'])
    expect(await cluster.until(queue.size())).toBe(0)
    expect(await cluster.children('/locks')).toEqual([])
  })

  test('bytes that are not of the format become a dead letter, and a sequence past its end is in order', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = new Queue<string>(zks[0]!, JOBS, { dialect: 'curator', lockPath: '/locks' })
    await cluster.until(zks[0]!.ensurePath(JOBS))
    cluster.control.setSequence(JOBS, 2_147_483_646)
    await cluster.until(zks[0]!.create(`${JOBS}/queue-`, 'junk', { mode: 'persistentSequential' }))
    await cluster.until(zks[0]!.create(`${JOBS}/other`, 'x'))
    for (const item of ['a', 'b', 'c']) await cluster.until(queue.put(item))
    expect(await cluster.until(drain(queue))).toEqual(['a', 'b', 'c'])
    expect(await cluster.until(queue.deadLetters.list())).toMatchObject([{ bytes: Buffer.from('junk') }])
  })

  test('what a format has not is refused when the queue is made', async () => {
    await using stage = await queueStage(1)
    const zk = stage.zks[0]!
    expect(() => new Queue(zk, JOBS, { dialect: 'kazoo', delivery: 'at-least-once' })).toThrow(TypeError)
    expect(() => new Queue(zk, JOBS, { lockPath: '/locks' })).toThrow(TypeError)
    expect(() => new Queue(zk, JOBS, { dialect: 'redis' as 'kazoo' })).toThrow(TypeError)
    expect(() => new Queue(zk, JOBS, { capacity: 0 })).toThrow(RangeError)
    expect(() => new DelayQueue(zk, JOBS, { dialect: 'kazoo' as 'curator' })).toThrow(TypeError)
  })
})
