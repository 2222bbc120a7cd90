import { describe, expect, test } from 'vitest'
import { connect, type ConnectOptions, type SessionState } from 'latchkey'
import { parseConnectString } from '../../src/session/connect-string.js'
import type { MemoryNetwork } from '../../src/transport/memory.js'
import type { Connection, ConnectionEvents, Endpoint, Transport } from '../../src/transport/transport.js'
import { ScriptedPeer } from '../support/scripted-peer.js'
import { failureOf, watched, World } from '../support/world.js'

/** A transport whose names resolve as the test says. */
function naming(
  network: MemoryNetwork,
  resolve: (name: string) => Promise<readonly string[]> | readonly string[],
): Transport & { asked: string[]; dialed: string[] } {
  const asked: string[] = []
  const dialed: string[] = []
  return {
    asked,
    dialed,
    async resolve(name) {
      asked.push(name)
      return resolve(name)
    },
    dial(endpoint: Endpoint, events: ConnectionEvents & { open(): void }): Connection {
      dialed.push(endpoint.address)
      return network.dial(endpoint, events)
    },
  }
}

describe('connect string', () => {
  test.each([
    ['a', [{ host: 'a', port: 2181 }], ''],
    [
      'a:1,b:65535',
      [
        { host: 'a', port: 1 },
        { host: 'b', port: 65535 },
      ],
      '',
    ],
    [
      'a:1 , b:2/',
      [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      '',
    ],
    ['[::1]:2182/app/x', [{ host: '::1', port: 2182 }], '/app/x'],
    [
      '[fe80::1%eth0],10.0.0.1',
      [
        { host: 'fe80::1%eth0', port: 2181 },
        { host: '10.0.0.1', port: 2181 },
      ],
      '',
    ],
    ['::1', [{ host: '::1', port: 2181 }], ''],
  ])('%s', (text, servers, chroot) => {
    expect(parseConnectString(text)).toEqual({ servers, chroot })
  })

  test.each([
    ['', 'names no server'],
    [',', 'names no server'],
    ['/app', 'names no server'],
    ['a:0', 'between 1 and 65535'],
    ['a:65536', 'between 1 and 65535'],
    ['a:x', 'between 1 and 65535'],
    ['a:', 'between 1 and 65535'],
    ['a:-1', 'between 1 and 65535'],
    [':2181', 'no host'],
    ['fe80::1:2181:x,b', 'in brackets'],
    ['[nope]:1', 'not an IPv6 address'],
    ['[::1]x', 'in brackets'],
    ['zk://a:1', 'chroot'],
    ['a b:1', 'not a host name'],
    ['a/app/', 'chroot'],
    ['a/app//b', 'chroot'],
    ['a/../b', 'chroot'],
  ])('%j is refused at once: %s', async (text, reason) => {
    const error = await failureOf(connect(text))
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toContain(reason)
  })
})

describe('options', () => {
  test.each<[ConnectOptions, string]>([
    [{ sessionTimeoutMs: 0 }, 'sessionTimeoutMs'],
    [{ sessionTimeoutMs: Infinity }, 'sessionTimeoutMs'],
    [{ timeoutMs: -1 }, 'timeoutMs'],
    [{ requestTimeoutMs: NaN }, 'requestTimeoutMs'],
    [{ signal: {} as AbortSignal }, 'signal'],
    [{ logger: { info: () => undefined } as unknown as NonNullable<ConnectOptions['logger']> }, 'logger'],
    [{ auth: { scheme: 'digest', auth: 'nocolon' } }, 'user:password'],
    [{ auth: { scheme: '', auth: 'a:b' } }, 'scheme'],
    [{ sasl: { username: '', password: 'x' } }, 'sasl'],
    [{ session: { id: 0n, password: Buffer.alloc(16) } }, 'session.id'],
    [{ session: { id: 1n, password: Buffer.alloc(3) } }, '16 bytes'],
    [{ maxFrameBytes: -5 }, 'maxFrameBytes'],
  ])('case %# is refused at once, by name', async (options, what) => {
    const error = await failureOf(connect('127.0.0.1:1', options))
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true)
    expect((error as Error).message).toContain(what)
    expect((error as Error).message).not.toContain('nocolon')
  })

  test('without a connect string the environment is asked, and then a sentence says what to do', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network)
    const { runtime, network: transport } = world
    const before = process.env['ZOOKEEPER_CONNECT']
    try {
      process.env['ZOOKEEPER_CONNECT'] = peer.connectString
      const client = await world.until(connect(undefined, { runtime, transport }))
      world.clients.push(client)
      expect(client.state).toBe('connected')
      delete process.env['ZOOKEEPER_CONNECT']
      expect(await failureOf(connect())).toMatchObject({
        code: 'NO_CONNECT_STRING',
        message: expect.stringMatching(/ZOOKEEPER_CONNECT.*npx latchkey dev/s) as unknown,
      })
    } finally {
      if (before === undefined) delete process.env['ZOOKEEPER_CONNECT']
      else process.env['ZOOKEEPER_CONNECT'] = before
    }
  })
})

