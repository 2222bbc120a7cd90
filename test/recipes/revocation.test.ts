/** Asking holders to give up, and making them: `revoke`, `onRevokeRequested` and `break` of each lock. */
import {
  LockLostError,
  MultiLock,
  Mutex,
  ReadWriteLock,
  Semaphore,
  type Client,
  type Claim,
  type SemaphoreContender,
} from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Cluster, EXPIRY_MS } from './cluster.js'

const ROOT = '/app/thing'

interface Held {
  readonly signal: AbortSignal
  onRevokeRequested(listener: () => void | Promise<void>): () => void
  release(): Promise<void>
}

/** One kind of lock: how it is held, who is in it, and what is done to those. */
interface Kind {
  readonly parents: readonly string[]
  /** False if it holds another znode than it waits with. */
  readonly keepsZnode: boolean
  readonly acquire: (zk: Client) => Promise<Held>
  /** In the order of the line. */
  readonly contenders: (zk: Client) => Promise<readonly { readonly isRevokeRequested: boolean }[]>
  readonly revoke: (zk: Client, contender: never) => Promise<string>
  readonly break: (zk: Client, contender: never) => Promise<string>
}

interface Revocable {
  acquire(): Promise<Held>
  contenders(): Promise<readonly { readonly isRevokeRequested: boolean }[]>
  revoke(contender: never): Promise<string>
  break(contender: never): Promise<string>
}

function kind(lockOn: (zk: Client) => Revocable, parents: readonly string[] = [ROOT]): Kind {
  return {
    parents,
    keepsZnode: true,
    acquire: async (zk) => lockOn(zk).acquire(),
    contenders: async (zk) => lockOn(zk).contenders(),
    revoke: async (zk, contender) => lockOn(zk).revoke(contender),
    break: async (zk, contender) => lockOn(zk).break(contender),
  }
}

const semaphore = (dialect: 'native' | 'curator' | 'kazoo') => (zk: Client) => {
  const made = new Semaphore(zk, ROOT, { permits: 2, dialect })
  return {
    acquire: async () => made.acquire(2),
    contenders: async () => made.contenders(),
    revoke: async (contender: SemaphoreContender) => made.revoke(contender),
    break: async (contender: SemaphoreContender) => made.break(contender),
  }
}

const kinds: Readonly<Record<string, Kind>> = {
  mutex: kind((zk) => new Mutex(zk, ROOT)),
  'mutex, kazoo’s names': kind((zk) => new Mutex(zk, ROOT, { dialect: 'kazoo' })),
  'write lock': kind((zk) => new ReadWriteLock(zk, ROOT).writeLock),
  'read lock behind a writer': {
    ...kind((zk) => new ReadWriteLock(zk, ROOT).readLock),
    acquire: async (zk) => {
      const { readLock, writeLock } = new ReadWriteLock(zk, ROOT)
      return (await readLock.contenders()).length === 0 ? readLock.acquire() : writeLock.acquire()
    },
    contenders: async (zk) => new ReadWriteLock(zk, ROOT).contenders(),
  },
  'downgraded lock': {
    ...kind((zk) => new ReadWriteLock(zk, ROOT).writeLock),
    acquire: async (zk) => (await new ReadWriteLock(zk, ROOT).writeLock.acquire()).downgrade(),
    keepsZnode: false,
    contenders: async (zk) => new ReadWriteLock(zk, ROOT).contenders(),
  },
  'multi-lock': {
    ...kind((zk) => new Mutex(zk, ROOT)),
    acquire: async (zk) => new MultiLock(zk, [ROOT, '/app/very last']).acquire(),
    parents: [ROOT, '/app/very last'],
  },
  'semaphore, native': kind(semaphore('native')),
  'semaphore, curator': {
    ...kind(semaphore('curator'), [`${ROOT}/leases`, `${ROOT}/locks`]),
    keepsZnode: false,
  },
  'semaphore, kazoo': { ...kind(semaphore('kazoo'), [ROOT, `${ROOT}-__lock__`]), keepsZnode: false },
}

