import { RateLimiter, SharedValue, hasCode, jsonCodec } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { quietController } from '../../../src/runtime/abort.js'
import { seededRandom, type Random } from '../../../src/runtime/random.js'
import { Cluster, requestsOf } from '../cluster.js'
import { PATH, RateWatch } from './rate-stage.js'

const LIMIT = { permits: 5, intervalMs: 1_000 }

async function stage(count: number, options: ConstructorParameters<typeof RateLimiter>[2] = LIMIT) {
  const cluster = await Cluster.start()
  const zks = []
  for (let i = 0; i < count; i++) zks.push(await cluster.client())
  const watch = new RateWatch(cluster, options)
  const limiters = zks.map((zk) => new RateLimiter(zk, PATH, options))
  const dispose = async (): Promise<void> => {
    for (const limiter of limiters) await cluster.until(limiter.close())
    await cluster[Symbol.asyncDispose]()
  }
  return { cluster, zks, watch, limiters, [Symbol.asyncDispose]: dispose }
}

/** All of them take up to `most` at a time, again and again, for twenty seconds. */
async function contend(
  { cluster, watch, limiters }: Awaited<ReturnType<typeof stage>>,
  random: Random,
  most: number,
): Promise<void> {
  const stop = quietController()
  const work = limiters.map(async (limiter) => {
    while (!stop.signal.aborted)
      await watch.take(limiter, 1 + Math.floor(random.next() * most), stop).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error
      })
  })
  await cluster.pass(20_000)
  stop.abort(new Error('enough'))
  await cluster.until(Promise.all(work))
  watch.check()
}

