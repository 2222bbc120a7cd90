/** What a multi-lock does when all goes well, when one of its locks is busy, and when one is lost. */
import { MultiLock, Mutex, ReadWriteLock, type Client } from 'latchkey'
import { expect, test } from 'vitest'
import { Cluster } from './cluster.js'
import { see } from './read-write-stage.js'

const [A, B, C] = ['/locks/a', '/locks/b', '/locks/c'] as const
const paths = [A, B, C]

async function stage(count: number): Promise<{ cluster: Cluster; zks: Client[] } & AsyncDisposable> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < count; i++) zks.push(await cluster.client())
  for (const path of paths) await cluster.until(zks[0]!.ensurePath(path, { mode: 'container' }))
  return { cluster, zks, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

async function expectNothingLeft(cluster: Cluster): Promise<void> {
  for (const path of paths) await cluster.expectNothingLeft(path)
}

/** Paths of the requests of a client from now on that change something, in order. */
function writesOf(cluster: Cluster, zk: Client): string[] {
  const seen: string[] = []
  cluster.control.dropBefore({
    where: ({ session, operation, paths: [path = ''] }) => {
      const isWrite = operation === 'create' || operation === 'delete'
      if (session === zk.session?.id && isWrite) seen.push(`${operation} ${path.slice(0, A.length)}`)
      return false
    },
  })
  return seen
}

test('locks are taken in the order of their paths, however they were given, and released in reverse', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const [zk] = zks
  const multi = new MultiLock(zk!, [C, new Mutex(zk!, A), new ReadWriteLock(zk!, B).readLock])
  expect(multi.paths).toEqual([A, B, C])
  const writes = writesOf(cluster, zk!)
  const hold = await cluster.until(multi.acquire())
  expect([...hold.fencingTokens.keys()]).toEqual([A, B, C])
  await cluster.until(hold.release())
  expect(writes).toEqual([A, B, C, C, B, A].map((path, i) => `${i < 3 ? 'create' : 'delete'} ${path}`))
  await expectNothingLeft(cluster)
})

test('the order is that of code units, not of a language', () => {
  const multi = new MultiLock({} as never, ['/ä', '/z', '/Z', '/a/b', '/a', '/a-b'])
  expect(multi.paths).toEqual(['/Z', '/a', '/a-b', '/a/b', '/z', '/ä'])
})

test('tokens are those of the locks, by path, and grow', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const before = new Map<string, bigint>()
  for (let round = 0; round < 3; round++) {
    const hold = await cluster.until(new MultiLock(zks[round % 2]!, [B, A]).acquire())
    for (const [path, token] of hold.fencingTokens) {
      expect(token).toBeGreaterThan(before.get(path) ?? 0n)
      const [holder] = await cluster.until(new Mutex(zks[0]!, path).contenders())
      expect(holder?.czxid).toBe(token)
      before.set(path, token)
    }
    await cluster.until(hold.release())
  }
})

test('two that share locks, given in opposite order, take turns', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  let inside = 0
  const work = async (zk: Client, locks: string[]): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      const run = new MultiLock(zk, locks).run(async () => {
        expect(++inside).toBe(1)
        await zk.sync('/')
        inside--
      })
      await run
    }
  }
  await cluster.until(Promise.all([work(zks[0]!, [A, B, C]), work(zks[1]!, [C, B, A])]))
  await expectNothingLeft(cluster)
})

test('those with only one lock in common exclude each other, as those do who take one alone', async () => {
  await using staged = await stage(3)
  const { cluster, zks } = staged
  const hold = await cluster.until(new MultiLock(zks[0]!, [A, B]).acquire())
  const multi = see(new MultiLock(zks[1]!, [B, C]).acquire())
  const single = see(new Mutex(zks[2]!, A).acquire())
  await cluster.pass(5_000)
  expect([multi.settled, single.settled]).toEqual([false, false])
  await cluster.until(hold.release())
  await cluster.until((await cluster.until(multi.promise)).release())
  await cluster.until((await cluster.until(single.promise)).release())
  await expectNothingLeft(cluster)
})

test('a try takes all or leaves nothing', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const multi = new MultiLock(zks[0]!, [A, B, C])
  const last = await cluster.until(new Mutex(zks[1]!, C).acquire())
  expect(await cluster.until(multi.tryAcquire())).toBeUndefined()
  expect(await cluster.children(A)).toEqual([])
  expect(await cluster.children(B)).toEqual([])
  await expect(cluster.until(multi.acquire({ timeoutMs: 0 }))).rejects.toThrow(
    /somebody else held one of them/,
  )
  await cluster.until(last.release())
  const hold = await cluster.until(multi.acquire({ timeoutMs: 0 }))
  expect(await cluster.until(new MultiLock(zks[1]!, [B]).tryAcquire())).toBeUndefined()
  await cluster.until(hold.release())
  await cluster.until((await cluster.until(multi.tryAcquire()))!.release())
  await expectNothingLeft(cluster)
})

