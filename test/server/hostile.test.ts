import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { seededRandom, systemRandom } from '../../src/runtime/random.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import type { EmbeddedServer } from '../../src/server/index.js'
import { startServer } from '../../src/server/index.js'
import { RawClient, openAcl } from '../support/raw-client.js'

let server: EmbeddedServer
let witness: RawClient
beforeEach(async () => {
  server = await startServer()
  witness = await RawClient.connect({ port: server.port })
})
afterEach(async () => {
  expect((await witness.call('ping', undefined)).err).toBe(0)
  await witness.drop()
  await server.close()
})

/** Sends bytes and waits for the server to close. */
async function fate(bytes: Buffer, port = server.port): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => void socket.write(bytes))
    socket.on('error', () => undefined)
    socket.on('data', () => undefined)
    socket.on('close', () => resolve())
  })
}

const int = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => out.writeInt32BE(value, i * 4))
  return out
}

test('lengths that can not be, and frames that are no handshake, end their connection', async () => {
  for (const bytes of [
    int(-1),
    int(0x7fffffff),
    int(0),
    int(4, 1),
    int(44, 0, 0, 0, 10_000, 0, 0, 0x7fffffff, 0, 0, 0, 0),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.concat([int(1024), Buffer.alloc(1024, 0xff)]),
  ]) {
    await fate(bytes)
  }
  expect(server.control.connectionCount).toBe(1)
})

test('random bytes behind a good handshake never end the process', async () => {
  const random = seededRandom(7)
  for (let round = 0; round < 200; round++) {
    await using client = await RawClient.connect({ port: server.port })
    const type = Math.floor(random.next() * 120) - 12
    const body = random.bytes(Math.floor(random.next() * 60))
    client.socket.write(Buffer.concat([int(8 + body.length, 5, type), body]))
    client.socket.write(random.bytes(10))
    client.socket.end()
    await client.closed
  }
  expect((await witness.call('sync', { path: '/' })).err).toBe(0)
})

test('a request with half a header ends its connection', async () => {
  await using client = await RawClient.connect({ port: server.port })
  client.socket.write(int(4, 1))
  await client.closed
})

test('a frame over the limit ends the connection, before it is sent whole', async () => {
  await using client = await RawClient.connect({ port: server.port })
  client.socket.write(int(2_000_000, 1, 1))
  await client.closed
})

test('who says nothing is closed after the handshake time', async () => {
  const clock = new VirtualClock()
  await using slow = await startServer({
    runtime: { clock, random: systemRandom },
    limits: { handshakeMs: 500 },
  })
  const closed = fate(Buffer.from([0]), slow.port)
  while (slow.control.connectionCount === 0) await clock.advance(0)
  await clock.advance(500)
  await closed
})

test('connections and sessions over the limit are closed without an answer', async () => {
  await using small = await startServer({ limits: { connections: 2, sessions: 1 } })
  await using first = await RawClient.connect({ port: small.port })
  await using second = new RawClient({ port: small.port })
  expect(await second.handshake()).toBeUndefined()
  await using third = new RawClient({ port: small.port })
  await using fourth = new RawClient({ port: small.port })
  await Promise.race([third.closed, fourth.closed])
  expect((await first.call('ping', undefined)).err).toBe(0)
})

test('a tree, watches and transactions over the limit are refused with a code', async () => {
  const limits = { nodes: 6, dataBytes: 2_000, watches: 2, multiOperations: 3 }
  await using small = await startServer({ limits })
  await using client = await RawClient.connect({ port: small.port })
  const create = (path: string, size: number) =>
    client.err('create', { path, data: Buffer.alloc(size), acl: openAcl, flags: 0 })
  expect(await create('/a', 1_000)).toBe(0)
  expect(await create('/b', 1_000)).toBe(-125)
  expect(await create('/b', 10)).toBe(0)
  expect(await create('/c', 10)).toBe(-125)
  expect(await client.err('setData', { path: '/a', data: Buffer.alloc(3_000), version: -1 })).toBe(-125)
  for (const [path, err] of [
    ['/x', -101],
    ['/y', -101],
    ['/z', -127],
  ] as const) {
    expect(await client.err('exists', { path, watch: true })).toBe(err)
  }
  const check = { op: 'check', path: '/a', version: -1 } as const
  expect((await client.call('multi', [check, check, check, check])).err).toBe(-8)
})

test('a client that does not read is not read from either, and gets all its replies in the end', async () => {
  await using small = await startServer({ limits: { bufferedBytes: 200_000 } })
  await using client = await RawClient.connect({ port: small.port })
  const data = Buffer.alloc(100_000, 1)
  await client.must('create', { path: '/big', data, acl: openAcl, flags: 0 })
  client.socket.pause()
  const replies = Array.from({ length: 300 }, async () =>
    client.must('getData', { path: '/big', watch: false }),
  )
  await using other = await RawClient.connect({ port: small.port })
  for (let i = 0; i < 50; i++) await other.call('ping', undefined)
  expect(small.control.sessions()[0]?.requests).toBeLessThan(200)
  client.socket.resume()
  for (const reply of await Promise.all(replies)) expect(reply.data?.length).toBe(100_000)
})

test('a client that does not read its events is cut off', async () => {
  await using small = await startServer({ limits: { bufferedBytes: 10_000, bufferedBytesMax: 100_000 } })
  await using deaf = await RawClient.connect({ port: small.port })
  await deaf.must('addWatch', { path: '/', mode: 1 })
  deaf.socket.pause()
  await using writer = await RawClient.connect({ port: small.port })
  const path = `/${'x'.repeat(2_000)}`
  await writer.must('create', { path, data: null, acl: openAcl, flags: 0 })
  const set = { path, data: null, version: -1 }
  const isCut = (): boolean => small.control.sessions().some(({ connected }) => !connected)
  while (!isCut()) await Promise.all(Array.from({ length: 500 }, () => writer.must('setData', set)))
  deaf.socket.resume()
  await deaf.closed
})

test('options that can not be are refused at once, by name', async () => {
  await expect(startServer({ port: 70_000 })).rejects.toThrow(/port/)
  await expect(startServer({ tickTimeMs: 0 })).rejects.toThrow(/tickTimeMs/)
  await expect(startServer({ limits: { nodes: -1 } })).rejects.toThrow(/limits\.nodes/)
  await expect(startServer({ port: server.port })).rejects.toThrow(/EADDRINUSE/)
})
