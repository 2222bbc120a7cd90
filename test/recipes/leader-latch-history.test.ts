/**
 * What went wrong with Curator's LeaderLatch over the years, each with its number: two leaders after a reconnect or an
 * expiry (653, 620, 696), livelock (644, 645, 504), no leader at all (724), and what surrounds start and close (18, 110,
 * 358, and a refused create that reaches nobody).
 */
import { connect, LeaderLatch, NoAuthError, type Client } from 'latchkey'
import { expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Cluster, EXPIRY_MS, SESSION_MS, TICK_MS } from './cluster.js'

const PATH = '/app/leader'

class Latches implements AsyncDisposable {
  readonly cluster: Cluster
  readonly zks: Client[] = []
  readonly all: LeaderLatch[] = []
  /** The most that led at one moment, as they believe. */
  most = 0
  #mayOverlap = false

  private constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  static async start(count: number): Promise<Latches> {
    const latches = new Latches(await Cluster.start())
    for (let i = 0; i < count; i++) await latches.add()
    return latches
  }

  async add(): Promise<LeaderLatch> {
    const zk = await this.cluster.client()
    const latch = new LeaderLatch(zk, PATH, { id: `p${this.all.length}` })
    latch.on('state', () => (this.most = Math.max(this.most, this.leading.length)))
    this.zks.push(zk)
    this.all.push(latch)
    await this.cluster.until(latch.start())
    await this.cluster.quiet()
    return latch
  }

  get leading(): string[] {
    return this.all.filter(({ isLeader }) => isLeader).map(({ id }) => id)
  }

