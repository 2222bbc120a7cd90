import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import { seededRandom } from '../../src/runtime/random.js'
import type { StartServerOptions } from '../../src/server/index.js'
import { startServer } from '../../src/server/index.js'
import { RawClient, openAcl } from '../support/raw-client.js'

const virtual = (clock: VirtualClock): StartServerOptions => ({
  runtime: { clock, random: seededRandom(1) },
  tickTimeMs: 1_000,
})
const ephemeral = { path: '/e', data: null, acl: openAcl, flags: 1 }

test('the timeout is clamped to what the server allows', async () => {
  await using server = await startServer({ tickTimeMs: 1_000 })
  for (const [asked, granted] of [
    [1, 2_000],
    [7_000, 7_000],
    [90_000, 20_000],
    [-5, 2_000],
  ] as const) {
    await using client = await RawClient.connect({ port: server.port, timeoutMs: asked })
    expect(client.session.timeoutMs).toBe(granted)
  }
})

test('a session ends at the first tick after its timeout, its ephemerals in one transaction, and its connection', async () => {
  const clock = new VirtualClock()
  await using server = await startServer(virtual(clock))
  await using client = await RawClient.connect({ port: server.port, timeoutMs: 2_500 })
  await using other = await RawClient.connect({ port: server.port, timeoutMs: 20_000 })
  await client.must('create', ephemeral)
  await client.must('create', { ...ephemeral, path: '/e2' })
  await other.must('exists', { path: '/e', watch: true })
  await other.must('exists', { path: '/e2', watch: true })
  const zxid = server.control.zxid
  await clock.advance(2_999)
  expect(server.control.sessions()).toHaveLength(2)
  await clock.advance(1)
  const events = await other.eventsUpTo(2)
  expect(new Set(events.map(({ path, type }) => `${path} ${type}`))).toEqual(new Set(['/e 2', '/e2 2']))
  expect(events.map((event) => event.zxid)).toEqual([zxid + 1n, zxid + 1n])
  await client.closed
  expect(await other.err('exists', { path: '/e', watch: false })).toBe(-101)
})

test('any request keeps a session alive, a ping too', async () => {
  const clock = new VirtualClock()
  await using server = await startServer(virtual(clock))
  await using client = await RawClient.connect({ port: server.port, timeoutMs: 2_000 })
  for (let i = 0; i < 5; i++) {
    await clock.advance(1_900)
    await client.call('ping', undefined)
  }
  expect(server.control.sessions().map(({ connected }) => connected)).toEqual([true])
})

test('a session outlives its connection until its timeout, and goes on on another one', async () => {
  const clock = new VirtualClock()
  await using server = await startServer(virtual(clock))
  const first = await RawClient.connect({ port: server.port, timeoutMs: 4_000 })
  await first.must('create', ephemeral)
  const { sessionId, password } = first.session
  await first.drop()
  await clock.advance(3_000)
  await using again = await RawClient.connect({
    port: server.port,
    sessionId,
    password: password ?? Buffer.alloc(0),
    timeoutMs: 4_000,
  })
  expect(again.session).toMatchObject({ sessionId, timeoutMs: 4_000 })
  const stat = (await again.must('exists', { path: '/e', watch: false })).stat
  expect(stat.ephemeralOwner).toBe(sessionId)
})

test('a session that moves closes its old connection, whose watches are gone', async () => {
  await using server = await startServer()
  await using first = await RawClient.connect({ port: server.port })
  await first.call('exists', { path: '/n', watch: true })
  const { sessionId, password } = first.session
  await using second = await RawClient.connect({
    port: server.port,
    sessionId,
    password: password ?? Buffer.alloc(0),
  })
  await first.closed
  expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
  expect(await second.err('exists', { path: '/n', watch: false })).toBe(-101)
})

test('a wrong password or an unknown session is answered with timeout 0, and harms the session in nothing', async () => {
  await using server = await startServer()
  await using owner = await RawClient.connect({ port: server.port })
  const { sessionId, password } = owner.session
  for (const id of [sessionId, 0x1234n]) {
    await using thief = await RawClient.connect({ port: server.port, sessionId: id })
    expect(thief.session).toMatchObject({ timeoutMs: 0, sessionId: 0n })
    expect(thief.session.password).toEqual(Buffer.alloc(16))
    await thief.closed
  }
  // As on a real server, the claim alone has ended the connection of the true owner, who can come back.
  await owner.closed
  await using again = await RawClient.connect({
    port: server.port,
    sessionId,
    password: password ?? Buffer.alloc(16),
  })
  expect(again.session.sessionId).toBe(sessionId)
})

test('a client that has seen a later zxid is closed without an answer', async () => {
  await using server = await startServer()
  await using client = new RawClient({ port: server.port })
  expect(await client.handshake({ lastZxidSeen: 1_000n })).toBeUndefined()
  expect(server.control.sessions()).toEqual([])
})

test('the readOnly byte is in the reply only if it was in the request', async () => {
  await using server = await startServer()
  for (const [readOnly, bytes] of [
    [false, 4 + 37],
    [undefined, 4 + 36],
  ] as const) {
    await using client = new RawClient({ port: server.port })
    const received = new Promise<number>((resolve) => {
      client.socket.once('data', (chunk: Buffer) => resolve(chunk.length))
    })
    await client.handshake({ readOnly })
    expect(await received).toBe(bytes)
  }
})

test('sessions and data outlive a restart on the same port', async () => {
  await using server = await startServer()
  const { port } = server
  await using before = await RawClient.connect({ port })
  await before.must('create', ephemeral)
  const { sessionId, password } = before.session
  await server.restart()
  expect(server.port).toBe(port)
  await before.closed
  await using after = await RawClient.connect({ port, sessionId, password: password ?? Buffer.alloc(0) })
  expect((await after.must('getEphemerals', { prefixPath: '/' })).ephemerals).toEqual(['/e'])
})

test('while the server is stopped no session expires', async () => {
  const clock = new VirtualClock()
  await using server = await startServer(virtual(clock))
  await using client = await RawClient.connect({ port: server.port, timeoutMs: 2_000 })
  const { sessionId, password } = client.session
  await server.stop()
  await clock.advance(60_000)
  expect(clock.pending).toBe(0)
  await server.start()
  await clock.advance(1_900)
  await using again = await RawClient.connect({
    port: server.port,
    sessionId,
    password: password ?? Buffer.alloc(0),
  })
  expect(again.session.sessionId).toBe(sessionId)
})
