import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StartServerOptions } from '../../src/server/index.js'
import { startServer } from '../../src/server/index.js'
import { RawClient, openAcl } from '../support/raw-client.js'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'latchkey-journal-'))
})
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true })
})

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
const open = (options: StartServerOptions = {}) => startServer({ dataDir, logger: silent, ...options })
const createOf = (path: string, flags = 0) => ({ path, data: Buffer.from(path), acl: openAcl, flags })

/** All that a client can see, in words. */
async function picture(client: RawClient, path = '/'): Promise<readonly string[]> {
  const { children } = await client.must('getChildren', { path, watch: false })
  const { data, stat } = await client.must('getData', { path, watch: false })
  const { acl } = await client.must('getAcl', { path })
  const own = JSON.stringify([path, data, stat, acl], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  const below = await Promise.all(
    children.map((child) => picture(client, path === '/' ? `/${child}` : `${path}/${child}`)),
  )
  return [own, ...below.flat()].sort()
}

async function fill(client: RawClient): Promise<void> {
  await client.must('create', createOf('/a'))
  await client.must('create', createOf('/a/s-', 2))
  await client.must('create', createOf('/e', 1))
  await client.must('createContainer', createOf('/c', 4))
  await client.must('createTtl', { ...createOf('/t', 5), ttlMs: 5_000_000n })
  await client.must('setData', { path: '/a', data: null, version: -1 })
  await client.must('setAcl', { path: '/c', acl: [...openAcl, ...openAcl], version: -1 })
  await client.must('multi', [
    { op: 'create', ...createOf('/m') },
    { op: 'create', ...createOf('/m/x') },
    { op: 'delete', path: '/m/x', version: -1 },
  ])
  await client.call('create', createOf('/a'))
}

test.each([
  ['after a clean end, from the snapshot', true],
  ['after a crash, from the log', false],
])('%s, everything is as it was', async (_, clean) => {
  let before
  let session
  let zxid
  {
    const server = await open()
    await using client = await RawClient.connect({ port: server.port })
    await fill(client)
    before = await picture(client)
    session = client.session
    zxid = server.control.zxid
    if (clean) await server.close()
    else {
      await server.stop()
      // A crash leaves its lock, of a process that is not there any more.
      const copy = `${dataDir}-crashed`
      const { cpSync } = await import('node:fs')
      cpSync(dataDir, copy, { recursive: true })
      writeFileSync(join(copy, 'lock'), '2147483646')
      await server.close()
      rmSync(dataDir, { recursive: true })
      dataDir = copy
    }
  }
  await using server = await open()
  expect(server.control.zxid).toBe(zxid)
  await using client = await RawClient.connect({
    port: server.port,
    sessionId: session.sessionId,
    password: session.password ?? Buffer.alloc(0),
    lastZxidSeen: zxid,
  })
  expect(client.session.sessionId).toBe(session.sessionId)
  expect(await picture(client)).toEqual(before)
  expect((await client.must('create', createOf('/a/s-', 2))).path).toBe('/a/s-0000000001')
  await client.closeSession()
  await using next = await RawClient.connect({ port: server.port })
  expect(await next.err('exists', { path: '/e', watch: false })).toBe(-101)
  expect(next.session.sessionId).toBeGreaterThan(session.sessionId)
})

async function logWith(count: number): Promise<string> {
  const server = await open()
  await using client = await RawClient.connect({ port: server.port })
  for (let i = 0; i < count; i++) await client.must('create', createOf(`/n${i}`))
  await server.stop()
  const log = readFileSync(join(dataDir, 'log.0'))
  await server.close()
  for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name))
  writeFileSync(join(dataDir, 'log.0'), log)
  return join(dataDir, 'log.0')
}

test('a log cut off anywhere in its last record starts without that record', async () => {
  const path = await logWith(3)
  const whole = readFileSync(path)
  for (const cut of [1, 4, 9, 30]) {
    for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name))
    writeFileSync(path, whole.subarray(0, whole.length - cut))
    await using server = await open()
    await using client = await RawClient.connect({ port: server.port })
    expect(await client.err('exists', { path: '/n1', watch: false })).toBe(0)
    expect(await client.err('exists', { path: '/n2', watch: false })).toBe(-101)
    await client.must('create', createOf('/n2'))
  }
})

test('zeros behind the last record are a torn write too', async () => {
  const path = await logWith(2)
  appendFileSync(path, Buffer.alloc(512))
  await using server = await open()
  await using client = await RawClient.connect({ port: server.port })
  expect(await client.err('exists', { path: '/n1', watch: false })).toBe(0)
})

test('damage in the middle of the log is told, not skipped', async () => {
  const path = await logWith(3)
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(60) ^ 0xff, 60)
  writeFileSync(path, bytes)
  await expect(open()).rejects.toThrow(/damaged at byte \d+/)
})

test('snapshots are made on the way, and old files go', async () => {
  {
    await using server = await open({ snapshotEvery: 10 })
    await using client = await RawClient.connect({ port: server.port })
    for (let i = 0; i < 55; i++) await client.must('create', createOf(`/n${i}`))
    const names = readdirSync(dataDir).sort()
    expect(names).toEqual(['lock', 'log.4', 'log.5', 'snapshot.4', 'snapshot.5'])
    expect(statSync(join(dataDir, 'log.5')).size).toBeLessThan(2_000)
  }
  await using server = await open()
  await using client = await RawClient.connect({ port: server.port })
  expect((await client.must('getChildren', { path: '/', watch: false })).children).toHaveLength(56)
})

test('a directory serves one server at a time', async () => {
  await using server = await open({ fsync: true })
  await expect(open()).rejects.toThrow(/in use/)
  await using client = await RawClient.connect({ port: server.port })
  expect((await client.call('create', createOf('/a'))).err).toBe(0)
})