  /** By force, as an operator might: the next one may be let in before the client has reconnected and heard of it. */
  async expire(index: number): Promise<void> {
    this.#mayOverlap = true
    this.cluster.control.expireSession(this.zks[index]!.session!.id)
    await this.cluster.pass(1_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { cluster } = this
    await cluster.until(Promise.all(this.all.map(async (latch) => latch.close())))
    await cluster.pass(EXPIRY_MS)
    await cluster.expectNothingLeft(PATH)
    if (!this.#mayOverlap) expect(this.most).toBe(1)
    await cluster[Symbol.asyncDispose]()
  }
}

test('696, 620: a leader whose session expires leads no more, another one does, and it stands by again', async () => {
  await using latches = await Latches.start(2)
  for (const [victim, next] of [
    [0, 'p1'],
    [1, 'p0'],
    [0, 'p1'],
  ] as const) {
    const { signal } = latches.all[victim]!.leadership!
    await latches.expire(victim)
    expect(signal.reason).toMatchObject({ reason: 'session-expired' })
    expect(latches.leading).toEqual([next])
    expect(await latches.cluster.children(PATH)).toHaveLength(2)
  }
})

test('653: after a reconnect within the session it leads on, with the same znode and nobody else', async () => {
  await using latches = await Latches.start(2)
  const { cluster, zks, all } = latches
  const before = await cluster.children(PATH)
  const leadership = all[0]!.leadership
  for (const zk of zks) cluster.control.dropConnection(zk.session!.id)
  await cluster.pass(1_000)
  expect(latches.leading).toEqual(['p0'])
  expect(all[0]!.leadership).toBe(leadership)
  expect(await cluster.children(PATH)).toEqual(before)
})

test('620: cut off for longer than its session, it knows by its own clock before the next one leads', async () => {
  await using latches = await Latches.start(2)
  const { cluster, all, zks } = latches
  const { signal } = all[0]!.leadership!
  let lostAt = Infinity
  let nextAt = Infinity
  signal.addEventListener('abort', () => (lostAt = cluster.clock.now()))
  all[1]!.on('state', () => (nextAt = Math.min(nextAt, all[1]!.isLeader ? cluster.clock.now() : Infinity)))
  cluster.control.delayReply({ session: zks[0]!.session!.id }, 60_000)
  const cutOff = zks[0]!.exists(PATH).catch(() => undefined)
  await cluster.pass(1)
  cluster.control.pauseAccepting()
  await cluster.until(all[1]!.waitForLeadership())
  expect(lostAt).toBeLessThanOrEqual(nextAt)
  expect(nextAt).toBeLessThan(Infinity)
  cluster.control.resumeAccepting()
  await cluster.until(cutOff)
  await cluster.pass(EXPIRY_MS)
  expect(latches.leading).toEqual(['p1'])
})

test('498, 604: the znode of its dying session is never taken for its own in the next one', async () => {
  await using latches = await Latches.start(1)
  const { cluster, zks, all } = latches
  const old = all[0]!.leadership!
  // The session is in doubt by the client's clock while the server still has it, znode and all.
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[0]!.session!.id)
  await cluster.pass(SESSION_MS - TICK_MS)
  await cluster.pass(TICK_MS + 50)
  expect(latches.leading).toEqual([])
  cluster.control.resumeAccepting()
  const next = await cluster.until(all[0]!.waitForLeadership())
  expect(next.path).not.toBe(old.path)
  expect(next.sessionId).not.toBe(old.sessionId)
  expect(await cluster.children(PATH)).toEqual([next.path.split('/').at(-1)])
})

test('644, 645, 504: two whose znodes are deleted again and again settle, with few requests', async () => {
  await using latches = await Latches.start(2)
  const { cluster, all } = latches
  const observer = await cluster.observer()
  for (let round = 0; round < 5; round++) {
    for (const name of (await cluster.children(PATH))!)
      await cluster.until(observer.delete(`${PATH}/${name}`))
    await cluster.pass(500)
    expect(latches.leading).toHaveLength(1)
  }
  await cluster.pass(EXPIRY_MS)
  const requests = (): number => cluster.control.sessions().reduce((sum, each) => sum + each.requests, 0)
  const before = requests()
  await cluster.pass(1_000)
  // Pings only.
  expect(requests() - before).toBeLessThan(10)
  expect(await cluster.until(all[0]!.participants())).toHaveLength(2)
})

test('724: all sessions expire at once, while their connections are down; one of them leads soon after', async () => {
  await using latches = await Latches.start(3)
  const { cluster, zks } = latches
  for (let round = 0; round < 3; round++) {
    cluster.control.pauseAccepting()
    cluster.control.dropConnections()
    await cluster.pass(100)
    for (const zk of zks) if (zk.session !== undefined) cluster.control.expireSession(zk.session.id)
    cluster.control.resumeAccepting()
    await cluster.pass(EXPIRY_MS)
    expect(latches.leading).toHaveLength(1)
    expect(await cluster.children(PATH)).toHaveLength(3)
  }
})

test('724: the one ahead disappears while a waiter is cut off; the waiter leads when it is back', async () => {
  await using latches = await Latches.start(2)
  const { cluster, zks, all } = latches
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[1]!.session!.id)
  await cluster.pass(200)
  await cluster.until(all[0]!.close())
  await cluster.pass(500)
  expect(latches.leading).toEqual([])
  cluster.control.resumeAccepting()
  await cluster.until(all[1]!.waitForLeadership(), 3_000)
})

test('190, 483: a create whose reply is lost makes one participant, not two', async () => {
  await using latches = await Latches.start(1)
  const { cluster } = latches
  cluster.control.dropAfter({ operation: 'create' })
  await latches.add()
  expect(await cluster.children(PATH)).toHaveLength(2)
  expect(latches.leading).toEqual(['p0'])
})

test('18: closed during the create, it leaves no znode, whenever the close comes', async () => {
  for (let afterMs = 0; afterMs < 8; afterMs += 0.5) {
    await using cluster = await Cluster.start()
    const zk = await cluster.client()
    const latch = new LeaderLatch(zk, PATH)
    const starting = latch.start().catch((error: unknown) => error)
    await cluster.pass(afterMs)
    await cluster.until(latch.close())
    // The close itself waits until the server has confirmed that the znode is gone.
    expect(Janitor.of(zk).pending).toBe(0)
    await cluster.until(starting)
    expect(latch.state.status).toBe('closed')
    await cluster.expectNothingLeft(PATH)
  }
})

