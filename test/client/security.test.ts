import { inspect } from 'node:util'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, test } from 'vitest'
import type { ConnectOptions, SessionState } from 'latchkey'
import { OpCode } from '../../src/protocol/constants.js'
import type { Connection, Transport } from '../../src/transport/transport.js'
import { ScriptedPeer } from '../support/scripted-peer.js'
import { failureOf, watched, World } from '../support/world.js'

const DIGEST = { scheme: 'digest', auth: 'bob:hunter2-very-secret' }
const CREATOR = [{ scheme: 'digest', id: expect.stringMatching(/^bob:/) as string, perms: 31 }]

/** The same network, as if it were not this machine. */
function remote(world: World): Transport {
  return {
    resolve: async (name) => world.network.resolve(name),
    dial(endpoint, events) {
      const connection = world.network.dial(endpoint, events)
      const proxy: Connection = {
        remoteAddress: '10.0.0.1',
        loopback: false,
        encrypted: false,
        get buffered() {
          return connection.buffered
        },
        write: (bytes) => connection.write(bytes),
        pause: () => connection.pause(),
        resume: () => connection.resume(),
        end: () => connection.end(),
        destroy: () => connection.destroy(),
      }
      return proxy
    },
  }
}

describe('identities', () => {
  test('with credentials everything that is made is creator-only: nodes, parents, transactions', async () => {
    await using world = new World()
    await using server = await world.server()
    const client = await world.client(server.connectString, { auth: DIGEST })
    await world.until(client.create('/node'))
    await world.until(client.ensurePath('/parents/of/all'))
    await world.until(client.ensurePath('/box/in/box', { mode: 'container' }))
    await world.until(client.transaction().create('/t').create('/c', null, { mode: 'container' }).commit())
    for (const path of [
      '/node',
      '/parents',
      '/parents/of',
      '/parents/of/all',
      '/box',
      '/box/in/box',
      '/t',
      '/c',
    ]) {
      expect((await world.until(client.getACL(path))).acl, path).toEqual(CREATOR)
    }
    const stranger = await world.client(server.connectString)
    expect(await failureOf(world.until(stranger.get('/t')))).toMatchObject({ code: 'NO_AUTH' })
    await world.until(stranger.addAuth(DIGEST.scheme, DIGEST.auth))
    await world.until(stranger.get('/t'))
    await world.until(stranger.create('/later'))
    expect((await world.until(stranger.getACL('/later'))).acl).toEqual(CREATOR)
  })

  test('they are presented again on every connection, before anything else', async () => {
    await using world = new World()
    const orders: number[][] = []
    await using peer = await ScriptedPeer.start(world.network, {
      request(request, at) {
        orders[peer.connections.length - 1] ??= []
        orders[peer.connections.length - 1]?.push(request.opcode)
        const xid = { [OpCode.auth]: -4, [OpCode.setWatches]: -8 }[request.opcode] ?? request.xid
        at.reply(xid, { err: request.opcode === OpCode.exists ? -101 : 0 })
      },
    })
    const client = await world.client(peer.connectString, { auth: DIGEST })
    await world.until(client.exists('/a', { watch: () => undefined }))
    peer.last.connection.destroy()
    await world.untilTrue(() => client.state === 'suspended')
    await world.until(client.exists('/b'))
    expect(orders).toEqual([
      [OpCode.auth, OpCode.exists],
      [OpCode.auth, OpCode.setWatches, OpCode.exists],
    ])
  })

  test('refused credentials end connect, with nothing open and nothing tried again', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, {
      request: (request, at) => at.reply(request.opcode === OpCode.auth ? -4 : request.xid, { err: -115 }),
    })
    const error = await failureOf(world.client(peer.connectString, { auth: DIGEST }))
    expect(error).toMatchObject({ code: 'AUTH_FAILED', terminal: true })
    await world.pass(5_000)
    expect(peer.connections).toHaveLength(1)
  })

  test('an identity that is refused when added is forgotten; the session goes on', async () => {
    await using world = new World()
    let connections = 0
    await using peer = await ScriptedPeer.start(world.network, {
      request(request, at) {
        if (request.opcode !== OpCode.auth) return at.reply(request.xid)
        at.reply(-4, { err: -115 })
        connections = peer.connections.length
        at.connection.end()
      },
    })
    const client = await world.client(peer.connectString)
    expect(await failureOf(world.until(client.addAuth('digest', 'bob:x')))).toMatchObject({
      code: 'AUTH_FAILED',
    })
    await world.untilTrue(() => client.state === 'connected' && peer.connections.length > connections)
    expect(client.session?.generation).toBe(1)
  })

  test('addAuth settles whatever happens to the connection', async () => {
    await using world = new World()
    let answers = false
    await using peer = await ScriptedPeer.start(world.network, {
      request(request, at) {
        if (request.opcode !== OpCode.auth) at.reply(request.xid)
        else if (answers) at.reply(-4)
      },
    })
    const client = await world.client(peer.connectString)
    const lost = watched(client.addAuth('digest', 'bob:x'))
    await world.pass(10)
    peer.last.connection.destroy()
    await world.untilTrue(() => client.state === 'suspended')
    expect(lost.settled).toBe(false)
    answers = true
    await world.until(lost.promise)
    peer.last.connection.destroy()
    await world.untilTrue(() => client.state === 'suspended')
    await world.until(client.addAuth('digest', 'eve:y'))
    expect(peer.last.requests.filter(({ opcode }) => opcode === OpCode.auth)).toHaveLength(2)
    answers = false
    const never = watched(client.addAuth('digest', 'kim:z'))
    await world.until(client.close())
    await world.pass(0)
    expect(never.error).toMatchObject({ code: 'CLOSED' })
    expect(await failureOf(client.addAuth('digest', 'kim:z'))).toMatchObject({ code: 'CLOSED' })
  })

  test('digest credentials stay off plaintext beyond loopback, unless allowed', async () => {
    await using world = new World()
    await using server = await world.server()
    const transport = remote(world)
    const error = await failureOf(world.client(server.connectString, { auth: DIGEST, transport }))
    expect(error).toMatchObject({ code: 'INSECURE_AUTH', terminal: true })
    expect(String(error)).not.toContain('hunter2')
    const client = await world.client(server.connectString, { transport })
    expect(await failureOf(client.addAuth('digest', 'bob:x'))).toMatchObject({ code: 'INSECURE_AUTH' })
    expect(client.state).toBe('connected')
    const allowed = { auth: DIGEST, transport, allowInsecureAuth: true }
    await world.client(server.connectString, allowed)
  })

  test('SASL DIGEST-MD5: the right password is let in and authenticated, a wrong one is not', async () => {
    await using world = new World()
    await using server = await world.server({ saslUsers: { bob: 'pass\\w"örd' } })
    const sasl = { username: 'bob', password: 'pass\\w"örd' }
    const client = await world.client(server.connectString, { sasl })
    expect(await world.until(client.whoAmI())).toContainEqual({ scheme: 'sasl', user: 'bob' })
    await world.until(client.create('/mine'))
    expect((await world.until(client.getACL('/mine'))).acl).toMatchObject([{ scheme: 'sasl', id: 'bob' }])
    const wrong = { sasl: { username: 'bob', password: 'hunter2-very-secret' } }
    const error = await failureOf(world.client(server.connectString, wrong))
    expect(error).toMatchObject({ code: 'AUTH_FAILED' })
    expect(inspect(error)).not.toContain('hunter2')
  })
})

