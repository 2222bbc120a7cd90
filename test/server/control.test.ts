import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EmbeddedServer, Transaction } from '../../src/server/index.js'
import { startServer } from '../../src/server/index.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import { systemRandom } from '../../src/runtime/random.js'
import { ConnectionEnded, RawClient, openAcl } from '../support/raw-client.js'

let server: EmbeddedServer
let client: RawClient
beforeEach(async () => {
  server = await startServer()
  client = await RawClient.connect({ port: server.port })
})
afterEach(async () => {
  await client.drop()
  await server.close()
})

const createOf = (path: string, flags = 0) => ({ path, data: null, acl: openAcl, flags })
async function again(): Promise<void> {
  const { sessionId, password } = client.session
  await client.drop()
  client = await RawClient.connect({ port: server.port, sessionId, password: password ?? Buffer.alloc(0) })
}

test('a dropped request is not applied, a dropped reply is; what was answered before still arrives', async () => {
  const before = server.control.dropBefore({ number: 2 })
  const first = client.call('create', createOf('/one'))
  const second = client.call('create', createOf('/two'))
  expect((await first).err).toBe(0)
  await expect(second).rejects.toThrow(ConnectionEnded)
  expect(await before.fired).toMatchObject({ number: 2, operation: 'create', paths: ['/two'] })
  await again()
  expect(await client.err('exists', { path: '/two', watch: false })).toBe(-101)

  const after = server.control.dropAfter({ operation: 'create', path: '/three' })
  await client.call('exists', { path: '/three', watch: true })
  await expect(client.call('create', createOf('/three'))).rejects.toThrow(ConnectionEnded)
  expect(client.events).toEqual([])
  expect(after.hasFired).toBe(true)
  await again()
  expect(await client.err('exists', { path: '/three', watch: false })).toBe(0)
})

test('a fault strikes once, by operation, path, session or predicate, and can be taken back', async () => {
  const other = await RawClient.connect({ port: server.port })
  const ofOther = server.control.dropBefore({ session: other.session.sessionId })
  const never = server.control.dropBefore({ path: /^\/a/ })
  never.cancel()
  expect((await client.call('create', createOf('/a'))).err).toBe(0)
  await expect(other.call('sync', { path: '/' })).rejects.toThrow(ConnectionEnded)
  expect(ofOther.hasFired).toBe(true)
  expect(never.hasFired).toBe(false)
  const multi = server.control.dropBefore({
    operation: ['multi', 'delete'],
    where: (r) => r.paths.length === 2,
  })
  const op = { op: 'check', path: '/a', version: -1 } as const
  expect((await client.call('multi', [op])).err).toBe(0)
  await expect(client.call('multi', [op, op])).rejects.toThrow(ConnectionEnded)
  expect(multi.hasFired).toBe(true)
})

test('a dropped closeSession reply: the session is gone, the client did not hear it', async () => {
  server.control.dropAfter({ operation: 'closeSession' })
  await expect(client.call('closeSession', undefined)).rejects.toThrow(ConnectionEnded)
  expect(server.control.sessions()).toEqual([])
})

test('a delayed reply holds back all that follows on its connection, and nothing else', async () => {
  const clock = new VirtualClock()
  await using slow = await startServer({ runtime: { clock, random: systemRandom } })
  await using one = await RawClient.connect({ port: slow.port })
  await using two = await RawClient.connect({ port: slow.port })
  const fault = slow.control.delayReply({ operation: 'create' }, 1_000)
  const created = one.call('create', createOf('/a'))
  const ping = one.call('ping', undefined)
  await fault.fired
  expect(await two.err('exists', { path: '/a', watch: false })).toBe(0)
  expect(one.arrivals).toEqual([])
  await clock.advance(1_000)
  expect((await created).err).toBe(0)
  await ping
})

test('a session can be expired at once', async () => {
  await client.must('create', createOf('/e', 1))
  const { sessionId } = client.session
  expect(server.control.expireSession(sessionId)).toBe(true)
  await client.closed
  expect(server.control.expireSession(sessionId)).toBe(false)
  await again()
  expect(client.session.timeoutMs).toBe(0)
})

test('connections can be dropped and refused, sessions stay', async () => {
  const { sessionId } = client.session
  expect(server.control.dropConnection(sessionId)).toBe(true)
  await client.closed
  expect(server.control.sessions()).toMatchObject([{ id: sessionId, connected: false }])
  server.control.pauseAccepting()
  await using refused = new RawClient({ port: server.port })
  expect(await refused.handshake()).toBeUndefined()
  server.control.resumeAccepting()
  await again()
  expect(client.session.sessionId).toBe(sessionId)
})

test('sessions are listed with what they own', async () => {
  await client.must('create', createOf('/e', 1))
  await client.must('getData', { path: '/e', watch: true })
  await client.must('getChildren', { path: '/', watch: true })
  expect(server.control.sessions()).toEqual([
    {
      id: client.session.sessionId,
      timeoutMs: 10_000,
      connected: true,
      ephemerals: ['/e'],
      dataWatches: ['/e'],
      childWatches: ['/'],
      requests: 3,
    },
  ])
})

test('an observer hears every transaction in order, refused ones too', async () => {
  const seen: Transaction[] = []
  const stop = server.control.onApply((transaction) => seen.push(transaction))
  await client.call('create', createOf('/a'))
  await client.call('create', createOf('/a'))
  await client.call('multi', [{ op: 'delete', path: '/a', version: -1 }])
  stop()
  await client.call('create', createOf('/b'))
  expect(seen.map(({ body }) => body.type)).toEqual(['create', 'error', 'multi'])
  expect(seen.map(({ zxid }) => zxid - (seen[0]?.zxid ?? 0n))).toEqual([0n, 1n, 2n])
  expect(seen[0]?.session).toBe(client.session.sessionId)
})
