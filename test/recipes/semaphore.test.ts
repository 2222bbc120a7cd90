/** What a semaphore does, in each layout: order, sizes, returns, what it costs, and who is woken. */
import { Semaphore, TransactionError, type Lease } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Cluster, EXPIRY_MS } from './cluster.js'
import { see, type Seen } from './read-write-stage.js'
import { layouts, Ledger, POOL, SemaphoreStage } from './semaphore-stage.js'

describe.each(layouts)('%s', (layout) => {
  test('as many hold as there are permits, and a release lets in exactly the next', async () => {
    await using stage = await SemaphoreStage.start(5, layout, 2)
    const { cluster, semaphores } = stage
    const seen: Seen<Lease>[] = []
    for (const semaphore of semaphores) {
      seen.push(see(semaphore.acquire()))
      await cluster.quiet()
    }
    const settled = (): boolean[] => seen.map((each) => each.settled)
    expect(settled()).toEqual([true, true, false, false, false])
    await cluster.until(seen[1]!.value!.release())
    await cluster.quiet()
    expect(settled()).toEqual([true, true, true, false, false])
    await cluster.until(seen[0]!.value!.release())
    await cluster.quiet()
    expect(settled()).toEqual([true, true, true, true, false])
    await cluster.until(seen[2]!.value!.release())
    await cluster.quiet()
    const tokens = seen.map(({ value }) => value!.fencingToken)
    expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)))
    await cluster.until(Promise.all(seen.map(async ({ promise }) => (await promise).release())))
    await stage.expectNothingLeft()
  })

  test('two that ask for 2 of 2 at once never wait for each other', async () => {
    await using stage = await SemaphoreStage.start(2, layout, 2)
    const { cluster, semaphores } = stage
    for (let round = 0; round < 5; round++) {
      const both = semaphores.map(async (semaphore) => {
        const lease = await semaphore.acquire(2)
        expect(lease.permits).toBe(2)
        await lease.release()
      })
      await cluster.until(Promise.all(both), 1_000)
    }
    await stage.expectNothingLeft()
  })

  test('small requests behind a big one wait for it', async () => {
    await using stage = await SemaphoreStage.start(3, layout, 3)
    const { cluster, semaphores } = stage
    const [one, two, three] = semaphores
    const first = await cluster.until(one!.acquire(2))
    const big = see(two!.acquire(3))
    await cluster.quiet()
    const small = see(three!.acquire(1))
    await cluster.pass(1_000)
    expect([big.settled, small.settled]).toEqual([false, false])
    expect(await cluster.until(three!.tryAcquire())).toBeUndefined()
    await cluster.until(first.release())
    await cluster.quiet()
    expect([big.settled, small.settled]).toEqual([true, false])
    await cluster.until(big.value!.release())
    await cluster.until((await cluster.until(small.promise)).release())
    await stage.expectNothingLeft()
  })

  test('single permits can be given back, and each lets in the next', async () => {
    await using stage = await SemaphoreStage.start(4, layout, 3)
    const { cluster, semaphores } = stage
    const lease = await cluster.until(semaphores[0]!.acquire(3))
    const token = lease.fencingToken
    const { signal } = lease
    const waiting = [see(semaphores[1]!.acquire()), see(semaphores[2]!.acquire())]
    await cluster.quiet()
    await cluster.until(lease.releaseOne())
    await cluster.quiet()
    expect(waiting.filter(({ settled }) => settled)).toHaveLength(1)
    expect(lease.permits).toBe(2)
    await cluster.until(lease.confirm())
    await cluster.until(lease.releaseOne())
    await cluster.quiet()
    expect(waiting.filter(({ settled }) => settled)).toHaveLength(2)
    expect([lease.permits, lease.fencingToken, signal.aborted]).toEqual([1, token, false])
    const [holder] = await cluster.until(semaphores[3]!.holders())
    expect(holder).toMatchObject({ permits: 1, fencingToken: token })
    expect(holder!.znodes.map(({ path }) => path)).toEqual(lease.znodes)
    await cluster.until(lease.releaseOne())
    expect([lease.permits, signal.aborted]).toEqual([0, false])
    for (const { promise } of waiting) await cluster.until((await promise).release())
    await stage.expectNothingLeft()
  })

  test('returns that are asked for together are all made, and a release waits for none of them', async () => {
    await using stage = await SemaphoreStage.start(1, layout, 5)
    const { cluster, semaphores } = stage
    const lease = await cluster.until(semaphores[0]!.acquire(5))
    const all = [lease.releaseOne(), lease.releaseOne(), lease.releaseOne()]
    expect(lease.permits).toBe(2)
    await cluster.until(Promise.all(all))
    expect(await cluster.until(semaphores[0]!.holders())).toMatchObject([{ permits: 2 }])
    await cluster.until(Promise.all([lease.releaseOne(), lease.release(), lease.release()]))
    await stage.expectNothingLeft()
  })

  test('when a znode of a lease is deleted, its signal aborts, and the next one is let in', async () => {
    await using stage = await SemaphoreStage.start(3, layout, 2)
    const { cluster, semaphores, zks } = stage
    const lease = await cluster.until(semaphores[0]!.acquire(2))
    const { signal } = lease
    await cluster.quiet()
    const waiting = see(semaphores[1]!.acquire())
    await cluster.quiet()
    await cluster.until(zks[2]!.delete(lease.znodes[0]!))
    await cluster.quiet()
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'node-deleted' })
    expect(waiting.settled).toBe(true)
    await expect(lease.confirm()).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await cluster.until(lease.release())
    await cluster.until(waiting.value!.release())
    await stage.expectNothingLeft()
  })

  test('a guarded write commits only while the lease is held', async () => {
    await using stage = await SemaphoreStage.start(2, layout, 2)
    const { cluster, semaphores, zks } = stage
    const [zk] = zks
    await cluster.until(zk!.create('/data', 'old'))
    const lease = await cluster.until(semaphores[0]!.acquire(2))
    await cluster.until(lease.guard(zk!.transaction().set('/data', 'new')).commit())
    const late = lease.guard(zk!.transaction().set('/data', 'late'))
    await cluster.until(zks[1]!.delete(lease.znodes.at(-1)!))
    await expect(cluster.until(late.commit())).rejects.toBeInstanceOf(TransactionError)
    await cluster.until(lease.release())
    await stage.expectNothingLeft()
  })

  test('the end of the session gives all permits back', async () => {
    await using stage = await SemaphoreStage.start(2, layout, 2)
    const { cluster, semaphores } = stage
    const lease = await cluster.until(semaphores[0]!.acquire(2))
    const { signal } = lease
    const waiting = semaphores[1]!.acquire(2)
    await cluster.quiet()
    cluster.control.expireSession(lease.sessionId)
    const next = await cluster.until(waiting)
    await cluster.pass(EXPIRY_MS)
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'session-expired' })
    await cluster.until(Promise.all([lease.releaseOne(), lease.release(), next.release()]))
    await stage.expectNothingLeft()
  })

  test('holders and waiters are shown, and described in one line', async () => {
    await using stage = await SemaphoreStage.start(3, layout, 3)
    const { cluster, semaphores, zks } = stage
    const lease = await cluster.until(stage.semaphore(zks[0]!, { permits: 3, id: 'one' }).acquire(2))
    const waiting = stage.semaphore(zks[1]!, { permits: 3, id: 'two' }).acquire(2)
    await cluster.quiet()
    const contenders = await cluster.until(semaphores[2]!.contenders())
    const isNative = layout === 'native'
    expect(contenders).toMatchObject([
      { role: 'holder', id: 'one', permits: 2, fencingToken: lease.fencingToken },
      { role: 'waiter', id: 'two', permits: isNative ? 2 : undefined, sessionId: zks[1]!.session!.id },
    ])
    expect(contenders[0]!.znodes.map(({ path }) => path).sort()).toEqual([...lease.znodes].sort())
    const session = `session 0x${lease.sessionId.toString(16)}`
    expect(await cluster.until(semaphores[2]!.describe())).toBe(
      `semaphore /app/pool (${layout}): 2 of 3 permits in 1 leases, ` +
        `held by "one" (${session}) for 0 s; 1 waiting, the first for 0 s`,
    )
    await cluster.until(lease.release())
    await cluster.until((await cluster.until(waiting)).release())
    await stage.expectNothingLeft()
  })

  test('run gives what the function gave, and tells a loss', async () => {
    await using stage = await SemaphoreStage.start(2, layout, 2)
    const { cluster, semaphores, zks } = stage
    expect(await cluster.until(semaphores[0]!.run((lease) => lease.permits, { permits: 2 }))).toBe(2)
    const lossy = semaphores[0]!.run(async (lease) => {
      await zks[1]!.delete(lease.znodes[0]!)
      return 'done'
    })
    await expect(cluster.until(lossy)).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await stage.expectNothingLeft()
  })

  test('when the first that waits gives up, the one behind it takes over its watch', async () => {
    await using stage = await SemaphoreStage.start(4, layout, 1)
    const { cluster, semaphores } = stage
    const lease = await cluster.until(semaphores[0]!.acquire())
    const leave = new AbortController()
    const leaving = expect(semaphores[1]!.acquire(1, { signal: leave.signal })).rejects.toThrow('left')
    await cluster.quiet()
    const waiting = [see(semaphores[2]!.acquire())]
    await cluster.quiet()
    waiting.push(see(semaphores[3]!.acquire()))
    await cluster.quiet()
    leave.abort(new Error('left'))
    await leaving
    await cluster.quiet()
    expect(waiting.map(({ settled }) => settled)).toEqual([false, false])
    await cluster.until(lease.release())
    await cluster.quiet()
    expect(waiting.map(({ settled }) => settled)).toEqual([true, false])
    await cluster.until(waiting[0]!.value!.release())
    await cluster.until((await cluster.until(waiting[1]!.promise)).release())
    await stage.expectNothingLeft()
  })

  test('when somebody deletes the znode of a waiter, it queues up again', async () => {
    await using stage = await SemaphoreStage.start(3, layout, 1)
    const { cluster, semaphores, zks } = stage
    const lease = await cluster.until(semaphores[0]!.acquire())
    const waiting = see(semaphores[1]!.acquire())
    await cluster.quiet()
    const waiter = (await cluster.until(semaphores[2]!.contenders())).find(({ role }) => role === 'waiter')
    await cluster.until(zks[2]!.delete(waiter!.znodes[0]!.path))
    await cluster.quiet()
    expect(waiting.settled).toBe(false)
    await cluster.until(lease.release())
    await cluster.until((await cluster.until(waiting.promise)).release())
    await stage.expectNothingLeft()
  })

  test('parents that are missing, or are reaped in between, are made again', async () => {
    await using cluster = await Cluster.start()
    const zk = await cluster.client()
    const semaphore = new Semaphore(zk, POOL, { permits: 2, dialect: layout })
    for (let round = 0; round < 3; round++) {
      const lease = await cluster.until(semaphore.acquire(2))
      await cluster.until(lease.release())
      cluster.control.reap()
      cluster.control.reap()
      expect(await cluster.children('/app/pool/leases')).toBeUndefined()
    }
    expect(
      await cluster.until(semaphore.tryAcquire()).then(async (lease) => cluster.until(lease!.release())),
    ).toBe(undefined)
  })

  test('at the end of the sequence counter, never more hold than there are permits', async () => {
    for (const sequenceOverflow of ['wrap', 'stick'] as const) {
      await using stage = await SemaphoreStage.start(6, layout, 2, { sequenceOverflow })
      const { cluster, semaphores } = stage
      const ledger = new Ledger(cluster, layout)
      const first = await cluster.until(semaphores[0]!.acquire(2))
      for (const path of layout === 'native'
        ? [POOL]
        : layout === 'curator'
          ? ['locks', 'leases'].map((name) => `${POOL}/${name}`)
          : [`${POOL}-__lock__`])
        cluster.control.setSequence(path, 2_147_483_645)
      const holding = new Set<Lease>()
      const tokens: bigint[] = []
      let most = 0
      const turns = semaphores.map(async (semaphore, index) => {
        for (let turn = 0; turn < 3; turn++) {
          const lease = await semaphore.acquire(1 + ((index + turn) % 2))
          holding.add(lease)
          tokens.push(lease.fencingToken)
          ledger.granted(lease, 2)
          most = Math.max(
            most,
            [...holding].reduce((sum, { permits }) => sum + permits, 0),
          )
          if (lease.permits === 2) await lease.releaseOne()
          await stage.zks[0]!.exists('/')
          holding.delete(lease)
          await lease.release()
        }
      })
      await cluster.quiet()
      expect(holding.size).toBe(0)
      await cluster.until(first.release())
      await cluster.until(Promise.all(turns))
      expect(most).toBe(2)
      expect(ledger.most).toBe(2)
      expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)))
      await stage.expectNothingLeft()
    }
  })

  test('foreign children take no permit', async () => {
    await using stage = await SemaphoreStage.start(2, layout, 1)
    const { cluster, semaphores, zks } = stage
    const leases = layout === 'curator' ? `${POOL}/leases` : POOL
    if (layout === 'kazoo') await cluster.until(zks[0]!.ensurePath(POOL))
    for (const name of ['!x', 'config', 'zzz']) await cluster.until(zks[0]!.create(`${leases}/${name}`, ''))
    const lease = await cluster.until(semaphores[0]!.acquire())
    const waiting = see(semaphores[1]!.acquire())
    await cluster.quiet()
    expect(waiting.settled).toBe(false)
    await cluster.until(lease.release())
    await cluster.until((await cluster.until(waiting.promise)).release())
    for (const name of ['!x', 'config', 'zzz']) await cluster.until(zks[0]!.delete(`${leases}/${name}`))
    await stage.expectNothingLeft()
  })
})