describe('RateLimiter', () => {
  test('hands out what there is at once, and the rest in the next windows, in order', async () => {
    await using s = await stage(1)
    const { cluster, watch } = s
    const [limiter] = s.limiters
    const begun = cluster.clock.now()
    const taken: { i: number; at: number }[] = []
    const work = Array.from({ length: 12 }, async (_, i) => {
      await watch.take(limiter!)
      taken.push({ i, at: Math.floor((cluster.clock.now() - begun) / 1_000) })
    })
    await cluster.until(Promise.all(work))
    expect(taken.map(({ i }) => i)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(taken.map(({ at }) => at)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2])
    watch.check()
  })

  test.each([1, 2, 5])('eight processes together never get more, in batches of %d', async (batch) => {
    await using s = await stage(8, { ...LIMIT, batch })
    const { cluster, watch } = s
    const random = seededRandom(batch)
    cluster.latencyMs = () => 0.5 + random.next() * 4
    await contend(s, random, 3)
    // 20 windows of 5, less what nobody could use of them: asks are for 1 to 3.
    expect(watch.model.handedOut).toBeGreaterThan(60)
    expect(watch.model.handedOut).toBeLessThanOrEqual(105)
  })

  test('with a burst, what is left over may be had at once later, and never more than that', async () => {
    await using s = await stage(2, { ...LIMIT, burst: 12 })
    const { cluster, watch, limiters } = s
    const [one, other] = limiters
    // At first the burst is full.
    await cluster.until(watch.take(one!, 12))
    expect(await cluster.until(watch.try(other!))).toBe(false)
    const begun = cluster.clock.now()
    await cluster.until(watch.take(one!, 9))
    // 5 a second: 9 are there after two.
    expect(cluster.clock.now() - begun).toBeGreaterThan(1_900)
    expect(cluster.clock.now() - begun).toBeLessThan(2_500)
    await cluster.pass(60_000)
    expect(await cluster.until(watch.try(other!, 12))).toBe(true)
    expect(await cluster.until(watch.try(one!))).toBe(false)
    watch.check()
  })

  test('with a burst, eight processes together never get more', async () => {
    await using s = await stage(8, { ...LIMIT, batch: 2, burst: 12 })
    await contend(s, seededRandom(8), 8)
    expect(s.watch.model.handedOut).toBeGreaterThan(60)
    expect(s.watch.model.handedOut).toBeLessThanOrEqual(112)
  })

  test('with a burst, for each client', async () => {
    await using s = await stage(1, { ...LIMIT, burst: 8, scope: 'client' })
    const { cluster, limiters } = s
    const [limiter] = limiters
    await cluster.until(limiter!.acquire(8))
    await cluster.pass(1_500)
    expect(await limiter!.remaining()).toBe(5)
    await cluster.pass(1_500)
    expect(await limiter!.remaining()).toBe(8)
    expect(await cluster.until(limiter!.tryAcquire(8))).toBe(true)
  })

  test.each(['overall', 'client'] as const)(
    'when the client is closed those who wait hear of it at once, and no timer is left: %s',
    async (scope) => {
      await using s = await stage(1, { permits: 1, intervalMs: 3_600_000, scope })
      const { cluster, limiters, zks } = s
      const [limiter] = limiters
      await cluster.until(limiter!.acquire())
      const waiting = limiter!.acquire().catch((error: unknown) => error)
      await cluster.quiet()
      await cluster.until(zks[0]!.close())
      expect(await cluster.until(waiting, 1_000)).toMatchObject({ code: 'CLOSED' })
      await expect(limiter!.acquire()).rejects.toMatchObject({ code: 'CLOSED' })
    },
  )

  test('a process that comes late to an old window waits for nothing', async () => {
    await using s = await stage(2)
    const { cluster, watch, limiters } = s
    await cluster.until(watch.take(limiters[0]!, 5))
    await cluster.pass(1_000)
    const before = cluster.clock.now()
    await cluster.until(watch.take(limiters[1]!, 5))
    expect(cluster.clock.now() - before).toBeLessThan(20)
    watch.check()
  })

  test('a waiter sends nothing until its window is over, and few requests then, however many wait', async () => {
    const permits = 4
    await using s = await stage(12, { permits, intervalMs: 1_000 })
    const { cluster, watch, limiters, zks } = s
    const stop = quietController()
    const work = limiters.map(async (limiter) => {
      while (!stop.signal.aborted)
        await watch.take(limiter, 1, stop).catch((error: unknown) => {
          if (!stop.signal.aborted) throw error
        })
    })
    await cluster.pass(1_500)
    const at: number[] = []
    const seen = zks.map((zk) => requestsOf(cluster, zk))
    cluster.control.dropBefore({
      where: ({ operation }) => {
        if (operation !== 'ping') at.push(cluster.clock.now())
        return false
      },
    })
    const windows = 10
    let writes = 0
    cluster.control.onApply(({ body }) => void (writes += body.type === 'multi' ? 1 : 0))
    await cluster.pass(windows * 1_000)
    // Who reads that there is none left does not ask for it.
    expect(writes).toBeLessThanOrEqual(permits * (windows + 1))
    const each = seen.map((requests) => requests.filter((name) => name !== 'ping').length / windows)
    process.stdout.write(`rate limiter: requests per window and process, ${JSON.stringify(each)}\n`)
    // The ask, and three more for each of those that were faster: read again, in sync, ask again.
    expect(Math.max(...each)).toBeLessThanOrEqual(1 + 3 * permits)
    const silences = at.filter((time, i) => time - (at[i - 1] ?? 0) > 700)
    expect(silences.length).toBeGreaterThanOrEqual(windows - 1)
    stop.abort(new Error('enough'))
    await cluster.until(Promise.all(work))
    watch.check()
  })

  test('while the window is known to be full, tries and waits cost no request', async () => {
    await using s = await stage(1)
    const { cluster, watch, zks } = s
    const limiter = s.limiters[0]!
    await cluster.until(watch.take(limiter, 5))
    const seen = requestsOf(cluster, zks[0]!)
    expect(await cluster.until(watch.try(limiter))).toBe(false)
    await expect(cluster.until(limiter.acquire(1, { timeoutMs: 0 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    await expect(cluster.until(limiter.acquire(1, { timeoutMs: 200 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    expect(seen).toEqual([])
    await cluster.pass(1_000)
    expect(await cluster.until(watch.try(limiter))).toBe(true)
    expect(seen).toEqual(['multi'])
    watch.check()
  })

  test('a batch serves later acquires of the window without a request, and none of the next', async () => {
    await using s = await stage(2, { ...LIMIT, batch: 4 })
    const { cluster, watch, limiters, zks } = s
    await cluster.until(watch.take(limiters[0]!))
    const seen = requestsOf(cluster, zks[0]!)
    await cluster.until(watch.take(limiters[0]!, 2))
    expect(seen).toEqual([])
    expect(await cluster.until(limiters[0]!.remaining())).toBe(2)
    // One of the batch is left, and nobody else may have it.
    expect(await cluster.until(watch.try(limiters[1]!, 2))).toBe(false)
    expect(await cluster.until(watch.try(limiters[1]!, 1))).toBe(true)
    await cluster.pass(1_000)
    seen.length = 0
    await cluster.until(watch.take(limiters[0]!))
    expect(seen.length).toBeGreaterThan(0)
    watch.check()
  })

  test('an answer that comes when its window is over hands out nothing of it', async () => {
    await using s = await stage(2)
    const { cluster, watch, limiters } = s
    await cluster.until(watch.take(limiters[0]!))
    let slow = true
    cluster.latencyMs = () => (slow ? 700 : 1)
    const taking = watch.take(limiters[0]!)
    await cluster.pass(900)
    slow = false
    await cluster.until(taking)
    watch.check()
    expect(watch.model.granted).toBeGreaterThan(watch.model.handedOut)
  })

  test('a clock set back by an hour costs two intervals at most, and grants no more', async () => {
    await using s = await stage(2)
    const { cluster, watch, limiters } = s
    await cluster.until(watch.take(limiters[0]!, 5))
    cluster.clock.stepWall(-3_600_000)
    const before = cluster.clock.now()
    const seen = requestsOf(cluster, s.zks[0]!)
    await cluster.until(watch.take(limiters[0]!, 5))
    expect(seen.filter((name) => name === 'multi').length).toBeLessThanOrEqual(3)
    expect(cluster.clock.now() - before).toBeLessThan(2_100)
    expect(cluster.clock.now() - before).toBeGreaterThan(990)
    watch.check()
  })

  test('a clock set forward ends the window: the one thing that lets more through', async () => {
    await using s = await stage(2)
    const { cluster, watch, limiters } = s
    await cluster.until(watch.take(limiters[0]!, 5))
    cluster.clock.stepWall(5_000)
    // Who knows the window by its own clock does not even ask.
    expect(await cluster.until(watch.try(limiters[0]!))).toBe(false)
    expect(await cluster.until(watch.try(limiters[1]!, 5))).toBe(true)
    watch.check()
  })

  test('a clock set forward and back again holds nobody up for longer than three intervals', async () => {
    await using s = await stage(2)
    const { cluster, watch, limiters } = s
    await cluster.until(watch.take(limiters[1]!))
    cluster.clock.stepWall(3_600_000)
    await cluster.until(watch.take(limiters[0]!, 5))
    cluster.clock.stepWall(-3_600_000)
    const before = cluster.clock.now()
    // It waits for the end of the window that it knows, then reads of one that begins in an hour, then finds it full.
    await cluster.until(watch.take(limiters[1]!, 5))
    expect(cluster.clock.now() - before).toBeLessThan(3_200)
    watch.check()
  })

  test('one who gives up as it is served leaves its permits to the next', async () => {
    await using s = await stage(1, { permits: 2, intervalMs: 60_000, batch: 2 })
    const { cluster, limiters, zks } = s
    const limiter = limiters[0]!
    await cluster.until(limiter.acquire())
    const seen = requestsOf(cluster, zks[0]!)
    const abort = new AbortController()
    const first = limiter.acquire(1, abort)
    abort.abort(new Error('no longer needed'))
    await expect(first).rejects.toThrow('no longer needed')
    expect(await cluster.until(limiter.tryAcquire())).toBe(true)
    expect(await cluster.until(limiter.tryAcquire())).toBe(false)
    expect(seen).toEqual([])
  })

  test('what is left of one window does not count in the next, even if that begins while it asks for more', async () => {
    await using s = await stage(1, { ...LIMIT, batch: 3 })
    const { cluster, watch } = s
    const limiter = s.limiters[0]!
    const sentBy = cluster.clock.now() + 4
    await cluster.until(watch.take(limiter))
    await cluster.pass(sentBy + 990 - cluster.clock.now())
    expect(await cluster.until(watch.try(limiter, 1))).toBe(true)
    cluster.latencyMs = () => 20
    await cluster.until(watch.take(limiter, 4))
    cluster.latencyMs = () => 1
    watch.check()
  })

  test('a limit that differs from the one on the server is refused, and changes nothing', async () => {
    await using s = await stage(1)
    const { cluster, watch, zks } = s
    await cluster.until(watch.take(s.limiters[0]!))
    const other = new RateLimiter(zks[0]!, PATH, { permits: 6, intervalMs: 1_000 })
    const message = `${PATH} has a limit of 5 permits in 1000 ms, and this process was given 6 permits in 1000 ms`
    for (const call of [() => other.acquire(), () => other.tryAcquire(), () => other.remaining()])
      await expect(cluster.until<unknown>(call())).rejects.toMatchObject({
        code: 'DATA_INCONSISTENCY',
        message,
      })
    await cluster.until(other.close())
    expect(await cluster.until(s.limiters[0]!.remaining())).toBe(4)
  })

  test('a znode of something else is refused', async () => {
    await using s = await stage(1)
    const { cluster, zks } = s
    const value = new SharedValue(zks[0]!, PATH, { codec: jsonCodec<string>(), initial: 'other' })
    await cluster.until(value.set('mine'))
    await cluster.until(value.close())
    await expect(cluster.until(s.limiters[0]!.acquire())).rejects.toMatchObject({
      code: 'DATA_INCONSISTENCY',
    })
  })

  test('close rejects those who wait, and leaves only the limit', async () => {
    await using s = await stage(1)
    const { cluster, watch } = s
    const limiter = s.limiters[0]!
    await cluster.until(watch.take(limiter, 5))
    const waiting = limiter.acquire().catch((error: unknown) => error)
    await cluster.until(limiter.close())
    expect(hasCode(await waiting, 'CLOSED')).toBe(true)
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'CLOSED' })
    await cluster.expectNothingLeft(PATH)
  })

  test('describe says what is left and who waits', async () => {
    await using s = await stage(1)
    const { cluster, watch } = s
    const limiter = s.limiters[0]!
    await cluster.until(watch.take(limiter, 3))
    const waiting = watch.take(limiter, 4)
    expect(await cluster.until(limiter.describe())).toBe(
      '2 of 5 left in this window of 1000 ms; 1 waiting here',
    )
    await cluster.until(waiting)
    watch.check()
  })

  test('for each client: so many for each object, without a request or a connection', async () => {
    await using s = await stage(2, { ...LIMIT, scope: 'client' })
    const { cluster, limiters, zks } = s
    const seen = requestsOf(cluster, zks[0]!)
    for (const limiter of limiters) {
      expect(await limiter.tryAcquire(5)).toBe(true)
      expect(await limiter.tryAcquire()).toBe(false)
    }
    const waiting = limiters[0]!.acquire(2)
    await cluster.pass(990)
    expect(await limiters[0]!.tryAcquire()).toBe(false)
    await cluster.until(waiting)
    expect(await limiters[0]!.describe()).toBe('3 of 5 for this process left in this window of 1000 ms')
    expect(seen).toEqual([])
  })

  test('bad options and counts are refused at once', async () => {
    await using s = await stage(1)
    const zk = s.zks[0]!
    const made = (options: object) => () => new RateLimiter(zk, PATH, { ...LIMIT, ...options })
    expect(made({ permits: 0 })).toThrow(RangeError)
    expect(made({ permits: 1.5 })).toThrow(RangeError)
    expect(made({ permits: '5' })).toThrow(TypeError)
    expect(made({ intervalMs: 9 })).toThrow(RangeError)
    expect(made({ intervalMs: undefined })).toThrow(TypeError)
    expect(made({ batch: 6 })).toThrow(RangeError)
    expect(made({ scope: 'process' })).toThrow(TypeError)
    await expect(s.limiters[0]!.acquire(6)).rejects.toThrow(RangeError)
    await expect(s.limiters[0]!.tryAcquire(0)).rejects.toThrow(RangeError)
  })
})