/** Three clients: who holds, who waits, and an operator. */
async function stage(): Promise<
  AsyncDisposable & { cluster: Cluster; zks: readonly [Client, Client, Client] }
> {
  const cluster = await Cluster.start()
  const zks = [await cluster.client(), await cluster.client(), await cluster.client()] as const
  return { cluster, zks, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

async function expectNothingLeft(cluster: Cluster, { parents }: Kind): Promise<void> {
  for (const path of parents) await cluster.expectNothingLeft(path)
}

/** Held by the first, waited for by the second, who is shown as `waiter`. */
async function heldAndWaitedFor(
  { cluster, zks }: Pick<Awaited<ReturnType<typeof stage>>, 'cluster' | 'zks'>,
  lock: Kind,
): Promise<{ hold: Held; waiting: Promise<Held>; waiter: unknown }> {
  const hold = await cluster.until(lock.acquire(zks[0]))
  const waiting = lock.acquire(zks[1])
  await cluster.quiet()
  const waiter = (await cluster.until(lock.contenders(zks[2]))).at(-1)
  return { hold, waiting, waiter }
}

describe.each(Object.entries(kinds))('%s', (_, lock) => {
  test('who is asked is told, once, and by the listener gives up; the next one is let in', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const hold = await cluster.until(lock.acquire(zks[0]))
    let told = 0
    hold.onRevokeRequested(async () => {
      told++
      await hold.release()
    })
    const waiting = lock.acquire(zks[1])
    await cluster.quiet()
    const contenders = await cluster.until(lock.contenders(zks[2]))
    const [first] = contenders
    expect(contenders.map(({ isRevokeRequested }) => isRevokeRequested)).toEqual(contenders.map(() => false))
    expect(await cluster.until(lock.revoke(zks[2], first as never))).toBe('asked')
    const next = await cluster.until(waiting)
    expect(told).toBe(1)
    expect(hold.signal.aborted).toBe(false)
    expect(await cluster.until(lock.revoke(zks[2], first as never))).toBe('gone')
    await cluster.until(next.release())
    await expectNothingLeft(cluster, lock)
  })

  test('a holder that is broken learns that an operator did it; the next one is let in', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const hold = await cluster.until(lock.acquire(zks[0]))
    const { signal } = hold
    signal.addEventListener('abort', () => void hold.release())
    const waiting = lock.acquire(zks[1])
    await cluster.quiet()
    const [first] = await cluster.until(lock.contenders(zks[2]))
    expect(await cluster.until(lock.break(zks[2], first as never))).toBe('broken')
    const next = await cluster.until(waiting)
    await cluster.quiet()
    expect(signal.reason).toBeInstanceOf(LockLostError)
    expect(signal.reason).toMatchObject({ reason: 'revoked' })
    expect(await cluster.until(lock.break(zks[2], first as never))).toBe('gone')
    await cluster.until(next.release())
    await expectNothingLeft(cluster, lock)
  })

  test('a waiter that was asked is told when it holds', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const { hold, waiting, waiter } = await heldAndWaitedFor(staged, lock)
    expect(await cluster.until(lock.revoke(zks[2], waiter as never))).toBe('asked')
    const asked = (await cluster.until(lock.contenders(zks[2]))).map(
      ({ isRevokeRequested }) => isRevokeRequested,
    )
    expect(asked).toEqual([false, true])
    await cluster.until(hold.release())
    const next = await cluster.until(waiting)
    let told = 0
    next.onRevokeRequested(() => {
      told++
    })
    await cluster.quiet()
    expect(told).toBe(lock.keepsZnode ? 1 : 0)
    await cluster.until(next.release())
    await expectNothingLeft(cluster, lock)
  })

  test('a waiter that was broken queues up again', async () => {
    await using staged = await stage()
    const { cluster, zks } = staged
    const { hold, waiting, waiter } = await heldAndWaitedFor(staged, lock)
    expect(await cluster.until(lock.break(zks[2], waiter as never))).toBe('broken')
    await cluster.quiet()
    await cluster.until(hold.release())
    const next = await cluster.until(waiting)
    expect(await cluster.until(lock.break(zks[2], waiter as never))).toBe('gone')
    await cluster.quiet()
    expect(next.signal.aborted).toBe(false)
    await cluster.until(next.release())
    await expectNothingLeft(cluster, lock)
  })
})