test('one deadline bounds all of it, says where it got stuck, and gives back what it had', async () => {
  await using staged = await stage(3)
  const { cluster, zks } = staged
  const first = await cluster.until(new Mutex(zks[1]!, A).acquire())
  const last = await cluster.until(new Mutex(zks[2]!, C).acquire())
  const start = cluster.clock.now()
  const waiting = new MultiLock(zks[0]!, paths).acquire({ timeoutMs: 3_000 })
  const rejected = expect(waiting).rejects.toMatchObject({
    code: 'TIMEOUT',
    path: A,
    message: expect.stringMatching(
      /3 locks.*gave up after 3000 ms, while waiting for \/locks\/c, with 2 of 3 taken/,
    ) as unknown,
  })
  await cluster.pass(2_000)
  await cluster.until(first.release())
  await cluster.until(rejected)
  expect(cluster.clock.now() - start).toBeLessThan(3_100)
  await cluster.quiet()
  expect(await cluster.children(A)).toEqual([])
  expect(await cluster.children(B)).toEqual([])
  await cluster.until(last.release())
  await expectNothingLeft(cluster)
})

test('when an earlier one is deleted while a later one is waited for, it starts over', async () => {
  await using staged = await stage(3)
  const { cluster, zks } = staged
  const last = await cluster.until(new Mutex(zks[1]!, C).acquire())
  const multi = see(new MultiLock(zks[0]!, paths).acquire())
  await cluster.quiet()
  const [name] = (await cluster.children(A))!
  await cluster.until(zks[2]!.delete(`${A}/${name}`))
  await cluster.quiet()
  // All of them anew: nobody holds a later one without the earlier ones.
  expect(await cluster.children(A)).toHaveLength(1)
  expect(await cluster.children(A)).not.toEqual([name])
  expect(await cluster.children(B)).toHaveLength(1)
  await cluster.until(last.release())
  const hold = await cluster.until(multi.promise)
  await cluster.until(hold.confirm())
  await cluster.until(hold.release())
  await expectNothingLeft(cluster)
})

test('when the session ends while it waits, it starts over in the next one', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const last = await cluster.until(new Mutex(zks[1]!, C).acquire())
  const multi = see(new MultiLock(zks[0]!, paths).acquire())
  await cluster.quiet()
  cluster.control.expireSession(zks[0]!.session!.id)
  await cluster.quiet()
  expect(await cluster.children(A)).toHaveLength(1)
  await cluster.until(last.release())
  const hold = await cluster.until(multi.promise)
  expect(zks[0]!.session?.generation).toBe(2)
  await cluster.until(hold.confirm())
  await cluster.until(hold.release())
  await expectNothingLeft(cluster)
})

test('the signal tells the first loss; the others stay until the release', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const hold = await cluster.until(new MultiLock(zks[0]!, paths).acquire())
  const { signal } = hold
  expect(signal.aborted).toBe(false)
  await cluster.quiet()
  const [name] = (await cluster.children(B))!
  await cluster.until(zks[1]!.delete(`${B}/${name}`))
  await cluster.quiet()
  expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'node-deleted', path: `${B}/${name}` })
  expect(() => hold.guard(zks[0]!.transaction())).toThrow(/lost/)
  await expect(cluster.until(hold.confirm())).rejects.toMatchObject({ code: 'LOCK_LOST' })
  expect(await cluster.children(A)).toHaveLength(1)
  await cluster.until(hold.release())
  await expectNothingLeft(cluster)
})

test('a release is no loss', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const hold = await cluster.until(new MultiLock(zks[0]!, paths).acquire())
  const { signal } = hold
  await cluster.quiet()
  await cluster.until(hold.release())
  await cluster.until(hold.release())
  await cluster.until(hold.release({ timeoutMs: 1_000 }))
  await cluster.quiet()
  expect(signal.aborted).toBe(false)
  expect(() => hold.guard(zks[0]!.transaction())).toThrow(TypeError)
  await expectNothingLeft(cluster)
})