test('110: started while unconnected it waits, and takes part when there is a connection', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  cluster.control.pauseAccepting()
  cluster.control.dropConnections()
  await cluster.pass(50)
  const latch = new LeaderLatch(zk, PATH)
  const starting = latch.start()
  await cluster.pass(1_000)
  expect(latch.state).toEqual({ status: 'started', leadership: undefined })
  cluster.control.resumeAccepting()
  await cluster.until(starting)
  await cluster.until(latch.waitForLeadership())
  await cluster.until(latch.close())
  await cluster.expectNothingLeft(PATH)
})

test('358: the leader goes between the list and the look at it; the next one is shown, and nothing throws', async () => {
  await using latches = await Latches.start(2)
  const { cluster, all } = latches
  const observer = new LeaderLatch(await cluster.observer(), PATH)
  const asking = observer.leader()
  // The list is answered at 2 ms; the leader's delete, sent at 1, is applied before the look at 3 comes.
  await cluster.pass(1.5)
  const closing = all[0]!.close()
  expect(await cluster.until(asking)).toMatchObject({ value: 'p1' })
  await cluster.until(closing)
})

test('a create that is refused reaches whoever started it, whoever waits, and the state', async () => {
  await using cluster = await Cluster.start()
  const owner = await cluster.client({ auth: [{ scheme: 'digest', auth: 'owner:secret' }] })
  await cluster.until(owner.ensurePath(PATH))
  const latch = new LeaderLatch(await cluster.client(), PATH)
  const seen: string[] = []
  latch.on('state', ({ status }) => seen.push(status))
  const starting = expect(latch.start()).rejects.toThrow(NoAuthError)
  const waiting = expect(latch.waitForLeadership()).rejects.toThrow(NoAuthError)
  await cluster.until(Promise.all([starting, waiting]))
  expect(seen).toEqual(['started', 'failed'])
  expect(latch.state).toMatchObject({ status: 'failed', error: { code: 'NO_AUTH' } })
  await expect(latch.waitForLeadership()).rejects.toThrow(NoAuthError)
  expect(cluster.log.filter(({ level }) => level === 'error')).toHaveLength(1)
  await cluster.until(latch.close())
  expect(latch.state.status).toBe('failed')
})

test('a create that is refused after a new session fails the latch too: it is not silently dead', async () => {
  await using cluster = await Cluster.start()
  const owner = await cluster.client()
  await cluster.until(owner.ensurePath(PATH))
  const zk = await cluster.client()
  const latch = new LeaderLatch(zk, PATH)
  await cluster.until(latch.start())
  await cluster.until(owner.setACL(PATH, [{ perms: 1, scheme: 'world', id: 'anyone' }]))
  cluster.control.expireSession(zk.session!.id)
  await cluster.pass(1_000)
  expect(latch.state).toMatchObject({ status: 'failed', error: { code: 'NO_AUTH' } })
  expect(latch.isLeader).toBe(false)
})

test('a client that connects to a server that is down starts to take part when it comes up', async () => {
  await using cluster = await Cluster.start()
  const { runtime, network: transport } = cluster
  cluster.control.pauseAccepting()
  const connecting = connect(cluster.server.connectString, {
    runtime,
    transport,
    sessionTimeoutMs: SESSION_MS,
  })
  await cluster.pass(500)
  cluster.control.resumeAccepting()
  const zk = await cluster.until(connecting)
  cluster.clients.push(zk)
  const latch = new LeaderLatch(zk, PATH)
  await cluster.until(latch.start())
  await cluster.until(latch.waitForLeadership())
  await cluster.until(latch.close())
  await cluster.expectNothingLeft(PATH)
})
