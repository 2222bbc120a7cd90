import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestId } from '../../src/api/acl.js'
import type { EmbeddedServer } from '../../src/server/index.js'
import { startServer } from '../../src/server/index.js'
import { RawClient, openAcl } from '../support/raw-client.js'

let server: EmbeddedServer
let joe: RawClient
let anyone: RawClient
beforeEach(async () => {
  server = await startServer({ superDigest: digestId('super:secret') })
  joe = await RawClient.connect({ port: server.port })
  anyone = await RawClient.connect({ port: server.port })
  await login(joe, 'joe:pw')
})
afterEach(async () => {
  await joe.drop()
  await anyone.drop()
  await server.close()
})

const login = (client: RawClient, credentials: string, scheme = 'digest') =>
  client.call('auth', { type: 0, scheme, auth: Buffer.from(credentials) })
const entry = (scheme: string, id: string, perms = 31) => ({ perms, identity: { scheme, id } })
const make = (client: RawClient, path: string, ...acl: readonly ReturnType<typeof entry>[]) =>
  client.err('create', { path, data: null, acl, flags: 0 })

test('auth in an ACL becomes the identities of who creates, and keeps others out', async () => {
  expect(await make(anyone, '/x', entry('auth', ''))).toBe(-114)
  expect(await make(joe, '/j', entry('auth', ''))).toBe(0)
  const shown = await joe.must('getAcl', { path: '/j' })
  expect(shown.acl).toEqual([entry('digest', digestId('joe:pw'))])
  expect(await anyone.err('getData', { path: '/j', watch: false })).toBe(-102)
  expect(await anyone.err('exists', { path: '/j', watch: false })).toBe(-102)
  expect(await anyone.err('getChildren', { path: '/j', watch: true })).toBe(-102)
  expect(await anyone.err('setData', { path: '/j', data: null, version: -1 })).toBe(-102)
  expect(await anyone.err('getAcl', { path: '/j' })).toBe(-102)
  expect(await make(anyone, '/j/c', ...openAcl)).toBe(-102)
  // Deleting is a right on the parent.
  expect(await anyone.err('delete', { path: '/j', version: -1 })).toBe(0)
})

test('getACL hides the hashes from those who may only read', async () => {
  await make(joe, '/j', entry('auth', ''), entry('world', 'anyone', 1))
  const shown = await anyone.must('getAcl', { path: '/j' })
  expect(shown.acl.map(({ identity }) => identity.id)).toEqual(['joe:x', 'anyone'])
})

test('setACL needs ADMIN, counts versions, and takes effect', async () => {
  await make(joe, '/j', entry('auth', ''), entry('world', 'anyone', 15))
  const set = (client: RawClient, version: number) =>
    client.call('setAcl', { path: '/j', acl: openAcl, version })
  expect((await set(anyone, -1)).err).toBe(-102)
  expect((await set(joe, 3)).err).toBe(-103)
  expect((await set(joe, 0)).body?.stat.aversion).toBe(1)
  expect((await set(anyone, 1)).body?.stat.aversion).toBe(2)
})

test('ip entries match by range', async () => {
  expect(await make(anyone, '/in', entry('ip', '127.0.0.0/8'))).toBe(0)
  expect(await make(anyone, '/out', entry('ip', '10.1.2.3'))).toBe(0)
  expect(await make(anyone, '/six', entry('ip', '::1/64'))).toBe(0)
  for (const id of ['127.0.0.0/33', '127.0.0', 'x', '1.2.3.4/', '1.2.3.4/-1']) {
    expect(await make(anyone, '/bad', entry('ip', id))).toBe(-114)
  }
  expect(await anyone.err('getData', { path: '/in', watch: false })).toBe(0)
  expect(await anyone.err('getData', { path: '/out', watch: false })).toBe(-102)
  expect(await anyone.err('getData', { path: '/six', watch: false })).toBe(-102)
})

test('the super user passes every ACL', async () => {
  await make(joe, '/j', entry('auth', ''))
  expect((await login(anyone, 'super:wrong')).err).toBe(0)
  expect(await anyone.err('getData', { path: '/j', watch: false })).toBe(-102)
  expect((await login(anyone, 'super:secret')).err).toBe(0)
  expect(await anyone.err('getData', { path: '/j', watch: false })).toBe(0)
})

test('an unknown scheme is refused and ends the connection', async () => {
  expect((await login(anyone, 'x', 'kerberos')).err).toBe(-115)
  await anyone.closed
})

test('whoAmI names the identities without their hashes', async () => {
  const { clientInfo } = await joe.must('whoAmI', undefined)
  expect(clientInfo).toEqual([
    { authScheme: 'ip', user: '127.0.0.1' },
    { authScheme: 'digest', user: 'joe' },
  ])
})

test('identities belong to the connection, not to the session', async () => {
  await make(joe, '/j', entry('auth', ''))
  const { sessionId, password } = joe.session
  await using again = await RawClient.connect({
    port: server.port,
    sessionId,
    password: password ?? Buffer.alloc(0),
  })
  expect(await again.err('getData', { path: '/j', watch: false })).toBe(-102)
})
