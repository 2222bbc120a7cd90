import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemRandom } from '../../src/runtime/random.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import type { EmbeddedServer } from '../../src/server/index.js'
import { startServer } from '../../src/server/index.js'
import { RawClient, openAcl } from '../support/raw-client.js'

let server: EmbeddedServer
let client: RawClient
beforeEach(async () => {
  server = await startServer()
  client = await RawClient.connect({ port: server.port })
  await create('/a')
})
afterEach(async () => {
  await client.drop()
  await server.close()
})

const createOf = (path: string, flags = 0) => ({ path, data: Buffer.from('x'), acl: openAcl, flags })
const create = (path: string, flags = 0) => client.call('create', createOf(path, flags))
const stat = async (path: string) => (await client.must('exists', { path, watch: false })).stat

test('sequence numbers count the creates of the parent, whatever was deleted', async () => {
  const made = async (flags = 2): Promise<string | undefined> => (await create('/a/s-', flags)).body?.path
  expect(await made()).toBe('/a/s-0000000000')
  await create('/a/plain')
  await client.must('delete', { path: '/a/plain', version: -1 })
  expect(await made(3)).toBe('/a/s-0000000002')
  expect((await create('/a/', 2)).body?.path).toBe('/a/0000000003')
})

test('the sequence counter runs over as a signed int32', async () => {
  server.control.setSequence('/a', 2_147_483_647)
  const names = []
  for (let i = 0; i < 3; i++) names.push((await create('/a/s-', 2)).body?.path)
  expect(names).toEqual(['/a/s-2147483647', '/a/s--2147483648', '/a/s--2147483647'])
})

test('where the counter sticks, the next create after its end is refused', async () => {
  await using sticky = await startServer({ sequenceOverflow: 'stick' })
  await using other = await RawClient.connect({ port: sticky.port })
  sticky.control.setSequence('/', 2_147_483_647)
  expect((await other.must('create', createOf('/s-', 2))).path).toBe('/s-2147483647')
  expect(await other.err('create', createOf('/s-', 2))).toBe(-110)
})

test('what is wrong with a create is said in the order of a real server', async () => {
  const err = (path: string, flags: number, acl = openAcl) =>
    client.err('create', { path, data: null, acl, flags })
  const bad = [{ perms: 31, identity: { scheme: 'nope', id: '' } }]
  await create('/e', 1)
  expect(await err('/a', 7, bad)).toBe(-8)
  expect(await err('no-slash', 0, bad)).toBe(-8)
  expect(await err('/n/x', 0, bad)).toBe(-114)
  expect(await err('/n/x', 0, [])).toBe(-114)
  expect(await err('/n/.', 0)).toBe(-101)
  expect(await err('/a/.', 0)).toBe(-8)
  expect(await err('/a', 0)).toBe(-110)
  expect(await err('/e/c', 0)).toBe(-108)
})

test('nobody deletes what the server made for itself', async () => {
  for (const path of ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota']) {
    expect(await client.err('delete', { path, version: -1 })).toBe(-8)
  }
})

test('a container is deleted once it had a child and is empty, a TTL node once it is old', async () => {
  await client.must('createContainer', createOf('/c', 4))
  await client.must('createTtl', { ...createOf('/t', 5), ttlMs: 1n })
  await client.must('createTtl', { ...createOf('/t2', 5), ttlMs: 1_000_000n })
  expect((await stat('/c')).ephemeralOwner).toBe(0n)
  server.control.reap()
  expect(await client.err('exists', { path: '/c', watch: false })).toBe(0)
  await create('/c/x')
  server.control.reap()
  expect(await client.err('exists', { path: '/c', watch: false })).toBe(0)
  await client.must('delete', { path: '/c/x', version: -1 })
  server.control.reap()
  expect(await client.err('exists', { path: '/c', watch: false })).toBe(-101)
  expect(await client.err('exists', { path: '/t2', watch: false })).toBe(0)
})

