import { createConnection, type Socket } from 'node:net'
import { once } from 'node:events'
import { connect, type Client, type ConnectOptions } from 'latchkey'
import { FaultProxy, ProxiedEnsemble, TestServer } from 'latchkey/testing'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/runtime/clock.js'
import { fourLetterWord } from '../../src/testing/four-letter-word.js'
import { LeakAudit } from '../support/leak-audit.js'

let server: TestServer
let proxy: FaultProxy
let direct: Client

beforeEach(async () => {
  server = await TestServer.start()
  proxy = await FaultProxy.inFrontOf(server, { seed: 1 })
  direct = await connect(server.connectString)
})

afterEach(async () => {
  await direct.close()
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

async function connected(options: ConnectOptions = {}): Promise<Client> {
  const client = await connect(proxy.connectString, { sessionTimeoutMs: 4_000, maxBackOffMs: 50, ...options })
  onTestFinished(async () => client.close())
  return client
}

async function socketTo(port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1' })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  return socket
}

async function closed(socket: Socket): Promise<void> {
  socket.resume()
  await new Promise<void>((resolve) => void socket.once('close', () => resolve()))
}

const lost = { code: 'CONNECTION_LOSS', outcome: 'unknown' }

describe('left alone', () => {
  test('it carries everything unchanged, and counts', async () => {
    const client = await connected()
    const data = Buffer.alloc(500_000, 'x')
    await client.create('/a', data)
    const changed = new Promise((resolve) => void client.get('/a', { watch: resolve }))
    expect((await client.get('/a')).data.equals(data)).toBe(true)
    await direct.set('/a', 'y')
    expect(await changed).toMatchObject({ type: 'dataChanged', path: '/a' })
    expect(proxy.stats).toMatchObject({ connections: 1, openConnections: 1, faults: {} })
    expect(proxy.stats.requests).toBeGreaterThanOrEqual(4)
    expect(proxy.stats.replies).toBeGreaterThanOrEqual(5)
  })

  test('it passes the end of a connection, from either side', async () => {
    const client = await connected()
    const id = client.session?.id
    await client.close()
    expect(server.control.sessions().map((session) => session.id)).not.toContain(id)
    await expect.poll(() => proxy.stats.openConnections).toBe(0)
    const socket = await socketTo(proxy.port)
    await expect.poll(() => proxy.stats.openConnections).toBe(1)
    const ended = closed(socket)
    await server.stop()
    await ended
    await server.restart()
  })

  test('what is no frame passes as it is', async () => {
    expect(await fourLetterWord('127.0.0.1', proxy.port, 'ruok')).toBe('imok')
  })

  test('a server that is not there shows as a connection that ends', async () => {
    await using lonely = await FaultProxy.inFrontOf('127.0.0.1:1')
    const socket = await socketTo(lonely.port)
    await closed(socket)
    await expect.poll(() => lonely.stats.openConnections).toBe(0)
  })

  test('more than one server is not a target', async () => {
    await expect(FaultProxy.inFrontOf('a:1,b:2')).rejects.toThrow(TypeError)
  })
})

describe('at a chosen request', () => {
  test('drop-before: the client is in doubt, and nothing was applied', async () => {
    const client = await connected()
    const injection = proxy.inject('drop-before', { operation: 'create' })
    await expect(client.create('/a')).rejects.toMatchObject(lost)
    expect(await direct.exists('/a')).toBeUndefined()
    expect(injection.count).toBe(1)
    await client.create('/a')
  })

  test('drop-after: the client is in doubt, and it was applied', async () => {
    const client = await connected()
    const injection = proxy.inject('drop-after', { operation: ['create', 'delete'] })
    await expect(client.create('/a')).rejects.toMatchObject(lost)
    expect(await direct.exists('/a')).toBeDefined()
    expect(await injection.applied).toMatchObject({ operation: 'create', paths: ['/a'] })
    expect(proxy.stats.faults).toEqual({ 'drop-after': 1 })
    await client.delete('/a')
  })

  test('what was answered before it arrives, what comes behind it does not', async () => {
    const client = await connected()
    proxy.inject('drop-after', { path: '/b' })
    const [a, b, c] = await Promise.allSettled([
      client.create('/a'),
      client.create('/b'),
      client.create('/c'),
    ])
    expect([a.status, b.status, c.status]).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(await direct.exists('/b')).toBeDefined()
  })

  test('the nth that matches, as often as is asked for, by path and predicate', async () => {
    const client = await connected()
    proxy.inject('drop-before', { path: /^\/x/, nth: 2, times: 2 })
    await client.create('/x1')
    await client.create('/other')
    await expect(client.create('/x2')).rejects.toMatchObject(lost)
    await expect(client.transaction().check('/').create('/x3').commit()).rejects.toMatchObject(lost)
    await client.create('/x4')
    const injection = proxy.inject('drop-before', { where: ({ frame }) => frame.includes('secret') })
    await client.create('/y', 'plain')
    await expect(client.create('/z', 'secret')).rejects.toMatchObject(lost)
    expect(injection.count).toBe(1)
  })

  test('pings are left alone unless they are named', async () => {
    const client = await connected({ sessionTimeoutMs: 600 })
    const injection = proxy.inject('drop-before')
    const ping = proxy.inject('drop-after', { operation: 'ping' })
    expect((await ping.applied).operation).toBe('ping')
    expect(injection.count).toBe(0)
    injection.cancel()
    await client.ready()
  })

  test('the handshake is a request too: a session whose reply is lost is left to its expiry', async () => {
    const injection = proxy.inject('drop-after', { operation: 'connect' })
    const client = await connected()
    expect(injection.count).toBe(1)
    expect(server.control.sessions()).toHaveLength(3)
    expect(client.session?.generation).toBe(1)
  })

  test.each(['truncate-request', 'truncate-reply'] as const)('%s cuts within a frame', async (fault) => {
    const client = await connected()
    proxy.inject(fault, { operation: 'create', cut: 'end' })
    await expect(client.create('/a')).rejects.toMatchObject(lost)
    expect((await direct.exists('/a')) !== undefined).toBe(fault === 'truncate-reply')
    await client.ready()
  })

  test.each(['bad-length', 'unknown-xid', 'junk'] as const)(
    '%s: the client drops the connection',
    async (fault) => {
      const client = await connected()
      const session = client.session?.id
      proxy.inject(fault, { operation: 'get' })
      await client.get('/').catch((error: unknown) => expect(error).toMatchObject({ outcome: 'unknown' }))
      expect(proxy.stats.faults).toEqual({ [fault]: 1 })
      await client.get('/')
      expect(proxy.stats.connections).toBe(2)
      expect(client.session?.id).toBe(session)
    },
  )

  test('a fault that is cancelled, or healed, is not done', async () => {
    const client = await connected()
    proxy.inject('drop-before').cancel()
    proxy.inject('drop-before')
    await proxy.heal()
    await client.create('/a')
    expect(proxy.stats.faults).toEqual({})
  })

  test('a connection that ends before the reply leaves the fault to the next request', async () => {
    const client = await connected()
    const injection = proxy.inject('drop-after', { operation: 'create' })
    proxy.blackHole('toServer')
    const call = client.create('/a')
    call.catch(() => undefined)
    await expect.poll(() => proxy.stats.requests).toBe(2)
    proxy.cut()
    await expect(call).rejects.toMatchObject(lost)
    await proxy.heal()
    const again = proxy.inject('drop-after', { operation: 'create' })
    await expect(client.create('/a')).rejects.toMatchObject(lost)
    expect([injection.count, again.count]).toEqual([0, 1])
  })

  test('one seed decides what chance decides', async () => {
    const run = async (): Promise<boolean[]> => {
      await using seeded = await FaultProxy.inFrontOf(server, { seed: 7 })
      await using client = await connect(seeded.connectString, { maxBackOffMs: 5 })
      seeded.inject('drop-before', { operation: 'exists', probability: 0.4, times: Infinity })
      const outcomes: boolean[] = []
      for (let i = 0; i < 12; i++) {
        const before = seeded.stats.faults['drop-before'] ?? 0
        await client.exists('/')
        outcomes.push((seeded.stats.faults['drop-before'] ?? 0) > before)
      }
      return outcomes
    }
    const first = await run()
    expect(new Set(first)).toEqual(new Set([true, false]))
    expect(await run()).toEqual(first)
  })
})

describe('all the time', () => {
  test('latency and jitter delay, and keep the order', async () => {
    const client = await connected()
    proxy.shape({ latencyMs: 20, jitterMs: 30 })
    const start = systemClock.now()
    const paths = await Promise.all(['/a', '/b', '/c', '/d'].map(async (path) => client.create(path)))
    expect(systemClock.now() - start).toBeGreaterThanOrEqual(39)
    const czxids = paths.map(({ stat }) => stat.czxid)
    expect(czxids).toEqual([...czxids].sort((a, b) => (a < b ? -1 : 1)))
  })

  test('pieces of a byte, and few of them a second, arrive as what was sent', async () => {
    const client = await connected()
    proxy.shape({ pieceBytes: 1 }, 'toClient')
    proxy.shape({ pieceBytes: 7, pieceIntervalMs: 2 }, 'toServer')
    await client.create('/a', 'in pieces')
    expect((await client.get('/a')).data.toString()).toBe('in pieces')
  })

  test('a black hole tells neither side: the client finds out by itself, the server hears no end', async () => {
    const client = await connected({ sessionTimeoutMs: 600 })
    const states: string[] = []
    client.on('state', (state) => states.push(state))
    const gone = once(client.session!.signal, 'abort')
    proxy.blackHole()
    await gone
    expect(states).toEqual(expect.arrayContaining(['suspended', 'lost']))
    await proxy.heal()
    expect((await client.ready()).generation).toBe(2)
  })

  test('half-open towards the server: it hears no more of a client that is gone', async () => {
    const socket = await socketTo(proxy.port)
    await expect.poll(() => proxy.stats.openConnections).toBe(1)
    proxy.blackHole('toServer')
    socket.destroy()
    await closed(socket)
    const other = await socketTo(proxy.port)
    await expect.poll(() => proxy.stats.openConnections).toBe(2)
    other.destroy()
    await expect.poll(() => proxy.stats.openConnections).toBe(1)
    await proxy.heal()
    await expect.poll(() => proxy.stats.openConnections).toBe(0)
  })

  test('half-open towards the client: requests are applied, and their replies arrive after it heals', async () => {
    const client = await connected()
    proxy.blackHole('toClient')
    const call = client.create('/a')
    await expect.poll(async () => (await direct.exists('/a')) !== undefined).toBe(true)
    await proxy.heal()
    expect((await call).path).toBe('/a')
    expect(proxy.stats.connections).toBe(1)
  })

  test('a pause holds bytes back, and lets the end of a connection pass', async () => {
    const client = await connected()
    proxy.pause()
    const call = client.create('/a')
    call.catch(() => undefined)
    await expect.poll(() => proxy.stats.requests).toBe(2)
    await server.stop()
    await expect(call).rejects.toMatchObject(lost)
    await server.restart()
  })

  test('refused connections, then accepted on the same port', async () => {
    const client = await connected()
    proxy.refuse()
    await client.create('/a')
    const refused = createConnection(proxy.port, '127.0.0.1')
    expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }])
    await proxy.accept()
    await socketTo(proxy.port)
    expect(proxy.stats).toMatchObject({ connections: 2, faults: { refuse: 1 } })
  })

  test('cut by reset or in order, as is asked for', async () => {
    for (const [how, code] of [
      ['reset', 'ECONNRESET'],
      ['end', undefined],
    ] as const) {
      const socket = await socketTo(proxy.port)
      await expect.poll(() => proxy.stats.openConnections).toBe(1)
      const seen = new Promise<string | undefined>((resolve) => {
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
        socket.once('end', () => resolve(undefined))
      })
      socket.resume()
      expect(proxy.cut(how)).toBe(1)
      expect(await seen).toBe(code)
    }
  })
})

