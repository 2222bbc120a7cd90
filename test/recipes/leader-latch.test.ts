/** Who leads, who is told, and how it ends. Curator's ways of having two leaders or none are in leader-latch-history. */
import { ClosedError, LeaderLatch, type Client, type LatchState, type LeaderLatchOptions } from 'latchkey'
import type { StartServerOptions } from 'latchkey/server'
import { expect, test } from 'vitest'
import { Cluster, EXPIRY_MS, requestsOf } from './cluster.js'

const PATH = '/app/leader'

interface Stage extends AsyncDisposable {
  readonly cluster: Cluster
  readonly zks: readonly Client[]
  readonly latches: readonly LeaderLatch[]
}

async function stage(
  count: number,
  options: LeaderLatchOptions = {},
  server: StartServerOptions = {},
): Promise<Stage> {
  const cluster = await Cluster.start(server)
  const zks: Client[] = []
  for (let i = 0; i < count; i++) zks.push(await cluster.client())
  const latches = zks.map((zk, index) => new LeaderLatch(zk, PATH, { id: `p${index}`, ...options }))
  return { cluster, zks, latches, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

/** Closes them, and sees that nothing is left. */
async function closeAll({ cluster, latches }: Stage): Promise<void> {
  await cluster.until(Promise.all(latches.map(async (latch) => latch.close())))
  await cluster.expectNothingLeft(PATH)
}

const leading = (latches: readonly LeaderLatch[]): string[] =>
  latches.filter(({ isLeader }) => isLeader).map(({ id }) => id)

test('who starts first leads, the others stand by in order, and a close hands over to the next', async () => {
  await using staged = await stage(3)
  const { cluster, zks, latches } = staged
  expect(latches[0]!.state).toEqual({ status: 'latent' })
  for (const latch of latches) {
    await cluster.until(latch.start())
    await cluster.quiet()
  }
  expect(leading(latches)).toEqual(['p0'])
  expect((await cluster.children(PATH))!.every((name) => /^_c_[0-9a-f-]{36}-latch-\d{10}$/.test(name))).toBe(
    true,
  )
  expect(await cluster.until(latches[2]!.participants())).toMatchObject([
    { id: 'p0', isLeader: true, sessionId: zks[0]!.session!.id },
    { id: 'p1', isLeader: false },
    { id: 'p2', isLeader: false },
  ])
  const first = latches[0]!.leadership!
  expect(await cluster.until(latches[2]!.leader())).toMatchObject({
    value: 'p0',
    path: first.path,
    fencingToken: first.fencingToken,
    sessionId: first.sessionId,
  })
  await cluster.until(latches[0]!.close())
  expect(latches[0]!.state).toEqual({ status: 'closed' })
  await cluster.quiet()
  expect(leading(latches)).toEqual(['p1'])
  expect(latches[1]!.leadership!.fencingToken).toBeGreaterThan(first.fencingToken)
  await closeAll(staged)
  expect(await cluster.until(latches[0]!.leader())).toBeUndefined()
})

test('a free latch takes one round trip and a watch on its own znode; a waiter watches one', async () => {
  await using staged = await stage(2)
  const { cluster, zks, latches } = staged
  await cluster.until(zks[0]!.ensurePath(PATH))
  const before = cluster.control.sessions().map(({ requests }) => requests)
  await cluster.until(latches[0]!.start())
  await cluster.quiet()
  await cluster.until(latches[1]!.start())
  await cluster.quiet()
  const after = cluster.control.sessions().map(({ requests }) => requests)
  expect(after.map((requests, index) => requests - before[index]!)).toEqual([3, 4])
  await closeAll(staged)
})

test('waitForLeadership resolves with the leadership: at once if we lead, else when we do', async () => {
  await using staged = await stage(2)
  const { cluster, latches } = staged
  const [one, two] = latches as [LeaderLatch, LeaderLatch]
  await cluster.until(one.start())
  const leadership = await cluster.until(one.waitForLeadership())
  expect(leadership).toBe(one.leadership)
  expect(await one.waitForLeadership({ timeoutMs: 0 })).toBe(leadership)
  await cluster.until(two.start())
  await expect(two.waitForLeadership({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  await expect(cluster.until(two.waitForLeadership({ timeoutMs: 300 }))).rejects.toThrow(
    /gave up after 300 ms, while another one led/,
  )
  const waiting = two.waitForLeadership()
  await cluster.until(one.close())
  expect((await cluster.until(waiting)).isHeld).toBe(true)
  await closeAll(staged)
})

test('waiting for a latch that was not started, or is closed, is an error and no wait', async () => {
  await using staged = await stage(1)
  const { cluster, latches } = staged
  const latch = latches[0]!
  await expect(latch.waitForLeadership()).rejects.toThrow(TypeError)
  const starting = latch.start()
  await expect(latch.start()).rejects.toThrow(/it is started/)
  await cluster.until(starting)
  await cluster.until(latch.close())
  await expect(latch.waitForLeadership()).rejects.toThrow(ClosedError)
  await expect(latch.start()).rejects.toThrow(/it is closed/)
  await cluster.expectNothingLeft(PATH)
})

test('a wait ends with ClosedError when the latch is closed meanwhile', async () => {
  await using staged = await stage(2)
  const { cluster, latches } = staged
  for (const latch of latches) await cluster.until(latch.start())
  const waiting = latches[1]!.waitForLeadership()
  const closing = latches[1]!.close()
  await expect(cluster.until(waiting)).rejects.toThrow(ClosedError)
  await cluster.until(closing)
  await closeAll(staged)
})

test('releasing leadership hands it on; the latch queues up again behind the others', async () => {
  await using staged = await stage(2)
  const { cluster, latches } = staged
  for (const latch of latches) {
    await cluster.until(latch.start())
    await cluster.quiet()
  }
  for (const expected of ['p1', 'p0', 'p1']) {
    const { leadership } = latches.find(({ isLeader }) => isLeader)!
    await cluster.until(leadership!.release())
    await cluster.quiet()
    expect(leading(latches)).toEqual([expected])
    expect(leadership!.signal.aborted).toBe(false)
  }
  expect(await cluster.children(PATH)).toHaveLength(2)
  await closeAll(staged)
})

test('closed with notify, signal and listeners are told before another one can lead; silent, nobody is', async () => {
  await using staged = await stage(2)
  const { cluster, latches } = staged
  for (const mode of ['notify', 'silent'] as const) {
    const closing = new LeaderLatch(staged.zks[0]!, PATH, { id: mode })
    const next = new LeaderLatch(staged.zks[1]!, PATH, { id: 'next' })
    const said: string[] = []
    closing.on('state', ({ status, ...rest }) => {
      const leads = 'leadership' in rest && rest.leadership !== undefined
      said.push(`${mode} ${status}${leads ? ', leads' : ''}`)
    })
    next.on('state', (state) => {
      if (state.status === 'started' && state.leadership !== undefined) said.push('next leads')
    })
    await cluster.until(closing.start())
    await cluster.quiet()
    await cluster.until(next.start())
    const leadership = closing.leadership!
    leadership.signal.addEventListener('abort', () => said.push(`${mode} signal`))
    said.length = 0
    await cluster.until(closing.close({ mode }))
    await cluster.quiet()
    expect(said).toEqual(
      mode === 'silent' ? ['next leads'] : ['notify signal', 'notify started', 'notify closed', 'next leads'],
    )
    if (mode === 'notify') expect(leadership.signal.reason).toMatchObject({ reason: 'resigned' })
    expect(closing.isLeader).toBe(false)
    await cluster.until(next.close())
  }
  await expect(latches[0]!.close({ mode: 'loud' as 'silent' })).rejects.toThrow(TypeError)
  await closeAll(staged)
})

test('its iterator shows the state now, then the newest after each change, and ends with the latch', async () => {
  await using staged = await stage(2)
  const { cluster, latches } = staged
  const [one, two] = latches as [LeaderLatch, LeaderLatch]
  const seen: string[] = []
  const follow = async (latch: LeaderLatch): Promise<void> => {
    for await (const state of latch.states())
      seen.push(state.status === 'started' && state.leadership !== undefined ? 'leads' : state.status)
  }
  const following = follow(two)
  await cluster.until(one.start())
  await cluster.quiet()
  await cluster.until(two.start())
  await cluster.quiet()
  await cluster.until(one.close())
  await cluster.quiet()
  expect(seen).toEqual(['latent', 'started', 'leads'])
  await cluster.until(two.close({ mode: 'notify' }))
  await cluster.until(following)
  expect(seen).toEqual(['latent', 'started', 'leads', 'closed'])
  const ended: LatchState[] = []
  for await (const state of two.states()) ended.push(state)
  expect(ended).toEqual([{ status: 'closed' }])
  const abort = new AbortController()
  abort.abort()
  for await (const state of new LeaderLatch(staged.zks[0]!, PATH).states({ signal: abort.signal }))
    expect(state).toBeUndefined()
  await closeAll(staged)
})

test('a listener that throws is logged, and disturbs nobody', async () => {
  await using staged = await stage(1)
  const { cluster, latches } = staged
  let heard = 0
  latches[0]!.on('state', () => {
    throw new Error('broken listener')
  })
  const stop = latches[0]!.on('state', () => heard++)
  await cluster.until(latches[0]!.start())
  await cluster.quiet()
  expect(heard).toBe(2)
  stop()
  expect(latches[0]!.isLeader).toBe(true)
  expect(cluster.log.filter(({ level }) => level === 'error')).toHaveLength(2)
  expect(() => latches[0]!.on('leader' as 'state', () => undefined)).toThrow(TypeError)
  await closeAll(staged)
})

test('abort or time limit of a start leave nothing behind, and the latch is closed', async () => {
  await using staged = await stage(2)
  const { cluster, latches, zks } = staged
  const abort = new AbortController()
  const reason = new Error('no longer needed')
  const starting = latches[0]!.start({ signal: abort.signal })
  await cluster.pass(0.5)
  abort.abort(reason)
  await expect(starting).rejects.toBe(reason)
  expect(latches[0]!.state.status).toBe('closed')
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[1]!.session!.id)
  await cluster.pass(10)
  await expect(cluster.until(latches[1]!.start({ timeoutMs: 200 }))).rejects.toMatchObject({
    code: 'TIMEOUT',
  })
  cluster.control.resumeAccepting()
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
})

test('started with a signal that has aborted it sends nothing, and is closed', async () => {
  await using staged = await stage(1)
  const { cluster, zks, latches } = staged
  const requests = requestsOf(cluster, zks[0]!)
  const start = latches[0]!.start({ signal: AbortSignal.abort(new Error('too late')) })
  await expect(cluster.until(start)).rejects.toThrow('too late')
  await cluster.quiet()
  expect(requests).toEqual([])
  expect(latches[0]!.state.status).toBe('closed')
})

test('closing the client fails the latch with ClosedError, and lets the next one lead', async () => {
  await using staged = await stage(2)
  const { cluster, zks, latches } = staged
  for (const latch of latches) await cluster.until(latch.start())
  const { signal } = latches[0]!.leadership!
  await cluster.until(zks[0]!.close())
  expect(signal.reason).toMatchObject({ reason: 'closed' })
  expect(latches[0]!.state).toMatchObject({ status: 'failed', error: { code: 'CLOSED' } })
  await cluster.quiet()
  expect(leading(latches)).toEqual(['p1'])
  await closeAll(staged)
})

test('with the loss policy suspended it leads no more as soon as the connection is lost', async () => {
  await using staged = await stage(2, { lossPolicy: 'suspended' })
  const { cluster, zks, latches } = staged
  for (const latch of latches) await cluster.until(latch.start())
  const { signal } = latches[0]!.leadership!
  cluster.control.dropConnection(zks[0]!.session!.id)
  await cluster.pass(2)
  expect(signal.reason).toMatchObject({ reason: 'suspended' })
  await cluster.pass(1_000)
  expect(leading(latches)).toEqual(['p1'])
  expect(await cluster.until(latches[1]!.participants())).toMatchObject([{ id: 'p1' }, { id: 'p0' }])
  await closeAll(staged)
})

test.each(['wrap', 'stick'] as const)(
  'at the end of the sequence counter, which the server lets %s, one leads, and the one shown is the one',
  async (sequenceOverflow) => {
    await using staged = await stage(6, {}, { sequenceOverflow })
    const { cluster, zks, latches } = staged
    await cluster.until(zks[0]!.ensurePath(PATH))
    cluster.control.setSequence(PATH, 2_147_483_645)
    for (const latch of latches) {
      await cluster.until(latch.start())
      await cluster.quiet()
    }
    for (const { id } of latches) {
      expect(leading(latches)).toEqual([id])
      expect(await cluster.until(latches[5]!.leader())).toMatchObject({ value: id })
      await cluster.until(latches.find((latch) => latch.id === id)!.close())
      await cluster.quiet()
    }
    await cluster.expectNothingLeft(PATH)
  },
)

test('foreign children disturb nobody: no number is no claim, an ephemeral with an earlier number is waited for', async () => {
  await using staged = await stage(2)
  const { cluster, zks, latches } = staged
  await cluster.until(zks[1]!.ensurePath(PATH))
  await cluster.until(zks[1]!.create(`${PATH}/!x`, 'config'))
  const claim = await cluster.until(zks[1]!.create(`${PATH}/n_`, 'other', { mode: 'ephemeralSequential' }))
  await cluster.until(latches[0]!.start())
  await cluster.pass(1_000)
  expect(leading(latches)).toEqual([])
  await cluster.until(zks[1]!.delete(claim.path))
  await cluster.quiet()
  expect(leading(latches)).toEqual(['p0'])
  expect(await cluster.until(latches[1]!.participants())).toHaveLength(1)
  await cluster.until(zks[1]!.delete(`${PATH}/!x`))
  await closeAll(staged)
})

test('misuse is refused at once', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  expect(() => new LeaderLatch(zk, 'relative')).toThrow(TypeError)
  expect(() => new LeaderLatch(zk, PATH, { id: 5 as unknown as string })).toThrow(TypeError)
  expect(() => new LeaderLatch(zk, PATH, { lossPolicy: 'never' as 'deadline' })).toThrow(TypeError)
  expect(new LeaderLatch(zk, PATH).id).toMatch(/^.+:\d+$/)
})