test('the reaper comes round by itself', async () => {
  const clock = new VirtualClock()
  const runtime = { clock, random: systemRandom }
  await using timed = await startServer({ runtime, reapIntervalMs: 1_000, maxNeverUsedMs: 10_000 })
  await using other = await RawClient.connect({ port: timed.port, timeoutMs: 40_000 })
  await other.must('createTtl', { ...createOf('/t', 5), ttlMs: 2_500n })
  await other.must('createContainer', createOf('/never-used', 4))
  const left = async (): Promise<readonly string[]> =>
    (await other.must('getChildren', { path: '/', watch: false })).children
  await clock.advance(2_999)
  expect(await left()).toContain('t')
  await clock.advance(1)
  expect(await left()).toEqual(['zookeeper', 'never-used'])
  await clock.advance(8_000)
  expect(await left()).toEqual(['zookeeper'])
})

test('TTL nodes are refused where they are switched off', async () => {
  await using plain = await startServer({ extendedTypes: false })
  await using other = await RawClient.connect({ port: plain.port })
  expect(await other.err('createTtl', { ...createOf('/t', 5), ttlMs: 5n })).toBe(-6)
  expect(await client.err('createTtl', { ...createOf('/t', 5), ttlMs: 0n })).toBe(-8)
  expect(await client.err('createTtl', { ...createOf('/t', 5), ttlMs: 1n << 40n })).toBe(-8)
})

test('a transaction sees its own changes, and takes one zxid', async () => {
  const before = server.control.zxid
  const reply = await client.call('multi', [
    { op: 'create', ...createOf('/m') },
    { op: 'create2', ...createOf('/m/s-', 2) },
    { op: 'setData', path: '/m', data: Buffer.from('yy'), version: 0 },
    { op: 'check', path: '/m', version: 1 },
    { op: 'delete', path: '/m/s-0000000000', version: -1 },
    { op: 'delete', path: '/m', version: 1 },
  ])
  expect(reply.zxid).toBe(before + 1n)
  expect(reply.body?.map(({ op }) => op)).toEqual([
    'create',
    'create2',
    'setData',
    'check',
    'delete',
    'delete',
  ])
  expect(reply.body?.[1]).toMatchObject({ path: '/m/s-0000000000', stat: { czxid: before + 1n } })
})

test('a refused transaction changes nothing: not the data, not the stats, not the sequence', async () => {
  await create('/a/k')
  const before = await stat('/a')
  const reply = await client.call('multi', [
    { op: 'setData', path: '/a', data: null, version: -1 },
    { op: 'create', ...createOf('/a/s-', 2) },
    { op: 'delete', path: '/a/k', version: -1 },
    { op: 'check', path: '/nope', version: -1 },
    { op: 'delete', path: '/a', version: -1 },
  ])
  expect(reply.err).toBe(0)
  expect(reply.body).toEqual([0, 0, 0, -101, -2].map((err) => ({ op: 'error', err })))
  expect(await stat('/a')).toEqual(before)
  expect((await create('/a/s-', 2)).body?.path).toBe('/a/s-0000000001')
  expect((await client.must('getData', { path: '/a/k', watch: false })).stat.czxid).toBe(before.pzxid)
})

test('multiRead answers each read for itself', async () => {
  const reply = await client.must('multiRead', [
    { op: 'getData', path: '/a', watch: false },
    { op: 'getData', path: '/no', watch: false },
    { op: 'getChildren', path: '/zookeeper', watch: false },
  ])
  expect(reply).toMatchObject([
    { op: 'getData', data: Buffer.from('x') },
    { op: 'error', err: -101 },
    { op: 'getChildren', children: ['quota', 'config'] },
  ])
})

test('a body that can not be read is a marshalling error, and the connection goes on', async () => {
  expect((await client.send(1, Buffer.from([0, 0]))).err).toBe(-5)
  expect((await client.send(8, Buffer.from([0x7f, 0, 0, 0]))).err).toBe(-5)
  expect((await client.send(14, Buffer.from([0, 0, 0, 7, 0, 0, 0, 0, 0]))).err).toBe(-5)
  expect(await client.err('exists', { path: '/a', watch: false })).toBe(0)
})

test('an opcode that no server knows is UNIMPLEMENTED and ends the connection', async () => {
  expect((await client.send(99, Buffer.alloc(0))).err).toBe(-6)
  await client.closed
})

test('reconfig is answered as by a standalone server', async () => {
  const request = { joiningServers: null, leavingServers: null, newMembers: null, configId: -1n }
  expect(await client.err('reconfig', request)).toBe(-123)
  await using enabled = await startServer({ reconfigEnabled: true })
  await using other = await RawClient.connect({ port: enabled.port })
  expect(await other.err('reconfig', request)).toBe(-6)
})
