import { afterEach, beforeEach, expect, test } from 'vitest'
import { startServer } from '../../src/server/index.js'
import type { EmbeddedServer } from '../../src/server/index.js'
import { RawClient, openAcl } from '../support/raw-client.js'

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

const create = (path: string, flags = 0, data: Buffer | null = Buffer.from('x')) =>
  client.call('create', { path, data, acl: openAcl, flags })

test('a znode can be created, read, changed, listed and deleted', async () => {
  expect((await create('/a')).body?.path).toBe('/a')
  expect((await create('/a/b')).err).toBe(0)
  const got = await client.must('getData', { path: '/a', watch: false })
  expect(Buffer.from(got.data ?? []).toString()).toBe('x')
  expect(got.stat).toMatchObject({
    version: 0,
    cversion: 1,
    numChildren: 1,
    dataLength: 1,
    ephemeralOwner: 0n,
  })
  const set = await client.must('setData', { path: '/a', data: Buffer.from('yy'), version: 0 })
  expect(set.stat).toMatchObject({ version: 1, dataLength: 2 })
  expect((await client.must('getChildren2', { path: '/a', watch: false })).children).toEqual(['b'])
  expect(await client.err('delete', { path: '/a', version: -1 })).toBe(-111)
  expect(await client.err('delete', { path: '/a/b', version: 3 })).toBe(-103)
  expect(await client.err('delete', { path: '/a/b', version: 0 })).toBe(0)
  expect((await client.must('exists', { path: '/a', watch: false })).stat).toMatchObject({
    cversion: 2,
    numChildren: 0,
  })
  expect(await client.err('exists', { path: '/a/b', watch: false })).toBe(-101)
})

test('refused writes take a zxid as well', async () => {
  const first = await create('/a')
  const second = await create('/a')
  expect(second.err).toBe(-110)
  expect(second.zxid).toBe(first.zxid + 1n)
  expect((await client.call('sync', { path: '/' })).zxid).toBe(second.zxid)
})

test('ping is answered, and an event comes before the reply of the write that caused it', async () => {
  expect((await client.call('ping', undefined)).xid).toBe(-2)
  await client.call('exists', { path: '/a', watch: true })
  const { xid, zxid } = await create('/a')
  expect(client.arrivals.slice(-2)).toEqual([
    { event: { type: 1, state: 3, path: '/a', zxid } },
    { reply: xid },
  ])
})

test('closing a session deletes its ephemerals and ends the connection', async () => {
  await create('/e', 1)
  await client.closeSession()
  client = await RawClient.connect({ port: server.port })
  expect(await client.err('exists', { path: '/e', watch: false })).toBe(-101)
})
