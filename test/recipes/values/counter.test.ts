import { Counter, numberFormats, type Client, type CounterOptions } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Cluster } from '../cluster.js'

const PATH = '/app/counter'

async function stage(clients = 1): Promise<{ cluster: Cluster; zks: Client[] } & AsyncDisposable> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < clients; i++) zks.push(await cluster.client())
  return { cluster, zks, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

/** Requests of one client from now on, in order. */
function requestsOf(cluster: Cluster, zk: Client): string[] {
  const seen: string[] = []
  const where = ({ session, operation }: { session: bigint; operation: string }): boolean => {
    if (session === zk.session?.id) seen.push(operation)
    return false
  }
  cluster.control.dropBefore({ where })
  return seen
}

describe('what it counts', () => {
  test('a missing counter stands for its initial number, and is made by the first change', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH, { initial: 40n })
    expect(await s.cluster.until(counter.get())).toBe(40n)
    expect(await s.cluster.children('/app')).toBeUndefined()
    expect(await s.cluster.until(counter.add(2n))).toBe(42n)
    const { data } = await s.cluster.until(s.zks[0]!.get(PATH))
    expect(data.toString('hex')).toBe('000000000000002a')
  })

  test.each([
    ['int64', '-9223372036854775808', '8000000000000000'],
    ['int32', '-5', 'fffffffb'],
    ['kazoo', '-5', '2d35'],
  ] as const)('%s writes %s as %s', (name, value, hex) => {
    const format = numberFormats[name]
    expect(Buffer.from(format.encode(BigInt(value))).toString('hex')).toBe(hex)
    expect(format.decode(Buffer.from(hex, 'hex'))).toBe(BigInt(value))
  })

  test('every way to change it', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH)
    const { cluster } = s
    expect(await cluster.until(counter.increment())).toBe(1n)
    expect(await cluster.until(counter.decrement())).toBe(0n)
    expect(await cluster.until(counter.compareAndSet(0n, 7n))).toBe(true)
    expect(await cluster.until(counter.compareAndSet(0n, 9n))).toBe(false)
    expect(await cluster.until(counter.update((value) => value * 3n))).toBe(21n)
    await cluster.until(counter.set(100n))
    expect(await cluster.until(counter.block(10))).toEqual({ first: 101n, last: 110n })
    expect(await cluster.until(counter.increment())).toBe(111n)
  })

  test('numbers instead of bigints, where asked for', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH, { as: 'number' })
    expect(await s.cluster.until(counter.add(5))).toBe(5)
    await s.cluster.until(counter.set(Number.MAX_SAFE_INTEGER))
    await expect(s.cluster.until(counter.increment())).rejects.toThrow(RangeError)
    expect(await s.cluster.until(counter.get())).toBe(Number.MAX_SAFE_INTEGER)
    await expect(counter.add(0.5)).rejects.toThrow(RangeError)
    await expect(counter.add(1n as unknown as number)).rejects.toThrow(TypeError)
  })
})

describe('what it refuses', () => {
  test.each([['int64'], ['int32'], ['kazoo']] as const)(
    '%s: past its end nothing is changed',
    async (format) => {
      await using s = await stage()
      const { min, max } = numberFormats[format]
      const counter = new Counter(s.zks[0]!, PATH, { format, initial: max })
      await expect(s.cluster.until(counter.increment())).rejects.toThrow(RangeError)
      expect(await s.cluster.until(counter.get())).toBe(max)
      await s.cluster.until(counter.set(min))
      await expect(s.cluster.until(counter.decrement())).rejects.toThrow(RangeError)
      await expect(s.cluster.until(counter.block(0))).rejects.toThrow(RangeError)
      expect(await s.cluster.until(counter.get())).toBe(min)
    },
  )

  test('one that overflows does not take down those that are written along with it', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH, { format: 'int32' })
    const all = [counter.add(1n), counter.add(2_147_483_647n), counter.add(2n)]
    const outcomes = await s.cluster.until(Promise.allSettled(all))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await s.cluster.until(counter.get())).toBe(3n)
  })

  test.each([
    ['int64', 'abc'],
    ['int32', 'seven77'],
    ['kazoo', '1.5'],
  ] as const)('%s on a znode that holds %s', async (format, data) => {
    await using s = await stage()
    await s.cluster.until(s.zks[0]!.ensurePath('/app'))
    await s.cluster.until(s.zks[0]!.create(PATH, data))
    const counter = new Counter(s.zks[0]!, PATH, { format })
    for (const call of [counter.get(), counter.increment()])
      await expect(s.cluster.until(call)).rejects.toMatchObject({ code: 'DATA_INCONSISTENCY', path: PATH })
    expect((await s.cluster.until(s.zks[0]!.get(PATH))).data.toString()).toBe(data)
  })

  test.each([
    [{ format: 'int16' }],
    [{ as: 'float' }],
    [{ lostReplies: 'guess' }],
    [{ initial: 5 }],
    [{ lockPath: 'x' }],
  ])('options %j', async (options) => {
    await using s = await stage()
    expect(() => new Counter(s.zks[0]!, PATH, options as CounterOptions)).toThrow(TypeError)
  })
})

