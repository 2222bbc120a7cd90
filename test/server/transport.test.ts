import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { startServer } from '../../src/server/index.js'
import { RawClient } from '../support/raw-client.js'
import { selfSigned } from '../support/self-signed.js'

/** The first bytes of a session over TLS: how long the answer to a handshake is; undefined if there is none. */
async function handshake(port: number, options: object): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ...options }, () => {
      const request = Buffer.alloc(4 + 45)
      request.writeInt32BE(45)
      request.writeInt32BE(10_000, 4 + 12)
      request.writeInt32BE(16, 4 + 24)
      socket.write(request)
    })
    socket.on('data', (chunk: Buffer) => {
      resolve(chunk.readInt32BE(0))
      socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(undefined))
  })
}

test('with TLS the port speaks TLS alone, and can ask for a certificate', async () => {
  const { key, cert } = selfSigned()
  await using server = await startServer({ tls: { key, cert } })
  expect(await handshake(server.port, { ca: cert })).toBe(37)
  await using plain = new RawClient({ port: server.port })
  expect(await plain.handshake()).toBeUndefined()

  await using strict = await startServer({ tls: { key, cert, ca: cert, requestCert: true } })
  expect(await handshake(strict.port, { ca: cert })).toBeUndefined()
  expect(await handshake(strict.port, { ca: cert, key, cert })).toBe(37)
})

const md5 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** A client's side of DIGEST-MD5, and the proof that the server owes it. */
function answer(challenge: string, user: string, password: string): { token: Buffer; rspauth: string } {
  const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1] ?? ''
  const cnonce = randomBytes(12).toString('base64')
  const a1 = md5(md5(`${user}:zk-sasl-md5:${password}`), `:${nonce}:${cnonce}`).toString('hex')
  const uri = 'zookeeper/zk-sasl-md5'
  const proof = (a2: string): string =>
    md5(`${a1}:${nonce}:00000001:${cnonce}:auth:${md5(a2).toString('hex')}`).toString('hex')
  const fields = [
    `charset=utf-8,username="${user}",realm="zk-sasl-md5",nonce="${nonce}",nc=00000001`,
    `cnonce="${cnonce}",digest-uri="${uri}",maxbuf=65536,response=${proof(`AUTHENTICATE:${uri}`)},qop=auth`,
  ]
  return { token: Buffer.from(fields.join(',')), rspauth: `rspauth=${proof(`:${uri}`)}` }
}

test('SASL DIGEST-MD5 proves who somebody is, and refuses a wrong password', async () => {
  await using server = await startServer({ saslUsers: { joe: 'pw' } })
  for (const [password, isRight] of [
    ['pw', true],
    ['other', false],
  ] as const) {
    await using client = await RawClient.connect({ port: server.port })
    const challenge = await client.must('sasl', { token: Buffer.alloc(0) })
    const { token, rspauth } = answer(Buffer.from(challenge.token ?? []).toString(), 'joe', password)
    const reply = await client.call('sasl', { token })
    expect(reply.err).toBe(isRight ? 0 : -115)
    if (!isRight) {
      await client.closed
      continue
    }
    expect(Buffer.from(reply.body?.token ?? []).toString()).toBe(rspauth)
    const acl = [{ perms: 31, identity: { scheme: 'auth', id: '' } }]
    await client.must('create', { path: '/j', data: null, acl, flags: 0 })
    const shown = await client.must('getAcl', { path: '/j' })
    expect(shown.acl).toEqual([{ perms: 31, identity: { scheme: 'sasl', id: 'joe' } }])
    await using other = await RawClient.connect({ port: server.port })
    expect(await other.err('getData', { path: '/j', watch: false })).toBe(-102)
  }
})

test('without SASL users the exchange is answered with nothing, and proves nothing', async () => {
  await using server = await startServer()
  await using client = await RawClient.connect({ port: server.port })
  expect((await client.must('sasl', { token: Buffer.alloc(0) })).token).toBeNull()
  expect((await client.must('whoAmI', undefined)).clientInfo).toHaveLength(1)
})
