import {
  AtomicValue,
  bytesCodec,
  Counter,
  IdGenerator,
  jsonCodec,
  SharedValue,
  type Client,
  type Versioned,
} from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Cluster } from '../cluster.js'

const PATH = '/app/value'

async function stage(clients: number): Promise<{ cluster: Cluster; zks: Client[] } & AsyncDisposable> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < clients; i++) zks.push(await cluster.client())
  return { cluster, zks, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

interface Config {
  readonly level: string
  readonly seen: readonly number[]
}
const config = { codec: jsonCodec<Config>(), initial: { level: 'info', seen: [] } }

describe('AtomicValue', () => {
  test('get, set, compare and set by bytes, update', async () => {
    await using s = await stage(1)
    const value = new AtomicValue(s.zks[0]!, PATH, config)
    expect(await s.cluster.until(value.get())).toEqual(config.initial)
    const next = { level: 'warn', seen: [] }
    expect(await s.cluster.until(value.compareAndSet(next, next))).toBe(false)
    expect(await s.cluster.until(value.compareAndSet(config.initial, next))).toBe(true)
    await s.cluster.until(value.update(({ level }) => ({ level, seen: [1] })))
    expect(await s.cluster.until(value.get())).toEqual({ level: 'warn', seen: [1] })
    await s.cluster.until(value.set(config.initial))
    expect(await s.cluster.until(value.get())).toEqual(config.initial)
  })

  test('updates of several processes all come in, each once', async () => {
    await using s = await stage(4)
    const work = s.zks.map(async (zk, process) => {
      const value = new AtomicValue(zk, PATH, config)
      for (let i = 0; i < 10; i++)
        await value.update(({ level, seen }) => ({ level, seen: [...seen, 100 * process + i] }))
    })
    await s.cluster.until(Promise.all(work))
    const { seen } = await s.cluster.until(new AtomicValue(s.zks[0]!, PATH, config).get())
    expect(new Set(seen).size).toBe(40)
    expect(seen).toHaveLength(40)
  })

  test('what is no such value is said, and not overwritten by an update', async () => {
    await using s = await stage(1)
    await s.cluster.until(s.zks[0]!.ensurePath('/app'))
    await s.cluster.until(s.zks[0]!.create(PATH, '{broken'))
    const value = new AtomicValue(s.zks[0]!, PATH, config)
    const update = value.update((old) => old)
    await expect(s.cluster.until(update)).rejects.toMatchObject({ code: 'DATA_INCONSISTENCY' })
    await expect(s.cluster.until(value.get())).rejects.toMatchObject({ code: 'DATA_INCONSISTENCY' })
  })

  test('what is no such value is put right by a set, and does not take down what is written along with it', async () => {
    await using s = await stage(1)
    const zk = s.zks[0]!
    await s.cluster.until(zk.ensurePath('/app'))
    await s.cluster.until(zk.create(PATH, '{broken'))
    const value = new AtomicValue(zk, PATH, config)
    const update = value.update((old) => old).catch((error: unknown) => error)
    const next = { level: 'warn', seen: [1] }
    const set = value.set(next)
    expect(await s.cluster.until(update)).toMatchObject({ code: 'DATA_INCONSISTENCY' })
    await s.cluster.until(set)
    expect(await s.cluster.until(value.get())).toEqual(next)
    await s.cluster.until(zk.set(PATH, '{broken again'))
    const shared = new SharedValue(zk, PATH, config)
    expect((await s.cluster.until(shared.set(next))).value).toEqual(next)
    const counter = new Counter(zk, PATH)
    await s.cluster.until(counter.set(7n))
    expect(await s.cluster.until(counter.get())).toBe(7n)
  })

  test('listeners are told of the next sound value after one that is none', async () => {
    await using s = await stage(1)
    const zk = s.zks[0]!
    const value = new AtomicValue(zk, PATH, config)
    const seen: string[] = []
    const stop = value.on('change', ({ level }) => seen.push(level))
    await s.cluster.until(value.set({ level: 'one', seen: [] }))
    await s.cluster.quiet()
    await s.cluster.until(zk.set(PATH, '{broken'))
    await s.cluster.quiet()
    await s.cluster.until(value.set({ level: 'two', seen: [] }))
    await s.cluster.quiet()
    stop()
    expect(seen.slice(-2)).toEqual(['one', 'two'])
    expect(s.cluster.log.filter(({ level }) => level === 'error')).toHaveLength(1)
  })
})

describe('SharedValue', () => {
  test('a state is compared by its write, not by its bytes', async () => {
    await using s = await stage(2)
    const [one, two] = s.zks.map(
      (zk) => new SharedValue(zk, PATH, { codec: bytesCodec, initial: Buffer.from('a') }),
    )
    const first = await s.cluster.until(one!.get())
    const second = await s.cluster.until(one!.compareAndSet(first, Buffer.from('b')))
    expect(second?.value.toString()).toBe('b')
    await s.cluster.until(two!.set(Buffer.from('c')))
    await s.cluster.until(two!.set(Buffer.from('b')))
    expect(await s.cluster.until(one!.compareAndSet(second!, Buffer.from('d')))).toBeUndefined()
    expect(await s.cluster.until(one!.compareAndSet(first, Buffer.from('d')))).toBeUndefined()
    const third = await s.cluster.until(one!.get())
    expect(third.mzxid).toBeGreaterThan(second!.mzxid)
    const fourth = await s.cluster.until(one!.compareAndSet(third, Buffer.from('d')))
    expect(await s.cluster.until(two!.get())).toEqual(fourth)
  })

  test('version 0 is a state like any other, also when the znode was made again', async () => {
    await using s = await stage(2)
    const value = new SharedValue(s.zks[0]!, PATH, { codec: bytesCodec })
    await expect(s.cluster.until(value.get())).rejects.toMatchObject({ code: 'NO_NODE' })
    await s.cluster.until(s.zks[1]!.ensurePath('/app'))
    await s.cluster.until(s.zks[1]!.create(PATH, 'one'))
    const one = await s.cluster.until(value.get())
    expect(one.version).toBe(0)
    await s.cluster.until(s.zks[1]!.delete(PATH))
    await s.cluster.until(s.zks[1]!.create(PATH, 'two'))
    expect(await s.cluster.until(value.compareAndSet(one, Buffer.from('x')))).toBeUndefined()
    const two = await s.cluster.until(value.get())
    expect(await s.cluster.until(value.compareAndSet(two, Buffer.from('x')))).toMatchObject({ version: 1 })
  })

  test('changes come in the order of their writes, over an ended session too', async () => {
    await using s = await stage(2)
    const [reader, writer] = s.zks.map(
      (zk) => new SharedValue(zk, PATH, { codec: bytesCodec, initial: Buffer.from('0') }),
    )
    const seen: Versioned<Uint8Array>[] = []
    const stop = reader!.on('change', (state) => seen.push(state))
    await s.cluster.quiet()
    for (let i = 1; i <= 10; i++) {
      await s.cluster.until(writer!.set(Buffer.from(String(i))))
      if (i === 5) s.cluster.control.expireSession(s.zks[0]!.session!.id)
    }
    await s.cluster.pass(2_000)
    expect(Buffer.from(seen.at(-1)!.value).toString()).toBe('10')
    const zxids = seen.map(({ mzxid }) => mzxid)
    expect(zxids).toEqual([...new Set(zxids)].sort((a, b) => Number(a - b)))
    stop()
  })

  test('the state after a lost reply is that of our own write', async () => {
    await using s = await stage(1)
    const value = new SharedValue(s.zks[0]!, PATH, { codec: bytesCodec, initial: Buffer.from('0') })
    await s.cluster.until(value.set(Buffer.from('1')))
    const { fired } = s.cluster.control.dropAfter({ operation: 'multi' })
    const state = await s.cluster.until(value.set(Buffer.from('2')))
    await fired
    expect(await s.cluster.until(value.get())).toEqual(state)
  })
})

describe('IdGenerator', () => {
  test('ids of several processes are all different, and most ask nobody', async () => {
    await using s = await stage(4)
    const ids: bigint[] = []
    const work = s.zks.map(async (zk) => {
      const generator = new IdGenerator(zk, PATH, { blockSize: 50 })
      for (let i = 0; i < 120; i++) ids.push(await generator.next())
      await generator.close()
    })
    const count = (): number => s.cluster.control.sessions().reduce((sum, { requests }) => sum + requests, 0)
    const before = count()
    await s.cluster.until(Promise.all(work))
    expect(new Set(ids).size).toBe(480)
    expect(count() - before).toBeLessThan(100)
  })

  test('a block that may be ours or not is skipped', async () => {
    await using s = await stage(1)
    const { control } = s.cluster
    const generator = new IdGenerator(s.zks[0]!, PATH, { blockSize: 10 })
    const seen = [await s.cluster.until(generator.next())]
    const { fired } = control.dropAfter({ operation: 'multi' })
    void fired.then(({ session }) => control.expireSession(session))
    for (let i = 0; i < 15; i++) seen.push(await s.cluster.until(generator.next()))
    expect(new Set(seen).size).toBe(16)
    expect(seen.at(-1)).toBeGreaterThan(20n)
  })
})