describe('whatever passes', () => {
  test('a sender into a black hole is slowed, not stored', async () => {
    proxy.blackHole('toServer')
    await proxy.heal()
    const socket = await socketTo(proxy.port)
    await expect.poll(() => proxy.stats.openConnections).toBe(1)
    proxy.blackHole('toServer')
    const before = process.memoryUsage().arrayBuffers
    const chunk = Buffer.alloc(1_000_000, 0xff)
    let written = 0
    while (written < 64 && socket.write(chunk)) written++
    socket.write(Buffer.alloc(32_000_000, 0xff))
    await new Promise((resolve) => setImmediate(resolve))
    await fourLetterWord('127.0.0.1', server.server.port, 'ruok')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000)
    socket.destroy()
  })

  test('hostile bytes from either side end connections, never the process', async () => {
    const client = await connected()
    for (const bytes of [
      Buffer.alloc(4, 0xff),
      Buffer.from([0, 0, 0, 3, 1, 2, 3]),
      Buffer.alloc(70_000, 0x7f),
    ]) {
      const socket = await socketTo(proxy.port)
      socket.on('error', () => undefined)
      socket.write(bytes)
      proxy.send(bytes, 'toServer')
      proxy.send(bytes)
      socket.destroy()
      await client.ready()
      await client.exists('/')
    }
  })

  test('too many connections are closed at once', async () => {
    await using narrow = await FaultProxy.inFrontOf(server, { maxConnections: 1 })
    await socketTo(narrow.port)
    await expect.poll(() => narrow.stats.openConnections).toBe(1)
    const second = await socketTo(narrow.port)
    await closed(second)
    expect(narrow.stats.connections).toBe(1)
  })

  test('nothing is left when it is disposed of, healed or not', async () => {
    const audit = new LeakAudit()
    const other = await FaultProxy.inFrontOf(server)
    const before = await socketTo(other.port)
    await expect.poll(() => other.stats.openConnections).toBe(1)
    other.shape({ latencyMs: 10_000 })
    before.write('ruok')
    other.blackHole('toServer')
    const during = await socketTo(other.port)
    const ended = [closed(before), closed(during)]
    await other[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
    await Promise.all(ended)
    await audit.expectNothingLeft()
  })
})

test("a proxy in front of each server is one client's own way to all of them", async () => {
  await using second = await TestServer.start()
  await using way = await ProxiedEnsemble.start([server, second], { seed: 3 })
  expect(way.connectString).toBe(way.proxies.map((each) => each.connectString).join(','))
  way.proxies[0]?.refuse()
  await using client = await connect(way.connectString)
  await client.create('/here')
  await using there = await connect(second.connectString)
  expect(await there.exists('/here')).toBeDefined()
  await way.heal()
})