describe('what it asks of the server', () => {
  test('alone, a change is one request from the second on', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    const seen = requestsOf(s.cluster, s.zks[0]!)
    for (let i = 0; i < 5; i++) await s.cluster.until(counter.increment())
    expect(seen).toEqual(Array(5).fill('multi'))
  })

  test('the first change of an existing one takes two round trips', async () => {
    await using s = await stage(2)
    await s.cluster.until(new Counter(s.zks[1]!, PATH).increment())
    const seen = requestsOf(s.cluster, s.zks[0]!)
    await s.cluster.until(new Counter(s.zks[0]!, PATH).increment())
    expect(seen).toEqual(['create', 'getData', 'multi'])
  })

  test('a hundred additions at once are two writes', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    const seen = requestsOf(s.cluster, s.zks[0]!)
    const sums = await s.cluster.until(
      Promise.all(Array.from({ length: 100 }, async () => counter.increment())),
    )
    expect(sums).toEqual(Array.from({ length: 100 }, (_, i) => BigInt(i + 2)))
    expect(seen.length).toBeLessThanOrEqual(2)
  })

  test('idle for some seconds, nothing of ours but the number is left', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    expect(await s.cluster.children(PATH)).toHaveLength(1)
    await s.cluster.pass(6_000)
    await s.cluster.expectNothingLeft(PATH)
    expect(await s.cluster.until(counter.increment())).toBe(2n)
    await s.cluster.until(counter.close())
    await s.cluster.expectNothingLeft(PATH)
  })

  test('written now and then, it keeps what it has of ours until five seconds after the last write', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    const seen = requestsOf(s.cluster, s.zks[0]!)
    for (let i = 0; i < 5; i++) {
      await s.cluster.pass(3_000)
      await s.cluster.until(counter.increment())
    }
    expect(seen).toEqual(Array.from({ length: 5 }, () => 'multi'))
    await s.cluster.pass(4_900)
    expect(await s.cluster.children(PATH)).toHaveLength(1)
    await s.cluster.pass(200)
    await s.cluster.expectNothingLeft(PATH)
  })
})

describe('among others', () => {
  test.each([
    ['', {}],
    [', without markers', { lostReplies: 'value' }],
    [', with a mutex', { lockPath: '/app/lock' }],
  ] as const)('eight processes count to 400 together%s: each sum comes once', async (_, options) => {
    await using s = await stage(8)
    const sums: bigint[] = []
    const work = s.zks.map(async (zk) => {
      const counter = new Counter(zk, PATH, options)
      for (let i = 0; i < 50; i++) sums.push(await counter.increment())
      await counter.close()
    })
    await s.cluster.until(Promise.all(work))
    expect(sums.sort((a, b) => Number(a - b))).toEqual(Array.from({ length: 400 }, (_, i) => BigInt(i + 1)))
    await s.cluster.expectNothingLeft(PATH)
  })

  test('made again by others with the version that we remember, it is read again', async () => {
    await using s = await stage(2)
    const [zk, other] = [s.zks[0]!, s.zks[1]!]
    const counter = new Counter(zk, PATH)
    await s.cluster.until(counter.set(5n))
    await s.cluster.until(other.deleteRecursive(PATH))
    await s.cluster.until(other.create(PATH, numberFormats.int64.encode(100n)))
    await s.cluster.until(other.set(PATH, numberFormats.int64.encode(200n)))
    expect(await s.cluster.until(counter.increment())).toBe(201n)
  })

  test('children that are not ours are left alone and change nothing', async () => {
    await using s = await stage(2)
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    await s.cluster.until(s.zks[1]!.create(`${PATH}/_op_foreign`, 'x'))
    await s.cluster.until(s.zks[1]!.create(`${PATH}/!x`, 'x'))
    expect(await s.cluster.until(counter.increment())).toBe(2n)
    await s.cluster.until(counter.close())
    expect(await s.cluster.children(PATH)).toEqual(['!x', '_op_foreign'])
  })
})

