/** What a lost connection is to a hold, by its lock's `lossPolicy`. */
import {
  LockLostError,
  MultiLock,
  Mutex,
  ReadWriteLock,
  Semaphore,
  type Client,
  type LossPolicy,
} from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Cluster, EXPIRY_MS, SESSION_MS } from './cluster.js'

const ROOT = '/app/thing'

interface Held {
  readonly signal: AbortSignal
  guard(transaction: ReturnType<Client['transaction']>): unknown
  confirm(): Promise<void>
  release(): Promise<void>
}

interface Kind {
  readonly parents: readonly string[]
  readonly acquire: (zk: Client, lossPolicy: LossPolicy) => Promise<Held>
}

const semaphore =
  (dialect: 'native' | 'curator' | 'kazoo'): Kind['acquire'] =>
  async (zk, lossPolicy) =>
    new Semaphore(zk, ROOT, { permits: 2, dialect, lossPolicy }).acquire(2)

const kinds: Readonly<Record<string, Kind>> = {
  mutex: {
    parents: [ROOT],
    acquire: async (zk, lossPolicy) => new Mutex(zk, ROOT, { lossPolicy }).acquire(),
  },
  'write lock': {
    parents: [ROOT],
    acquire: async (zk, lossPolicy) => new ReadWriteLock(zk, ROOT, { lossPolicy }).writeLock.acquire(),
  },
  'downgraded lock': {
    parents: [ROOT],
    acquire: async (zk, lossPolicy) =>
      (await new ReadWriteLock(zk, ROOT, { lossPolicy }).writeLock.acquire()).downgrade(),
  },
  'multi-lock': {
    parents: [`${ROOT}/a`, `${ROOT}/b`],
    acquire: async (zk, lossPolicy) =>
      new MultiLock(zk, [`${ROOT}/b`, `${ROOT}/a`], { lossPolicy }).acquire(),
  },
  'semaphore, native': { parents: [ROOT], acquire: semaphore('native') },
  'semaphore, curator': { parents: [`${ROOT}/leases`, `${ROOT}/locks`], acquire: semaphore('curator') },
  'semaphore, kazoo': { parents: [ROOT, `${ROOT}-__lock__`], acquire: semaphore('kazoo') },
}