describe('sessions handed over', () => {
  test('ephemerals stay, the new owner has the same id, the old one is closed without ending it', async () => {
    await using world = new World()
    await using server = await world.server()
    const first = await world.client(server.connectString)
    await world.until(first.create('/e', null, { mode: 'ephemeral' }))
    const session = first.exportSession()
    if (session === undefined) throw new Error('no session')
    await world.until(first.close({ keepSession: true }))
    expect(first.exportSession()).toBeUndefined()
    const second = await world.client(server.connectString, { session })
    expect(second.session).toMatchObject({ id: session.id, generation: 1 })
    expect(await world.until(second.exists('/e'))).toMatchObject({ ephemeralOwner: session.id })
    await world.until(second.close())
    expect(server.control.sessions()).toEqual([])
    const late = await failureOf(world.client(server.connectString, { session }))
    expect(late).toMatchObject({ code: 'SESSION_EXPIRED', terminal: true })
    const wrong = { session: { id: session.id, password: Buffer.alloc(16, 1) } }
    expect(await failureOf(world.client(server.connectString, wrong))).toMatchObject({
      code: 'SESSION_EXPIRED',
    })
  })
})

test('no secret is in any log line, error, JSON, inspection or diagnostics message', async () => {
  await using world = new World()
  const told: unknown[] = []
  const hear = (message: unknown): void => void told.push(inspect(message, { depth: 9 }))
  const channels = [
    'latchkey:state',
    ...['start', 'end', 'asyncStart', 'asyncEnd', 'error'].flatMap((kind) => [
      `tracing:latchkey:connect:${kind}`,
      `tracing:latchkey:operation:${kind}`,
    ]),
  ]
  for (const name of channels) subscribe(name, hear)
  try {
    await using server = await world.server({ saslUsers: { bob: 'hunter2-very-secret' } })
    const secrets: ConnectOptions = {
      auth: DIGEST,
      sasl: { username: 'bob', password: 'hunter2-very-secret' },
    }
    const client = await world.client(server.connectString, secrets)
    const password = client.exportSession()?.password
    if (password === undefined) throw new Error('no session')
    await world.until(client.create('/a', 'data-very-secret'))
    told.push(String(await failureOf(world.until(client.create('/a', 'data-very-secret')))))
    server.control.dropConnection(client.session?.id ?? 0n)
    await world.pass(200)
    server.control.expireSession(client.session?.id ?? 0n)
    await world.pass(500)
    const deep = { depth: 20, showHidden: true }
    told.push(
      inspect(client, deep),
      JSON.stringify(client),
      inspect(client.session, deep),
      JSON.stringify(client.session),
    )
    await world.until(client.close())
    told.push(inspect(await failureOf(client.get('/a')), deep))
    const wrong: ConnectOptions = { sasl: { username: 'bob', password: 'hunter2-wrong' } }
    told.push(inspect(await failureOf(world.client(server.connectString, wrong)), deep))
    told.push(...world.log.map((line) => inspect(line, deep)))
    const text = told.join('\n')
    expect(text.length).toBeGreaterThan(2_000)
    for (const secret of [
      'hunter2',
      'very-secret',
      Buffer.from(DIGEST.auth).toString('hex'),
      Buffer.from(password).toString('hex'),
      inspect(password).slice(8, 40),
    ]) {
      expect(text).not.toContain(secret)
    }
  } finally {
    for (const name of channels) unsubscribe(name, hear)
  }
})

test('diagnostics: connect, each change of state and each operation are told, with their failures', async () => {
  await using world = new World()
  await using server = await world.server()
  const states: unknown[] = []
  const operations: unknown[] = []
  const onState = (message: unknown): void => void states.push((message as { state: SessionState }).state)
  const onOperation = (message: unknown): void => {
    const { operation, path, error } = message as {
      operation: string
      path: string
      error?: { code: string }
    }
    operations.push([operation, path, error?.code])
  }
  subscribe('latchkey:state', onState)
  subscribe('tracing:latchkey:operation:asyncEnd', onOperation)
  try {
    const client = await world.client(server.connectString)
    await world.until(client.create('/a'))
    await failureOf(world.until(client.get('/b')))
    await world.until(client.close())
    expect(states).toEqual(['connected', 'closed'])
    expect(operations).toEqual([
      ['create', '/a', undefined],
      ['get', '/b', 'NO_NODE'],
    ])
  } finally {
    unsubscribe('latchkey:state', onState)
    unsubscribe('tracing:latchkey:operation:asyncEnd', onOperation)
  }
})
