import { expect, test } from 'vitest'
import { connect, type ConnectOptions } from 'latchkey'
import { startServer } from 'latchkey/server'
import { LeakAudit } from '../support/leak-audit.js'
import { selfSigned } from '../support/self-signed.js'
import { failureOf } from '../support/world.js'

// The certificate is for localhost and 127.0.0.1.
const server = selfSigned()
const client = selfSigned('client')
const stranger = selfSigned('stranger')
const BRIEF: ConnectOptions = { timeoutMs: 1_500, maxBackOffMs: 50 }

test('a certificate that is trusted and for this name: connected, and digest credentials are allowed', async () => {
  const audit = new LeakAudit()
  {
    await using running = await startServer({ tls: server })
    for (const host of ['localhost', '127.0.0.1']) {
      await using zk = await connect(`${host}:${running.port}`, {
        tls: { ca: server.cert },
        auth: { scheme: 'digest', auth: 'a:b' },
      })
      await zk.create(`/${host}`)
    }
  }
  await audit.expectNothingLeft()
})

test('a certificate that nobody vouches for, or for another name, is refused with the reason', async () => {
  await using running = await startServer({ tls: server })
  const untrusted = await failureOf(connect(running.connectString, { tls: true, ...BRIEF }))
  expect(untrusted).toMatchObject({ code: 'TIMEOUT', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })
  const tls = { ca: server.cert, servername: 'other.example' }
  const otherName = await failureOf(connect(running.connectString, { tls, ...BRIEF }))
  expect(otherName).toMatchObject({ code: 'TIMEOUT', cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } })
})

test('client certificates: asked for, a known one is let in, none and a strange one are not', async () => {
  await using running = await startServer({ tls: { ...server, requestCert: true, ca: client.cert } })
  const at = running.connectString
  const trust = { ca: server.cert }
  await using zk = await connect(at, { tls: { ...trust, ...client } })
  await zk.create('/in')
  expect(await failureOf(connect(at, { tls: trust, ...BRIEF }))).toMatchObject({ code: 'TIMEOUT' })
  expect(await failureOf(connect(at, { tls: { ...trust, ...stranger }, ...BRIEF }))).toMatchObject({
    code: 'TIMEOUT',
  })
  expect(running.control.sessions()).toHaveLength(1)
})

test('plaintext to a TLS port and TLS to a plaintext port end in a refusal, not in a hang', async () => {
  await using secure = await startServer({ tls: server })
  await using plain = await startServer()
  const tls = { ca: server.cert }
  for (const attempt of [
    connect(secure.connectString, BRIEF),
    connect(plain.connectString, { tls, ...BRIEF }),
  ])
    expect(await failureOf(attempt)).toMatchObject({ code: 'TIMEOUT' })
})