/** Who holds with a policy, who waits behind it with the other one. */
async function stage(): Promise<AsyncDisposable & { cluster: Cluster; zks: readonly [Client, Client] }> {
  const cluster = await Cluster.start()
  const zks = [await cluster.client(), await cluster.client()] as const
  return { cluster, zks, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

function cutOff({ control }: Cluster, zk: Client): void {
  control.pauseAccepting()
  control.dropConnection(zk.session!.id)
}

const suspended: unknown = expect.objectContaining({ code: 'LOCK_LOST', reason: 'suspended' })

describe.each(Object.entries(kinds))('%s', (name, { parents, acquire }) => {
  test('suspended: lost as soon as the connection is, and given back when there is one', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const hold = await cluster.until(acquire(zks[0], 'suspended'))
    const { signal } = hold
    const waiting = acquire(zks[1], 'deadline')
    await cluster.quiet()
    cutOff(cluster, zks[0])
    await cluster.pass(2)
    expect(signal.reason).toEqual(suspended)
    expect(() => hold.guard(zks[0].transaction())).toThrow(LockLostError)
    await expect(hold.confirm()).rejects.toEqual(suspended)
    await cluster.pass(500)
    cluster.control.resumeAccepting()
    // Long before the session could have expired.
    const next = await cluster.until(waiting, 1_500)
    expect(signal.reason).toEqual(suspended)
    await cluster.until(hold.release())
    await cluster.until(next.confirm())
    await cluster.until(next.release())
    for (const path of parents) await cluster.expectNothingLeft(path)
  })

  test('suspended, and the signal never read: it is lost all the same', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const hold = await cluster.until(acquire(zks[0], 'suspended'))
    cutOff(cluster, zks[0])
    await cluster.pass(100)
    cluster.control.resumeAccepting()
    await cluster.pass(1_000)
    expect(zks[0].state).toBe('connected')
    expect(hold.signal.reason).toEqual(suspended)
    for (const path of parents) expect(await cluster.children(path)).toEqual([])
    await cluster.until(hold.release())
    for (const path of parents) await cluster.expectNothingLeft(path)
  })

  test('suspended until the session is over: the reason stays, and release is quiet', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const hold = await cluster.until(acquire(zks[0], 'suspended'))
    const { signal } = hold
    cutOff(cluster, zks[0])
    await cluster.pass(EXPIRY_MS)
    cluster.control.resumeAccepting()
    await cluster.pass(EXPIRY_MS)
    expect(signal.reason).toEqual(suspended)
    await cluster.until(hold.release())
    for (const path of parents) await cluster.expectNothingLeft(path)
  })

  test('deadline: an outage shorter than the session is no loss', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const hold = await cluster.until(acquire(zks[0], 'deadline'))
    const { signal } = hold
    await cluster.quiet()
    cutOff(cluster, zks[0])
    await cluster.pass(SESSION_MS / 4)
    cluster.control.resumeAccepting()
    await cluster.pass(1_000)
    expect(signal.aborted).toBe(false)
    await cluster.until(hold.confirm())
    await cluster.until(hold.release())
    for (const path of parents) await cluster.expectNothingLeft(path)
  })

  test('suspended while it waits: it keeps its place, and what it gets is not lost', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const hold = await cluster.until(acquire(zks[1], 'deadline'))
    const waiting = acquire(zks[0], 'suspended')
    await cluster.quiet()
    cutOff(cluster, zks[0])
    await cluster.pass(200)
    cluster.control.resumeAccepting()
    await cluster.pass(1_000)
    await cluster.until(hold.release())
    const next = await cluster.until(waiting, 1_000)
    expect(next.signal.aborted).toBe(false)
    await cluster.until(next.confirm())
    await cluster.until(next.release())
    for (const path of parents) await cluster.expectNothingLeft(path)
  })

  test('suspended at any moment of taking it: nothing is handed out that is lost already', async () => {
    for (let afterMs = 0; afterMs < 12; afterMs += 0.5) {
      await using staged = await stage()
      const { cluster, zks } = staged
      const seen = acquire(zks[0], 'suspended').then(
        (hold) => ({ hold, isLate: zks[0].state !== 'connected', isLost: hold.signal.aborted }),
        // A write lock that was held, and lost before it was downgraded.
        (error: unknown) => ({ error, hold: undefined, isLate: false, isLost: false }),
      )
      await cluster.pass(afterMs)
      cutOff(cluster, zks[0])
      await cluster.pass(50)
      cluster.control.resumeAccepting()
      const { hold, isLate, isLost, ...failed } = await cluster.until(seen)
      expect([isLate, isLost]).toEqual([false, false])
      if (hold === undefined) expect([name, failed]).toEqual(['downgraded lock', { error: suspended }])
      await cluster.until(hold?.release() ?? Promise.resolve())
      // A create whose reply got lost is looked for once more then.
      await cluster.pass(SESSION_MS)
      for (const path of parents) await cluster.expectNothingLeft(path)
    }
  })
})

test('a downgrade in which the connection is lost gives nothing that outlives the loss', async () => {
  for (const fault of ['dropBefore', 'dropAfter'] as const) {
    await using staged = await stage()
    const { cluster, zks } = staged
    const write = await cluster.until(
      new ReadWriteLock(zks[0], ROOT, { lossPolicy: 'suspended' }).writeLock.acquire(),
    )
    const { signal } = write
    cluster.control[fault]({ operation: 'multi' })
    await expect(cluster.until(write.downgrade())).rejects.toEqual(suspended)
    expect(signal.reason).toEqual(suspended)
    await cluster.until(new Mutex(zks[1], '/other').acquire())
    const next = await cluster.until(new ReadWriteLock(zks[1], ROOT).writeLock.acquire(), 1_500)
    await cluster.until(Promise.all([write.release(), next.release()]))
    await cluster.expectNothingLeft(ROOT)
  }
})

test('run tells the loss, though the connection is back in the end', async () => {
  await using staged = await stage()
  const { cluster, zks } = staged
  const lock = new Mutex(zks[0], ROOT, { lossPolicy: 'suspended' })
  const running = lock.run(async () => {
    cutOff(cluster, zks[0])
    cluster.control.resumeAccepting()
    await zks[0].exists('/').catch(() => undefined)
    await zks[0].ready()
  })
  await expect(cluster.until(running)).rejects.toEqual(suspended)
  await cluster.expectNothingLeft(ROOT)
})

test('anything else is refused', async () => {
  await using staged = await stage()
  const { zks } = staged
  const lossPolicy = 'never' as LossPolicy
  expect(() => new Mutex(zks[0], ROOT, { lossPolicy })).toThrow(/'deadline' or 'suspended'/)
  expect(() => new ReadWriteLock(zks[0], ROOT, { lossPolicy })).toThrow(TypeError)
  expect(() => new MultiLock(zks[0], [ROOT], { lossPolicy })).toThrow(TypeError)
  expect(() => new Semaphore(zks[0], ROOT, { permits: 1, lossPolicy })).toThrow(TypeError)
})