async function mutexStage(): Promise<
  AsyncDisposable & { cluster: Cluster; zks: readonly Client[]; lock: Mutex }
> {
  const staged = await stage()
  return {
    ...staged,
    lock: new Mutex(staged.zks[0], ROOT),
    [Symbol.asyncDispose]: staged[Symbol.asyncDispose],
  }
}

test('it may be listened for after it was asked; who stopped listening is not told; each is told once', async () => {
  await using staged = await mutexStage()
  const { cluster, zks, lock } = staged
  const hold = await cluster.until(lock.acquire())
  await cluster.until(zks[1]!.set(hold.path, '__REVOKE__'))
  const told: string[] = []
  hold.onRevokeRequested(() => void told.push('one'))
  hold.onRevokeRequested(() => void told.push('two'))()
  expect(told).toEqual([])
  await cluster.quiet()
  expect(told).toEqual(['one'])
  hold.onRevokeRequested(() => void told.push('three'))
  hold.onRevokeRequested(() => void told.push('four'))()
  expect(told).toEqual(['one'])
  await cluster.until(zks[1]!.set(hold.path, '__REVOKE__'))
  await cluster.quiet()
  expect(told).toEqual(['one', 'three'])
  await cluster.until(hold.release())
  hold.onRevokeRequested(() => void told.push('five'))
  await cluster.quiet()
  expect(told).toEqual(['one', 'three'])
  await cluster.expectNothingLeft(ROOT)
})

test('a listener that throws or rejects is logged, and the others are told', async () => {
  await using staged = await mutexStage()
  const { cluster, zks, lock } = staged
  const hold = await cluster.until(lock.acquire())
  let told = false
  hold.onRevokeRequested(() => {
    throw new Error('thrown')
  })
  hold.onRevokeRequested(async () => Promise.reject(new Error('rejected')))
  hold.onRevokeRequested(() => void (told = true))
  await cluster.quiet()
  await cluster.until(zks[1]!.set(hold.path, '__REVOKE__'))
  await cluster.quiet()
  expect(told).toBe(true)
  const errors = cluster.log.filter(({ level }) => level === 'error')
  expect(errors.map(({ fields }) => (fields as { error: Error }).error.message)).toEqual([
    'thrown',
    'rejected',
  ])
  expect(() => hold.onRevokeRequested(undefined as never)).toThrow(TypeError)
  await cluster.until(hold.release())
})

test.each(['asked while it is cut off', 'asked after a reconnect'])('%s, it is told', async (when) => {
  await using staged = await mutexStage()
  const { cluster, zks, lock } = staged
  const hold = await cluster.until(lock.acquire())
  let told = 0
  hold.onRevokeRequested(() => {
    told++
  })
  await cluster.quiet()
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(hold.sessionId)
  await cluster.pass(50)
  const [holder] = await cluster.until(new Mutex(zks[1]!, ROOT).contenders())
  const revoke = async (): Promise<string> => new Mutex(zks[1]!, ROOT).revoke(holder!)
  if (when.startsWith('asked while')) await cluster.until(revoke())
  cluster.control.resumeAccepting()
  await cluster.pass(2_000)
  if (when.startsWith('asked after')) await cluster.until(revoke())
  await cluster.quiet()
  expect(told).toBe(1)
  expect(hold.signal.aborted).toBe(false)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(ROOT)
})