describe('limits of connect', () => {
  test('a server that accepts and says nothing: the limit holds to the millisecond, nothing stays open', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, { handshake: () => undefined })
    const attempt = watched(
      world.connecting(peer.connectString, { timeoutMs: 1_000, sessionTimeoutMs: 30_000 }),
    )
    await world.pass(999)
    expect(attempt.settled).toBe(false)
    await world.pass(1)
    expect(attempt.error).toMatchObject({ code: 'TIMEOUT' })
    await world.pass(10)
    expect(world.network.openEnds).toBe(0)
    expect(world.clock.pending).toBe(0)
  })

  test('nobody listens: the limit names the last failure as its cause', async () => {
    await using world = new World()
    const error = await failureOf(world.client('127.0.0.1:9', { timeoutMs: 1_000 }))
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      cause: { message: expect.stringContaining('refused') as unknown },
    })
    expect((error as Error).message).toContain('refused')
  })

  test('a server that refuses the handshake with a bare header: the limit names what it said', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, {
      // As a read-only server without local sessions does: no session may be made there (seen on 3.9.4).
      handshake: (_, connection) => {
        connection.reply(0, { err: -119 })
        return undefined
      },
    })
    const error = await failureOf(world.client(peer.connectString, { timeoutMs: 1_000 }))
    expect(error).toMatchObject({ code: 'TIMEOUT', cause: { code: 'NOT_READ_ONLY' } })
    expect((error as Error).message).toContain('read-only')
  })

  test('an abort rejects with its reason, before and during', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, { handshake: () => undefined })
    const controller = new AbortController()
    const attempt = watched(world.connecting(peer.connectString, { signal: controller.signal }))
    await world.pass(100)
    const reason = new Error('changed my mind')
    controller.abort(reason)
    await world.pass(0)
    expect(attempt.error).toBe(reason)
    expect(await failureOf(world.connecting(peer.connectString, { signal: controller.signal }))).toBe(reason)
    await world.pass(10)
    expect(world.network.openEnds).toBe(0)
  })

  test('attaching that runs out of time leaves the session alone', async () => {
    await using world = new World()
    await using server = await world.server({ saslUsers: { bob: 'pw' } })
    const owner = await world.client(server.connectString)
    const session = owner.exportSession()
    if (session === undefined) throw new Error('no session')
    await world.until(owner.close({ keepSession: true }))
    server.control.delayReply({ operation: 'sasl' }, 60_000)
    const options = { session, sasl: { username: 'bob', password: 'pw' }, timeoutMs: 500 }
    expect(await failureOf(world.client(server.connectString, options))).toMatchObject({ code: 'TIMEOUT' })
    expect(server.control.sessions().map(({ id }) => id)).toEqual([session.id])
  })
})

