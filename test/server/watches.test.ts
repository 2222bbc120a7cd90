import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EmbeddedServer } from '../../src/server/index.js'
import { startServer } from '../../src/server/index.js'
import { RawClient, openAcl } from '../support/raw-client.js'

let server: EmbeddedServer
let watcher: RawClient
let writer: RawClient
beforeEach(async () => {
  server = await startServer()
  watcher = await RawClient.connect({ port: server.port })
  writer = await RawClient.connect({ port: server.port })
})
afterEach(async () => {
  await watcher.drop()
  await writer.drop()
  await server.close()
})

const create = async (path: string): Promise<void> => {
  await writer.must('create', { path, data: null, acl: openAcl, flags: 0 })
}
const set = (path: string) => writer.must('setData', { path, data: Buffer.from('v'), version: -1 })
const remove = (path: string) => writer.must('delete', { path, version: -1 })

/** All events that the watcher got up to now: its reply comes behind them. */
async function heard(): Promise<readonly string[]> {
  await watcher.call('ping', undefined)
  const names = ['', 'created', 'deleted', 'changed', 'children']
  return watcher.events.splice(0).map(({ type, path }) => `${names[type] ?? type} ${path}`)
}

test('one-shot watches fire once, each for its own kind of change', async () => {
  await create('/a')
  await watcher.must('getData', { path: '/a', watch: true })
  await watcher.must('getChildren', { path: '/a', watch: true })
  await watcher.call('exists', { path: '/n', watch: true })
  await create('/a/b')
  await set('/a')
  await create('/n')
  expect(await heard()).toEqual(['children /a', 'changed /a', 'created /n'])
  await create('/a/c')
  await set('/a')
  await set('/n')
  expect(await heard()).toEqual([])
  expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
})

test('a delete is told once to one who watches data and children, then the parent is', async () => {
  await create('/a')
  await create('/a/b')
  await watcher.must('getData', { path: '/a/b', watch: true })
  await watcher.must('getChildren', { path: '/a/b', watch: true })
  await watcher.must('getChildren', { path: '/a', watch: true })
  await remove('/a/b')
  expect(await heard()).toEqual(['deleted /a/b', 'children /a'])
})

test('a failed read leaves no watch, a failed exists does', async () => {
  expect(await watcher.err('getData', { path: '/a', watch: true })).toBe(-101)
  expect(server.control.watchCounts().data).toBe(0)
  expect(await watcher.err('exists', { path: '/a', watch: true })).toBe(-101)
  expect(server.control.watchCounts().data).toBe(1)
})

test('a refused transaction fires nothing, a committed one in the order of its operations', async () => {
  await create('/a')
  await watcher.must('getData', { path: '/a', watch: true })
  await watcher.call('exists', { path: '/b', watch: true })
  const b = { op: 'create', path: '/b', data: null, acl: openAcl, flags: 0 } as const
  await writer.call('multi', [b, { op: 'check', path: '/nope', version: -1 }])
  expect(await heard()).toEqual([])
  await writer.call('multi', [b, { op: 'delete', path: '/a', version: -1 }])
  expect(await heard()).toEqual(['created /b', 'deleted /a'])
})

test('a persistent watch stays; a recursive one hears all below but no children events', async () => {
  await create('/p')
  await watcher.must('addWatch', { path: '/p', mode: 0 })
  await watcher.must('addWatch', { path: '/p', mode: 1 })
  await create('/p/c')
  await set('/p/c')
  await remove('/p/c')
  await set('/p')
  expect(await heard()).toEqual([
    'created /p/c',
    'children /p',
    'changed /p/c',
    'deleted /p/c',
    'children /p',
    'changed /p',
  ])
})

test('watches can be asked for and removed by kind, and none is NO_WATCHER', async () => {
  await create('/p')
  await watcher.must('getData', { path: '/p', watch: true })
  await watcher.must('addWatch', { path: '/p', mode: 0 })
  expect(await watcher.err('checkWatches', { path: '/p', type: 1 })).toBe(-121)
  expect(await watcher.err('checkWatches', { path: '/p', type: 2 })).toBe(0)
  expect(await watcher.err('removeWatches', { path: '/p', type: 2 })).toBe(0)
  expect(await watcher.err('removeWatches', { path: '/p', type: 2 })).toBe(-121)
  expect(await watcher.err('checkWatches', { path: '/p', type: 4 })).toBe(0)
  expect(await watcher.err('removeWatches', { path: '/p', type: 3 })).toBe(0)
  expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
})

test('setWatches tells at once what has happened since, and sets the rest', async () => {
  await create('/old')
  await create('/changed')
  const { zxid } = await watcher.call('sync', { path: '/' })
  await set('/changed')
  await watcher.must('setWatches', {
    relativeZxid: zxid,
    dataWatches: ['/old', '/changed', '/gone'],
    existWatches: ['/old', '/absent'],
    childWatches: ['/', '/old', '/gone'],
  })
  expect(watcher.events.map((event) => event.zxid)).toEqual([-1n, -1n, -1n, -1n])
  expect(await heard()).toEqual(['changed /changed', 'deleted /gone', 'created /old', 'deleted /gone'])
  await set('/old')
  await create('/absent')
  await create('/old/x')
  expect(await heard()).toEqual(['changed /old', 'created /absent', 'children /', 'children /old'])
})

test('setWatches2 brings persistent watches back', async () => {
  const none = { dataWatches: [], existWatches: [], childWatches: [] }
  const again = { persistentWatches: ['/p'], persistentRecursiveWatches: ['/r'] }
  await watcher.must('setWatches2', { relativeZxid: 0n, ...none, ...again })
  await create('/p')
  await create('/r')
  await create('/r/x')
  await set('/p')
  expect(await heard()).toEqual(['created /p', 'created /r', 'created /r/x', 'changed /p'])
})

test('an event is not told to one who may not read the znode', async () => {
  await watcher.must('addWatch', { path: '/', mode: 1 })
  const acl = [{ perms: 30, identity: { scheme: 'world', id: 'anyone' } }]
  await writer.must('create', { path: '/secret', data: null, acl, flags: 0 })
  await create('/open')
  expect(await heard()).toEqual(['created /open'])
})

test('the header of an event has the zxid of its cause, and as an older server −1', async () => {
  await watcher.call('exists', { path: '/a', watch: true })
  await create('/a')
  expect((await watcher.eventsUpTo(1))[0]?.zxid).toBe(server.control.zxid)
  await using old = await startServer({ emulate: '3.8' })
  await using client = await RawClient.connect({ port: old.port })
  await client.call('exists', { path: '/a', watch: true })
  await client.must('create', { path: '/a', data: null, acl: openAcl, flags: 0 })
  expect(client.events[0]?.zxid).toBe(-1n)
})

test('as a 3.5 server, what came later is UNIMPLEMENTED and ends the connection', async () => {
  await using old = await startServer({ emulate: '3.5' })
  await using client = await RawClient.connect({ port: old.port })
  const reply = await client.call('addWatch', { path: '/', mode: 0 })
  expect(reply).toMatchObject({ err: -6, zxid: -1n })
  await client.closed
})