test('a guarded write commits only while all are held', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const [zk, rival] = zks
  await cluster.until(zk!.create('/result', 'none'))
  const hold = await cluster.until(new MultiLock(zk!, paths).acquire())
  const results = await cluster.until(hold.guard(zk!.transaction().set('/result', 'one')).commit())
  expect(results.map(({ type }) => type)).toEqual(['set', 'check', 'check', 'check'])
  const late = hold.guard(zk!.transaction().set('/result', 'two'))
  const [name] = (await cluster.children(C))!
  await cluster.until(rival!.delete(`${C}/${name}`))
  await expect(cluster.until(late.commit())).rejects.toMatchObject({
    code: 'TRANSACTION_FAILED',
    failedIndex: 3,
    failure: { code: 'NO_NODE', path: `${C}/${name}` },
  })
  expect((await cluster.until(zk!.get('/result'))).data.toString()).toBe('one')
  await cluster.until(hold.release())
  await expectNothingLeft(cluster)
})

test('run gives what its function gives, and tells a loss, or the function’s own error', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const multi = new MultiLock(zks[0]!, paths)
  expect(await cluster.until(multi.run(({ fencingTokens }) => fencingTokens.size))).toBe(3)
  const destroy = async (): Promise<void> => {
    const [name] = (await zks[1]!.children(B)).children
    await zks[1]!.delete(`${B}/${name}`)
  }
  await expect(cluster.until(multi.run(destroy))).rejects.toMatchObject({ code: 'LOCK_LOST' })
  const own = new Error('my own')
  const fail = async (): Promise<void> => {
    await destroy()
    throw own
  }
  await expect(cluster.until(multi.run(fail))).rejects.toBe(own)
  await expectNothingLeft(cluster)
})

test('who holds and who waits, by path', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const hold = await cluster.until(new MultiLock(zks[0]!, [B, A]).acquire())
  const multi = new MultiLock(zks[1]!, [C, B])
  const waiting = multi.acquire()
  await cluster.quiet()
  const lines = await cluster.until(multi.contenders())
  expect([...lines.keys()]).toEqual([B, C])
  expect(lines.get(B)!.map(({ role, czxid }) => [role, czxid === hold.fencingTokens.get(B)])).toEqual([
    ['holder', true],
    ['waiter', false],
  ])
  expect(lines.get(C)).toEqual([])
  await cluster.until(hold.release())
  await cluster.until((await cluster.until(waiting)).release())
  await expectNothingLeft(cluster)
})

test('what the server refuses for one of them is the caller’s, and the others are given back', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const [zk] = zks
  await cluster.until(zk!.setACL(B, [{ perms: 1 | 16, scheme: 'world', id: 'anyone' }]))
  await expect(cluster.until(new MultiLock(zk!, paths).acquire())).rejects.toMatchObject({ code: 'NO_AUTH' })
  await expectNothingLeft(cluster)
})

test('after the client is closed it says so', async () => {
  await using staged = await stage(2)
  const { cluster, zks } = staged
  const last = await cluster.until(new Mutex(zks[1]!, C).acquire())
  const waiting = expect(new MultiLock(zks[0]!, paths).acquire()).rejects.toMatchObject({ code: 'CLOSED' })
  await cluster.quiet()
  await cluster.until(zks[0]!.close())
  await cluster.until(waiting)
  await cluster.until(last.release())
})

test('an acquire that takes what is free costs two requests a lock, and a watch on each but the last', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const seen: string[] = []
  cluster.control.dropBefore({ where: ({ operation }) => (seen.push(operation), false) })
  const start = cluster.clock.now()
  const hold = await cluster.until(new MultiLock(zks[0]!, paths).acquire())
  expect(cluster.clock.now() - start).toBeLessThan(9)
  expect(seen.sort()).toEqual([
    ...['create', 'create', 'create'],
    ...['getChildren2', 'getChildren2', 'getChildren2'],
    ...['getData', 'getData'],
  ])
  await cluster.until(hold.release())
  await expectNothingLeft(cluster)
})

test.each([
  ['no locks', []],
  ['not an array', 'abc' as never],
  ['a bad path', ['locks']],
  ['a path twice', [A, B, A]],
  ['a path and a lock on it', [A, new Mutex({} as never, A)]],
  ['no lock', [{} as never]],
  ['null', [null as never]],
])('%s: refused at once', (_, locks) => {
  expect(() => new MultiLock({} as never, locks)).toThrow(TypeError)
})

test('both sides of a read-write lock are refused, as the second would wait for the first', () => {
  const { readLock, writeLock } = new ReadWriteLock({} as never, A)
  expect(() => new MultiLock({} as never, [readLock, writeLock])).toThrow(
    /two of the locks are on \/locks\/a/,
  )
})