test('what it can never give is refused at once', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const make = (options: object): Semaphore => new Semaphore(zk, POOL, options as { permits: number })
  const before = cluster.control.sessions()[0]!.requests
  expect(() => make({ permits: 0 })).toThrow(RangeError)
  expect(() => make({ permits: 1.5 })).toThrow(RangeError)
  expect(() => make({})).toThrow(/permits must be a number or/)
  expect(() => make({ permits: null })).toThrow(TypeError)
  expect(() => make({ permits: NaN })).toThrow(TypeError)
  expect(() => make({ permits: { path: 'x' } })).toThrow()
  expect(() => make({ permits: 1, dialect: 'zk' })).toThrow(/unknown dialect "zk"/)
  expect(() => make({ permits: { path: '/n' }, dialect: 'kazoo' })).toThrow(/can not be shared/)
  const semaphore = make({ permits: 2 })
  for (const permits of [3, 0, -1, 0.5]) await expect(semaphore.acquire(permits)).rejects.toThrow(RangeError)
  await expect(semaphore.tryAcquire(3)).rejects.toThrow('3 permits can never be had: there are 2')
  await expect(semaphore.resize(3)).rejects.toThrow(/the limit is fixed/)
  await expect(semaphore.run(undefined as unknown as () => void)).rejects.toThrow(TypeError)
  expect(cluster.control.sessions()[0]!.requests).toBe(before)
})

