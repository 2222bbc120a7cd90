import { Queue, Worker, type Job, type WorkerEvents } from 'latchkey'
import { expect, test } from 'vitest'
import { backoffMs } from '../../recipes/worker/backoff.js'
import { seededRandom } from '../../src/runtime/random.js'
import { deferred } from '../../src/runtime/deferred.js'
import { onAbort } from '../../src/runtime/abort.js'
import { EXPIRY_MS } from './cluster.js'
import { expectEmpty, JOBS, queueStage } from './queue-stage.js'

const names = ['active', 'completed', 'retrying', 'dead', 'returned', 'lost', 'progress', 'error'] as const

/** Every event, in words. */
function record(worker: Worker<string>): string[] {
  const seen: string[] = []
  for (const name of names)
    worker.on(name, (event) => {
      const { item, attempt } = event as { item?: string; attempt?: number }
      seen.push(`${name} ${item} ${attempt}`)
    })
  return seen
}

/** Never done, unless told to stop. */
const untilAborted = async (_: string, { signal }: Job<string>): Promise<void> =>
  new Promise((_resolve, reject) => {
    onAbort(signal, reject)
  })

test('works through a queue, so many at a time', async () => {
  await using stage = await queueStage(1)
  const { cluster, zks } = stage
  const queue = new Queue<string>(zks[0]!, JOBS)
  await cluster.until(queue.putMany(['a', 'b', 'c', 'd', 'e']))
  let active = 0
  let most = 0
  const done: string[] = []
  const worker = new Worker(
    queue,
    async (item) => {
      most = Math.max(most, ++active)
      await zks[0]!.sync('/')
      active--
      done.push(item)
    },
    { concurrency: 3 },
  )
  await cluster.pass(1_000)
  expect(done.sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(most).toBe(3)
  expect(worker.state).toBe('running')
  await cluster.until(worker.stop())
  expect(worker.state).toBe('stopped')
  await expectEmpty(cluster)
})

test('a failure is tried again after the schedule’s wait, and after the last attempt it is a dead letter', async () => {
  await using stage = await queueStage(1)
  const { cluster, zks } = stage
  const queue = new Queue<string>(zks[0]!, JOBS)
  const starts: number[] = []
  const errors: (string | undefined)[] = []
  const worker = new Worker<string>(
    queue,
    (_, { lastError }) => {
      starts.push(cluster.clock.now())
      errors.push(lastError)
      throw new RangeError('never')
    },
    { attempts: 3, backoff: { minTimeoutMs: 1_000, factor: 3 } },
  )
  const seen = record(worker)
  await cluster.until(queue.put('a'))
  await cluster.pass(10_000)
  expect(seen).toEqual(['active a 1', 'retrying a 1', 'active a 2', 'retrying a 2', 'active a 3', 'dead a 3'])
  expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(1_000)
  expect(starts[2]! - starts[1]!).toBeGreaterThanOrEqual(3_000)
  expect(starts[2]! - starts[0]!).toBeLessThan(4_200)
  expect(errors).toEqual([undefined, 'RangeError: never', 'RangeError: never'])
  const [letter] = await cluster.until(queue.deadLetters.list())
  expect(letter).toMatchObject({ item: 'a', attempts: 3, error: 'RangeError: never' })
  await cluster.until(worker.stop())
})

test('attempts count across processes that crash', async () => {
  await using stage = await queueStage(4)
  const { cluster, zks } = stage
  await cluster.until(new Queue<string>(zks[3]!, JOBS).put('poison'))
  const workers: Worker<string>[] = []
  for (const zk of zks.slice(0, 3)) {
    const queue = new Queue<string>(zk, JOBS)
    workers.push(new Worker<string>(queue, untilAborted, { attempts: 2 }))
    await cluster.quiet()
    // Its handler is never told, and nothing is given back: the claim goes with the session.
    await cluster.until(zk.close())
    await cluster.quiet()
  }
  const queue = new Queue<string>(zks[3]!, JOBS)
  expect(await cluster.until(queue.deadLetters.list())).toMatchObject([{ item: 'poison' }])
  await cluster.until(Promise.all(workers.map(async (worker) => worker.kill())))
})

test('a handler that takes too long is told, and its item comes again', async () => {
  await using stage = await queueStage(1)
  const { cluster, zks } = stage
  const queue = new Queue<string>(zks[0]!, JOBS)
  await cluster.until(queue.put('a'))
  const reasons: unknown[] = []
  const worker = new Worker<string>(
    queue,
    async (item, job) => {
      if (job.attempt === 2) return
      onAbort(job.signal, (reason) => reasons.push(reason))
      await untilAborted(item, job)
    },
    { timeoutMs: 500, backoff: { minTimeoutMs: 10 } },
  )
  const seen = record(worker)
  await cluster.pass(2_000)
  expect(seen).toEqual(['active a 1', 'retrying a 1', 'active a 2', 'completed a 2'])
  expect(reasons).toMatchObject([{ code: 'TIMEOUT' }])
  await cluster.until(worker.stop())
  await expectEmpty(cluster)
})

test('stop lets what runs end; kill aborts it and gives the item back at once', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const queue = new Queue<string>(zks[0]!, JOBS)
  await cluster.until(queue.putMany(['a', 'b']))
  const finish = deferred<undefined>()
  const first = new Worker<string>(queue, async () => finish.promise)
  const seen = record(first)
  await cluster.quiet()
  await expect(cluster.until(first.stop({ timeoutMs: 200 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
  expect(first.state).toBe('stopping')
  finish.resolve(undefined)
  await cluster.until(first.done())
  expect(seen).toEqual(['active a 1', 'completed a 1'])
  const second = new Worker<string>(queue, untilAborted)
  const told = record(second)
  await cluster.quiet()
  await cluster.until(second.kill())
  expect(told).toEqual(['active b 1', 'returned b 1'])
  const again = await cluster.until(new Queue<string>(zks[1]!, JOBS).take())
  expect(again).toMatchObject({ item: 'b', attempt: 2 })
  await cluster.until(again.ack())
  await expectEmpty(cluster)
})

test('a lost claim aborts the handler’s signal and is told; the item is somebody else’s then', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const queue = new Queue<string>(zks[0]!, JOBS)
  await cluster.until(queue.put('a'))
  const lost: WorkerEvents<string>['lost'][] = []
  let runs = 0
  const worker = new Worker<string>(queue, async (item, job) => {
    if (++runs === 1) await untilAborted(item, job)
  })
  worker.on('lost', (event) => lost.push(event))
  await cluster.quiet()
  cluster.control.expireSession(zks[0]!.session!.id)
  await cluster.pass(EXPIRY_MS)
  expect(lost).toMatchObject([{ item: 'a', attempt: 1, error: { code: 'LOCK_LOST' } }])
  expect(runs).toBe(2)
  await cluster.until(worker.stop())
  await expectEmpty(cluster)
})

test('progress is seen by listeners, and by whoever asks for the claims', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const queue = new Queue<string>(zks[0]!, JOBS, { id: 'worker-7' })
  await cluster.until(queue.put('a'))
  const finish = deferred<undefined>()
  const worker = new Worker<string>(queue, async (_, job) => {
    await job.progress({ percent: 40 })
    await finish.promise
  })
  const seen: unknown[] = []
  worker.on('progress', ({ value }) => seen.push(value))
  worker.on('progress', () => {
    throw new Error('a listener that throws')
  })
  await cluster.quiet()
  const [claim] = await cluster.until(new Queue<string>(zks[1]!, JOBS).claims())
  expect(claim).toMatchObject({ by: 'worker-7', progress: { percent: 40 }, sessionId: zks[0]!.session!.id })
  expect(seen).toEqual([{ percent: 40 }])
  finish.resolve(undefined)
  await cluster.until(worker.stop())
  await expectEmpty(cluster)
})

test('a handler may acknowledge by itself, with effects of its own', async () => {
  await using stage = await queueStage(1)
  const { cluster, zks } = stage
  const queue = new Queue<string>(zks[0]!, JOBS)
  await cluster.until(zks[0]!.ensurePath('/done'))
  await cluster.until(queue.put('a'))
  const worker = new Worker<string>(queue, async (item, { delivery }) =>
    delivery.ack({ with: (tx) => tx.create(`/done/${item}`) }),
  )
  const seen = record(worker)
  await cluster.quiet()
  expect(seen).toEqual(['active a 1', 'completed a 1'])
  expect(await cluster.children('/done')).toEqual(['a'])
  await cluster.until(worker.stop())
})

test('in a format without a place for attempts they are made one after the other, with the claim kept', async () => {
  await using stage = await queueStage(2)
  const { cluster, zks } = stage
  const dialect = { dialect: 'kazoo-locking' } as const
  const queue = new Queue<string>(zks[0]!, JOBS, dialect)
  await cluster.until(queue.put('a'))
  const worker = new Worker<string>(
    queue,
    () => {
      throw new Error('no')
    },
    { attempts: 2, backoff: { minTimeoutMs: 300 } },
  )
  const seen = record(worker)
  await cluster.pass(100)
  expect(await cluster.until(new Queue<string>(zks[1]!, JOBS, dialect).tryTake())).toBeUndefined()
  await cluster.pass(1_000)
  expect(seen).toEqual(['active a 1', 'retrying a 1', 'active a 2', 'dead a 2'])
  expect(await cluster.until(queue.deadLetters.size())).toBe(1)
  await cluster.until(worker.stop())
})

test('a worker whose client is closed ends by itself', async () => {
  await using stage = await queueStage(1)
  const { cluster, zks } = stage
  const worker = new Worker<string>(new Queue<string>(zks[0]!, JOBS), () => undefined)
  const seen = record(worker)
  await cluster.quiet()
  await cluster.until(zks[0]!.close())
  await cluster.until(worker.done())
  expect(seen).toEqual(['error undefined undefined'])
})

test('the waits are p-retry’s', () => {
  const random = seededRandom(1)
  const waits = [1, 2, 3, 4].map((attempt) => backoffMs({ maxTimeoutMs: 5_000 }, attempt, random))
  expect(waits).toEqual([1_000, 2_000, 4_000, 5_000])
  const spread = backoffMs({ minTimeoutMs: 100, randomize: true }, 1, random)
  expect(spread).toBeGreaterThanOrEqual(100)
  expect(spread).toBeLessThanOrEqual(200)
  // No item can be due at the end of all time.
  expect(backoffMs({ factor: 10 }, 400, random)).toBeLessThan(2 ** 40)
})

test('options that are none are refused when it is made', async () => {
  await using stage = await queueStage(1)
  const queue = new Queue<string>(stage.zks[0]!, JOBS)
  const make = (options: object) => (): unknown => new Worker<string>(queue, () => undefined, options)
  for (const options of [
    { concurrency: 0 },
    { attempts: 1.5 },
    { timeoutMs: -1 },
    { backoff: { factor: -1 } },
  ])
    expect(make(options)).toThrow(RangeError)
  expect(make({ concurrency: '2' })).toThrow(TypeError)
  expect(() => new Worker(queue, undefined as never)).toThrow(TypeError)
})
