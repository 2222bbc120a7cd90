/**
 * What needs servers of its own: read-only mode, which comes with the loss of the quorum, and TLS, which only the Java
 * engine sets up.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Client, ConnectOptions } from 'latchkey'
import { connect } from 'latchkey'
import { TestEnsemble, type TestEnsembleOptions } from '../../src/testing/index.js'
import { servers } from '../support/ensemble.js'
import { RawClient, openAcl } from '../support/raw-client.js'
import { selfSigned } from '../support/self-signed.js'

const NOT_READ_ONLY = -119
const LIMIT_MS = 90_000

type Member = TestEnsemble['members'][number]

async function start(options: TestEnsembleOptions): Promise<{ ensemble: TestEnsemble; first: Member }> {
  if (servers.engine === 'embedded' || servers.engine === 'given')
    throw new Error('these tests need LATCHKEY_ENGINE=java or docker')
  const version = servers.engine === 'java' ? process.env['LATCHKEY_ZOOKEEPER_VERSION'] : undefined
  const ensemble = await TestEnsemble.start({ engine: servers.engine, version, ...options })
  onTestFinished(async () => ensemble[Symbol.asyncDispose]())
  const [first] = ensemble.members
  if (first === undefined) throw new Error('no server')
  return { ensemble, first }
}

async function open(connectString: string, options: ConnectOptions = {}): Promise<Client> {
  const client = await connect(connectString, options)
  onTestFinished(async () => client.close())
  return client
}

async function reaches(client: Client, wanted: string): Promise<void> {
  for await (const state of client.states()) if (state === wanted) return
}

/**
 * An ensemble whose first server has lost the others, and says so. Its sessions are local, for it has nobody to agree
 * with on others: without them it answers a handshake with a bare NOT_READ_ONLY.
 */
async function withoutQuorum(): Promise<{ ensemble: TestEnsemble; first: Member }> {
  const made = await start({
    systemProperties: { 'readonlymode.enabled': 'true' },
    settings: { localSessionsEnabled: true, localSessionsUpgradingEnabled: true },
  })
  const before = await open(made.first.connectString)
  await before.create('/kept', 'kept')
  await before.close()
  await Promise.all(made.ensemble.members.slice(1).map(async (member) => member.stop()))
  // Asks as often as it is answered, within the time of the test.
  while ((await made.first.role()) !== 'readOnly');
  return made
}

describe('a server that has lost its quorum', () => {
  it(
    'takes those who accept read-only, answers reads, and refuses writes',
    { timeout: LIMIT_MS },
    async () => {
      const { first } = await withoutQuorum()
      const address = { host: first.host, port: first.clientPort }
      const strict = new RawClient(address)
      expect(await strict.handshake()).toBeUndefined()
      const reader = await RawClient.connect({ ...address, readOnly: true })
      onTestFinished(async () => reader.drop())
      expect(reader.session.readOnly).toBe(true)
      const { data } = await reader.must('getData', { path: '/kept', watch: false })
      expect(String(data)).toBe('kept')
      const create = { path: '/new', data: null, acl: openAcl, flags: 0 }
      expect(await reader.err('create', create)).toBe(NOT_READ_ONLY)
      expect(await reader.err('setData', { path: '/kept', data: null, version: -1 })).toBe(NOT_READ_ONLY)
      expect(await reader.err('multi', [{ op: 'create', ...create }])).toBe(NOT_READ_ONLY)
      expect(await first.ask('isro')).toBe('ro')
    },
  )

  it(
    'serves a client that asked for it, which moves on when writes are taken again',
    { timeout: LIMIT_MS },
    async () => {
      const { ensemble, first } = await withoutQuorum()
      const client = await open(first.connectString, { readOnly: true })
      expect(client.state).toBe('readOnly')
      expect((await client.get('/kept')).data.toString()).toBe('kept')
      await expect(client.create('/new')).rejects.toMatchObject({
        code: 'NOT_READ_ONLY',
        outcome: 'rejected',
      })
      for (const member of ensemble.members.slice(1)) await member.restart()
      await client.ready()
      expect(client.state).toBe('connected')
      expect((await client.create('/new')).path).toBe('/new')
    },
  )

  it('keeps a client waiting that did not ask for it', { timeout: LIMIT_MS }, async () => {
    const { first } = await withoutQuorum()
    await expect(connect(first.connectString, { timeoutMs: 2_000 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
  })
})

if (servers.engine === 'java') {
  /** Key and certificate as ZooKeeper takes them: one PEM file, the key first. */
  function pemFiles(): {
    directory: string
    server: ReturnType<typeof selfSigned>
    user: ReturnType<typeof selfSigned>
  } {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-tls-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const [server, user] = [selfSigned('server'), selfSigned('user')]
    writeFileSync(join(directory, 'server.pem'), `${server.key}${server.cert}`, { mode: 0o600 })
    writeFileSync(join(directory, 'trusted.pem'), user.cert)
    return { directory, server, user }
  }

  async function startSecure(clientAuth: 'none' | 'need'): Promise<{
    secure: string
    server: ReturnType<typeof selfSigned>
    user: ReturnType<typeof selfSigned>
  }> {
    const { directory, server, user } = pemFiles()
    const keyStore = join(directory, 'server.pem')
    const trustStore = join(directory, 'trusted.pem')
    const { ensemble } = await start({ servers: 1, tls: { keyStore, trustStore, clientAuth } })
    const secure = ensemble.secureConnectString
    if (secure === undefined) throw new Error('no secure port')
    return { secure, server, user }
  }

  const impatient = { timeoutMs: 3_000 }

  describe('TLS to a real server', () => {
    it(
      'works with its certificate, and refuses another, and another name',
      { timeout: LIMIT_MS },
      async () => {
        const { secure, server } = await startSecure('none')
        const client = await open(secure, { tls: { ca: server.cert } })
        await client.create('/a', 'secret')
        expect((await client.get('/a')).data.toString()).toBe('secret')
        await expect(connect(secure, { ...impatient, tls: true })).rejects.toMatchObject({ name: /Error$/ })
        await expect(
          connect(secure, { ...impatient, tls: { ca: selfSigned('other').cert } }),
        ).rejects.toThrow()
        const tls = { ca: server.cert, servername: 'elsewhere.example' }
        await expect(connect(secure, { ...impatient, tls })).rejects.toThrow()
        await expect(connect(secure, impatient)).rejects.toThrow()
      },
    )

    it(
      'shows who we are by our certificate, where the server asks for one',
      { timeout: LIMIT_MS },
      async () => {
        const { secure, server, user } = await startSecure('need')
        await expect(connect(secure, { ...impatient, tls: { ca: server.cert } })).rejects.toThrow()
        const client = await open(secure, { tls: { ca: server.cert, cert: user.cert, key: user.key } })
        await client.create('/own', 'mine', { acl: [{ scheme: 'auth', id: '', perms: 31 }] })
        expect((await client.getACL('/own')).acl).toEqual([{ scheme: 'x509', id: 'CN=user', perms: 31 }])
      },
    )

    it(
      'takes digest credentials, which are refused in clear beyond loopback only',
      { timeout: LIMIT_MS },
      async () => {
        const { secure, server } = await startSecure('none')
        const client = await open(secure, {
          tls: { ca: server.cert },
          auth: { scheme: 'digest', auth: 'ann:secret' },
        })
        await client.create('/own')
        expect((await client.getACL('/own')).acl).toMatchObject([{ scheme: 'digest', perms: 31 }])
        await reaches(client, 'connected')
      },
    )
  })
}