describe('lost replies', () => {
  test('the write of ours is told from the same write of another', async () => {
    await using s = await stage(2)
    const counter = new Counter(s.zks[0]!, PATH)
    const rival = new Counter(s.zks[1]!, PATH)
    await s.cluster.until(counter.increment())
    // The request is lost, and meanwhile another writes the very bytes that we wanted to write.
    const lost = s.cluster.control.dropBefore({ session: s.zks[0]!.session!.id, operation: 'multi' })
    const [ours] = await s.cluster.until(
      Promise.all([counter.increment(), lost.fired.then(async () => rival.increment())]),
    )
    expect(ours).toBe(3n)
    expect(await s.cluster.until(rival.get())).toBe(3n)
  })

  test('a write that was applied is found out though others wrote since, and is not repeated', async () => {
    await using s = await stage(2)
    const counter = new Counter(s.zks[0]!, PATH)
    const rival = new Counter(s.zks[1]!, PATH)
    await s.cluster.until(rival.increment())
    await s.cluster.until(counter.increment())
    const { fired } = s.cluster.control.dropAfter({ session: s.zks[0]!.session!.id, operation: 'multi' })
    const others = fired.then(async () => Promise.all([rival.add(10n), rival.add(20n)]))
    expect(await s.cluster.until(counter.add(100n))).toBe(102n)
    await s.cluster.until(others)
    expect(await s.cluster.until(rival.get())).toBe(132n)
  })

  test('when the session ended too, it is "unknown" only where nothing can tell', async () => {
    await using s = await stage(1)
    const { control } = s.cluster
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    const before = control.dropBefore({ operation: 'multi' })
    void before.fired.then(({ session }) => control.expireSession(session))
    expect(await s.cluster.until(counter.increment())).toBe(2n)
    const after = control.dropAfter({ operation: 'multi' })
    void after.fired.then(({ session }) => control.expireSession(session))
    const error: unknown = await s.cluster.until(counter.increment().catch((reason: unknown) => reason))
    expect(error).toMatchObject({ code: 'CONNECTION_LOSS', outcome: 'unknown', path: PATH })
    expect(await s.cluster.until(counter.get())).toBe(3n)
  })
})

describe('giving up', () => {
  test('what was not sent yet is not added', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    const abort = new AbortController()
    const first = counter.increment()
    await s.cluster.pass(0)
    const second = counter.add(10n, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(s.cluster.until(second)).rejects.toThrow('enough')
    expect(await s.cluster.until(first)).toBe(2n)
    expect(await s.cluster.until(counter.get())).toBe(2n)
  })

  test('a time limit that ends while a write is under way says that its outcome is unknown', async () => {
    await using s = await stage()
    const counter = new Counter(s.zks[0]!, PATH)
    await s.cluster.until(counter.increment())
    s.cluster.control.delayReply({ operation: 'multi' }, 1_000)
    const late = counter.increment({ timeoutMs: 100 })
    await expect(s.cluster.until(late)).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' })
    expect(await s.cluster.until(counter.increment())).toBe(3n)
    await s.cluster.until(counter.close())
    await s.cluster.pass(6_000)
    await s.cluster.expectNothingLeft(PATH)
  })
})

describe('changes', () => {
  test('the number now, then the newest; what comes in between may be left out', async () => {
    await using s = await stage(2)
    const counter = new Counter(s.zks[0]!, PATH)
    const writer = new Counter(s.zks[1]!, PATH)
    const abort = new AbortController()
    const seen: bigint[] = []
    const watching = (async () => {
      for await (const value of counter.changes({ signal: abort.signal })) seen.push(value)
    })()
    await s.cluster.quiet()
    for (let i = 0; i < 20; i++) await s.cluster.until(writer.increment())
    await s.cluster.quiet()
    expect(seen[0]).toBe(0n)
    expect(seen.at(-1)).toBe(20n)
    expect(seen).toEqual([...seen].sort((a, b) => Number(a - b)))
    abort.abort()
    await s.cluster.until(watching)
    await s.cluster.until(writer.close())
    await s.cluster.expectNothingLeft(PATH)
  })

  test('what was written while the session ended is not missed', async () => {
    await using s = await stage(2)
    const counter = new Counter(s.zks[0]!, PATH)
    const writer = new Counter(s.zks[1]!, PATH)
    const seen: bigint[] = []
    const stop = counter.on('change', (value) => seen.push(value))
    await s.cluster.until(writer.increment())
    await s.cluster.quiet()
    s.cluster.control.expireSession(s.zks[0]!.session!.id)
    await s.cluster.until(writer.increment())
    await s.cluster.pass(2_000)
    expect(seen.at(-1)).toBe(2n)
    stop()
    await s.cluster.until(writer.close())
    await s.cluster.expectNothingLeft(PATH)
  })
})