test('kazoo’s number of permits is agreed on by all', async () => {
  await using stage = await SemaphoreStage.start(2, 'kazoo', 2)
  const { cluster, semaphores, zks } = stage
  await cluster.until((await cluster.until(semaphores[0]!.acquire())).release())
  expect((await cluster.until(zks[0]!.get(POOL))).data.toString()).toBe('2')
  const other = stage.semaphore(zks[1]!, { permits: 3 })
  await expect(cluster.until(other.acquire())).rejects.toMatchObject({
    code: 'DATA_INCONSISTENCY',
    message: '/app/pool says that there are 2 permits, not 3: all must agree',
  })
})

test('a free native semaphore costs a create and a list that go out together, and a delete', async () => {
  await using stage = await SemaphoreStage.start(1, 'native', 4)
  const { cluster, semaphores, zks } = stage
  const seen = stage.requestsOf(zks[0]!)
  const start = cluster.clock.now()
  const lease = await cluster.until(semaphores[0]!.acquire(3))
  expect(cluster.clock.now() - start).toBeLessThan(4)
  await cluster.until(lease.release())
  expect(seen).toEqual(['create', 'getChildren2', 'delete'])
  await stage.expectNothingLeft()
})

test('a free guarded semaphore costs three writes: its place in the lock, the leases, their release', async () => {
  await using stage = await SemaphoreStage.start(1, 'curator', 4)
  const { cluster, semaphores, zks } = stage
  const seen = stage.requestsOf(zks[0]!)
  const lease = await cluster.until(semaphores[0]!.acquire())
  await cluster.until(lease.release())
  expect(seen).toEqual(['create', 'getChildren2', 'getChildren2', 'multi', 'delete'])
  await stage.expectNothingLeft()
})

test('in the native layout a release wakes the first that waits, and that one the next; nobody else', async () => {
  await using stage = await SemaphoreStage.start(12, 'native', 2)
  const { cluster, semaphores, zks } = stage
  const leases = [
    await cluster.until(semaphores[0]!.acquire()),
    await cluster.until(semaphores[1]!.acquire()),
  ]
  const waiting = []
  for (const semaphore of semaphores.slice(2)) {
    waiting.push(see(semaphore.acquire()))
    await cluster.quiet()
  }
  const seen = zks.map((zk) => stage.requestsOf(zk))
  await cluster.until(leases[1]!.release())
  await cluster.quiet()
  expect(seen).toEqual([
    [],
    ['delete'],
    ['getChildren2', 'setData'],
    ['getChildren2'],
    ...Array.from({ length: 8 }, () => []),
  ])
  await cluster.until(leases[0]!.release())
  for (const { promise } of waiting) await cluster.until((await cluster.until(promise)).release())
  await stage.expectNothingLeft()
})