test('any other text is no request', async () => {
  await using staged = await mutexStage()
  const { cluster, zks, lock } = staged
  const hold = await cluster.until(lock.acquire())
  hold.onRevokeRequested(() => expect.unreachable())
  for (const text of ['', '__REVOKE_', '__REVOKE__ ', '__revoke__']) {
    await cluster.until(zks[1]!.set(hold.path, text))
    await cluster.quiet()
  }
  await cluster.until(hold.release())
})

test('only the znode that was shown is hit: not another one of that name', async () => {
  await using staged = await mutexStage()
  const { cluster, zks, lock } = staged
  const hold = await cluster.until(lock.acquire())
  const operator = new Mutex(zks[1]!, ROOT)
  const [holder] = await cluster.until(operator.contenders())
  await cluster.until(zks[1]!.delete(hold.path))
  await cluster.until(zks[1]!.create(hold.path, 'a copy'))
  expect(await cluster.until(operator.revoke(holder!))).toBe('gone')
  expect(await cluster.until(operator.break(holder!))).toBe('gone')
  expect((await cluster.until(zks[1]!.get(hold.path))).data.toString()).toBe('a copy')
})

test('what is no contender of the lock is refused', async () => {
  await using staged = await mutexStage()
  const { cluster, lock } = staged
  const path = `${ROOT}/_c_x-lock-0000000000`
  for (const claim of [
    undefined,
    {},
    { path },
    { path: '/other/x', czxid: 1n },
    { path: `${path}/y`, czxid: 1n },
  ]) {
    await expect(lock.revoke(claim as Claim)).rejects.toThrow(TypeError)
    await expect(lock.break(claim as Claim)).rejects.toThrow(TypeError)
  }
  expect(await cluster.until(lock.break({ path, czxid: 1n }))).toBe('gone')
})

test('who may delete but not write still breaks it, and the holder is told what it can know', async () => {
  await using staged = await mutexStage()
  const { cluster, zks } = staged
  const acl = [{ scheme: 'world', id: 'anyone', perms: 1 }]
  await cluster.until(zks[1]!.ensurePath(ROOT))
  const hold = await cluster.until(new Mutex(zks[0]!, ROOT, { acl }).acquire())
  const { signal } = hold
  await cluster.quiet()
  const operator = new Mutex(zks[1]!, ROOT)
  const [holder] = await cluster.until(operator.contenders())
  await expect(cluster.until(operator.revoke(holder!))).rejects.toMatchObject({ code: 'NO_AUTH' })
  expect(await cluster.until(operator.break(holder!))).toBe('broken')
  await cluster.quiet()
  expect(signal.reason).toMatchObject({ reason: 'node-deleted' })
  await cluster.until(hold.release())
})

test('asked, then deleted by hand: the reason is the same as of a break', async () => {
  await using staged = await mutexStage()
  const { cluster, zks, lock } = staged
  const hold = await cluster.until(lock.acquire())
  const { signal } = hold
  await cluster.until(zks[1]!.set(hold.path, '__REVOKE__'))
  await cluster.quiet()
  await cluster.until(zks[1]!.delete(hold.path))
  await cluster.quiet()
  expect(signal.reason).toMatchObject({ reason: 'revoked' })
})

test('a break that no connection carries ends at its limit, and says what it waited for', async () => {
  await using staged = await mutexStage()
  const { cluster, zks, lock } = staged
  const hold = await cluster.until(lock.acquire())
  const operator = new Mutex(zks[1]!, ROOT)
  const [holder] = await cluster.until(operator.contenders())
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[1]!.session!.id)
  await cluster.pass(1)
  await expect(cluster.until(operator.break(holder!, { timeoutMs: 200 }))).rejects.toThrow(
    /break .* gave up after 200 ms, while waiting for a connection/,
  )
  cluster.control.resumeAccepting()
  await cluster.pass(EXPIRY_MS)
  await cluster.until(hold.confirm())
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(ROOT)
})