describe('names and addresses', () => {
  test('a name that can not be resolved does not keep the other servers from being found', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, {}, { port: 2181 })
    const transport = naming(world.network, (name) => {
      if (name === 'good') return ['127.0.0.1']
      throw new Error(`getaddrinfo ENOTFOUND ${name}`)
    })
    for (let i = 0; i < 5; i++) {
      const client = await world.client('bad1,good,bad2', { transport })
      expect(client.state).toBe('connected')
    }
    expect(peer.connections).toHaveLength(5)
  })

  test('a name whose look-up hangs does not keep the other servers from being found', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, {}, { port: 2181 })
    const transport = naming(world.network, async (name) =>
      name === 'good' ? ['127.0.0.1'] : new Promise<string[]>(() => undefined),
    )
    for (let i = 0; i < 5; i++) {
      const client = await world.client('hangs,good', { transport })
      expect(client.state).toBe('connected')
    }
    expect(peer.connections).toHaveLength(5)
  })

  test('names are asked for anew in each round, as ensembles move', async () => {
    await using world = new World()
    let address = '10.0.0.1'
    const transport = naming(world.network, () => [address])
    const attempt = world.connecting('zk', { transport })
    await world.pass(3_000)
    expect(transport.asked.length).toBeGreaterThan(2)
    await using peer = await ScriptedPeer.start(world.network, {}, { host: '10.0.0.2', port: 2181 })
    address = '10.0.0.2'
    const client = await world.until(attempt)
    expect(client.state).toBe('connected')
    expect(peer.connections).toHaveLength(1)
  })

  test('all addresses of a name are tried, of both families, before a pause', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, {}, { host: '::1', port: 2181 })
    const transport = naming(world.network, () => ['127.0.0.1', '::1', '10.0.0.9'])
    for (let i = 0; i < 5; i++) {
      const before = world.clock.now()
      await world.client('zk', { transport })
      expect(world.clock.now() - before).toBeLessThan(45)
    }
    expect(peer.connections).toHaveLength(5)
  })

  test('none can be resolved: connect says which', async () => {
    await using world = new World()
    const transport = naming(world.network, (name) => {
      throw new Error(`getaddrinfo ENOTFOUND ${name}`)
    })
    const error = await failureOf(world.client('x.invalid,y.invalid', { transport, timeoutMs: 2_000 }))
    expect((error as Error).message).toMatch(/x\.invalid|y\.invalid/)
    // Rounds are paused between, not a busy loop.
    expect(transport.asked.length).toBeLessThan(80)
  })
})

test('on a read-only server: the read-write one that was found is the next to be connected to', async () => {
  await using world = new World()
  const readOnly = { handshake: () => ({ readOnly: true, sessionId: 5n }) }
  const peers = [
    await ScriptedPeer.start(world.network, readOnly, { host: '10.0.0.1', port: 2181 }),
    await ScriptedPeer.start(world.network, readOnly, { host: '10.0.0.2', port: 2181 }),
    await ScriptedPeer.start(world.network, readOnly, { host: '10.0.0.3', port: 2181 }),
  ]
  const transport = naming(world.network, (name) => [name])
  const client = await world.client('10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4', { transport, readOnly: true })
  expect(client.state).toBe('readOnly')
  expect(await failureOf(world.until(client.ready({ timeoutMs: 10 })))).toMatchObject({ code: 'TIMEOUT' })
  await world.pass(5_000)
  const server = await world.server({ host: '10.0.0.4', port: 2181 })
  const states: SessionState[] = []
  client.on('state', (state) => states.push(state))
  const dialedBefore = transport.dialed.length
  await world.untilTrue(() => client.state === 'connected', 200_000)
  // The four-letter word that found it, and then straight to it.
  const found = transport.dialed.slice(dialedBefore)
  expect(found.slice(found.indexOf('10.0.0.4'))).toEqual(['10.0.0.4', '10.0.0.4'])
  // A read-only server's session id was never shown to the other one.
  expect(server.control.sessions().map(({ id }) => id)).not.toContain(5n)
  expect(client.session?.generation).toBe(2)
  await world.until(client.close())
  for (const peer of peers) await peer[Symbol.asyncDispose]()
})
