import { getEventListeners, setMaxListeners } from 'node:events'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Client } from 'latchkey'
import { OpCode } from '../../src/protocol/constants.js'
import { ANSWER, answeringWhile, EXISTS } from '../support/answering-peer.js'
import { eventFrame, ScriptedPeer, type PeerRequest } from '../support/scripted-peer.js'
import { failureOf, watched, World } from '../support/world.js'

function pathOf(request: PeerRequest): string {
  return request.body.toString('utf8', 4, 4 + request.body.readInt32BE(0))
}

function dataOf(request: PeerRequest): string {
  const at = 4 + request.body.readInt32BE(0)
  return request.body.toString('utf8', at + 4, at + 4 + request.body.readInt32BE(at))
}

/** Cuts the connection and waits until the client has noticed. */
async function cut(world: World, peer: ScriptedPeer, client: Client): Promise<void> {
  peer.last.connection.destroy()
  await world.untilTrue(() => client.state !== 'connected')
}

describe('pipelining', () => {
  test('requests of one turn go out in one write, in the order of the calls', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, ANSWER)
    const client = await world.client(peer.connectString)
    const before = peer.last.chunks.length
    const calls = Array.from({ length: 20 }, async (_, i) =>
      i % 2 === 0 ? client.exists(`/n${i}`) : client.set(`/n${i}`, 'x'),
    )
    await world.until(Promise.all(calls))
    expect(peer.last.chunks.length - before).toBe(1)
    expect(peer.last.requests.map(pathOf)).toEqual(Array.from({ length: 20 }, (_, i) => `/n${i}`))
  })

  test('calls made in the continuations of replies share a write too', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, ANSWER)
    const client = await world.client(peer.connectString)
    const before = peer.last.chunks.length
    const chain = async (i: number): Promise<void> => {
      await client.exists(`/a${i}`)
      await client.exists(`/b${i}`)
    }
    await world.until(Promise.all(Array.from({ length: 10 }, async (_, i) => chain(i))))
    // The peer answers each request by a chunk of its own, so the second ten may go out in up to ten writes.
    expect(peer.last.chunks.length - before).toBeLessThanOrEqual(11)
  })
})

describe('when the connection is lost', () => {
  test('reads that were in flight are sent again in order, ahead of what waits', async () => {
    await using world = new World()
    let answers = false
    await using peer = await ScriptedPeer.start(
      world.network,
      answeringWhile(() => answers),
    )
    const client = await world.client(peer.connectString)
    const calls = [client.exists('/1'), client.exists('/2'), client.exists('/3')]
    await world.pass(10)
    await cut(world, peer, client)
    calls.push(client.exists('/4'))
    answers = true
    await world.until(Promise.all(calls))
    expect(peer.last.requests.map(pathOf)).toEqual(['/1', '/2', '/3', '/4'])
  })

  test('a write that was sent ends in doubt and is never sent again', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network)
    const client = await world.client(peer.connectString)
    const write = watched(client.set('/w', 'x'))
    await world.pass(10)
    expect(peer.last.requests).toHaveLength(1)
    await cut(world, peer, client)
    await world.untilTrue(() => write.settled)
    expect(write.error).toMatchObject({ code: 'CONNECTION_LOSS', outcome: 'unknown', path: '/w' })
    await world.untilTrue(() => client.state === 'connected')
    await world.pass(100)
    expect(peer.last.requests).toEqual([])
  })

  test('a write that was handed over but never left this process waits for the next connection', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, ANSWER)
    const client = await world.client(peer.connectString)
    const bytes = Buffer.from('old')
    let write: Promise<unknown> | undefined
    // An event that comes just before the end of the connection, in the same turn.
    await world.until(
      client.exists('/seen', {
        watch: () => {
          write = client.set('/late', bytes)
          bytes.write('new')
        },
      }),
    )
    peer.last.raw(Buffer.concat([eventFrame(3, '/seen'), Buffer.alloc(8, 0xff)]))
    await world.untilTrue(() => client.state === 'suspended')
    await world.until(write ?? Promise.reject(new Error('not called')))
    expect(peer.last.requests.map(dataOf)).toContain('old')
  })

  test('a write made while the session ends is not reported in doubt: nothing of it was sent', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, ANSWER)
    const client = await world.client(peer.connectString)
    const { session } = client
    const bytes = Buffer.from('old')
    const writes: Promise<unknown>[] = []
    const bound: Promise<unknown>[] = []
    session?.signal.addEventListener('abort', () => {
      writes.push(client.set('/w', bytes))
      bound.push(failureOf(client.set('/bound', bytes, { generation: 1 })))
      bytes.write('new')
    })
    await world.clock.stall(20_000)
    await world.untilTrue(() => writes.length > 0)
    expect(writes).toHaveLength(1)
    await world.until(Promise.all(writes))
    expect(await Promise.all(bound)).toMatchObject([{ code: 'SESSION_EXPIRED' }])
    expect(peer.last.requests.map(dataOf)).toEqual(['old'])
  })

  test('the bytes are those of the moment of the call, however late they are sent', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, ANSWER)
    const client = await world.client(peer.connectString)
    await cut(world, peer, client)
    const bytes = Buffer.from('old')
    const write = client.set('/w', bytes)
    bytes.write('new')
    await world.until(write)
    expect(peer.last.requests.map(dataOf)).toEqual(['old'])
  })

  test('a read bound to a session that has ended rejects at once, not when the next one is up', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network)
    const client = await world.client(peer.connectString)
    const read = watched(client.exists('/r', { generation: 1 }))
    await world.pass(10)
    // Nobody to connect to any more; and the session ends before the end of the connection is seen.
    await peer[Symbol.asyncDispose]()
    await world.clock.stall(20_000)
    expect(client.state).toBe('lost')
    expect(read.error).toMatchObject({ code: 'SESSION_EXPIRED' })
  })
})

describe('limits of a call', () => {
  test('the outcome tells what may have happened at each stage', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network)
    const client = await world.client(peer.connectString)
    const sentWrite = watched(client.set('/w', 'x', { timeoutMs: 500 }))
    const sentRead = watched(client.exists('/r', { timeoutMs: 500 }))
    await world.pass(600)
    expect(sentWrite.error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown', path: '/w' })
    expect(sentRead.error).toMatchObject({ code: 'TIMEOUT', outcome: 'rejected' })
    peer.last.connection.destroy()
    await world.untilTrue(() => client.state === 'suspended')
    const waiting = watched(client.set('/w2', 'x', { timeoutMs: 1 }))
    await world.pass(1)
    expect(waiting.error).toMatchObject({ code: 'TIMEOUT', outcome: 'rejected', path: '/w2' })
    await world.untilTrue(() => client.state === 'connected')
    await world.pass(50)
    expect(peer.last.requests.map(pathOf)).not.toContain('/w2')
  })

  test('an abort rejects with its reason at every stage, and no listener stays on the signal', async () => {
    await using world = new World()
    let answers = true
    await using peer = await ScriptedPeer.start(
      world.network,
      answeringWhile(() => answers),
    )
    const client = await world.client(peer.connectString)
    const controller = new AbortController()
    const { signal } = controller
    const heard = (): number => getEventListeners(signal, 'abort').length
    await world.until(client.exists('/a', { signal, timeoutMs: 100 }))
    expect(heard()).toBe(0)
    answers = false
    const inFlight = watched(client.set('/b', 'x', { signal }))
    await world.pass(5)
    expect(heard()).toBe(1)
    await cut(world, peer, client)
    await world.pass(0)
    expect(inFlight.error).toMatchObject({ code: 'CONNECTION_LOSS' })
    expect(heard()).toBe(0)
    const waiting = watched(client.set('/c', 'x', { signal, timeoutMs: 10_000 }))
    const reason = new Error('enough')
    controller.abort(reason)
    await world.pass(0)
    expect(waiting.error).toBe(reason)
    expect(heard()).toBe(0)
    expect(await failureOf(client.exists('/d', { signal }))).toBe(reason)
    // Refused before it was sent: nothing stays either.
    await failureOf(client.set('/e', Buffer.alloc(2_000_000), { signal: new AbortController().signal }))
  })

  test('misuse is refused at once, whatever the connection does', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network)
    const client = await world.client(peer.connectString)
    expect(await failureOf(client.get('/a', { timeoutMs: -1 }))).toBeInstanceOf(RangeError)
    expect(await failureOf(client.get('/a', { timeoutMs: NaN }))).toBeInstanceOf(TypeError)
    expect(await failureOf(client.get('/a', { signal: {} as AbortSignal }))).toBeInstanceOf(TypeError)
    expect(await failureOf(client.get('a'))).toBeInstanceOf(TypeError)
    expect(await failureOf(client.delete('/a', { version: 2 ** 31 }))).toBeInstanceOf(RangeError)
    expect(await failureOf(client.set('/a', 5 as unknown as string))).toBeInstanceOf(TypeError)
    await world.pass(10)
    expect(peer.last.requests).toEqual([])
  })

  test('a generation that is over, or not there yet, is refused unsent', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, ANSWER)
    const client = await world.client(peer.connectString)
    await world.until(client.exists('/a', { generation: 1 }))
    for (const generation of [0, 2]) {
      expect(await failureOf(client.exists('/b', { generation }))).toMatchObject({ code: 'SESSION_EXPIRED' })
    }
    expect(peer.last.requests).toHaveLength(1)
  })
})

describe('bounds', () => {
  test('a request of exactly maxRequestBytes is sent, one byte more is refused', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, ANSWER)
    const client = await world.client(peer.connectString, { maxRequestBytes: 1_000 })
    // Header 8, path 4 + 2, data 4 + n, version 4.
    const most = 1_000 - 8 - 6 - 4 - 4
    await world.until(client.set('/a', Buffer.alloc(most)))
    const error = await failureOf(client.set('/a', Buffer.alloc(most + 1)))
    expect(error).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'rejected' })
    await cut(world, peer, client)
    expect(await failureOf(client.set('/a', Buffer.alloc(most + 1)))).toMatchObject({
      code: 'REQUEST_TOO_LARGE',
    })
    await world.until(client.set('/a', Buffer.alloc(most)))
  })

  test('pending bytes are bounded with and without a connection, and come free again', async () => {
    await using world = new World()
    let answers = false
    await using peer = await ScriptedPeer.start(
      world.network,
      answeringWhile(() => answers),
    )
    const client = await world.client(peer.connectString, { maxPendingBytes: 10_000 })
    const fill = async (): Promise<number> => {
      let made = 0
      for (;;) {
        const call = watched(client.exists(`/${'x'.repeat(900)}`))
        await Promise.resolve()
        await world.pass(0)
        if (call.settled) {
          expect(call.error).toMatchObject({ code: 'PENDING_LIMIT', outcome: 'rejected' })
          return made
        }
        if (++made > 20) throw new Error('no bound')
      }
    }
    expect(await fill()).toBe(9)
    await cut(world, peer, client)
    expect(await fill()).toBe(0)
    answers = true
    await world.untilTrue(() => client.state === 'connected')
    await world.pass(20)
    answers = false
    expect(await fill()).toBe(9)
  })

  test('a hundred thousand waiting requests that time out together do not hold up the process', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network)
    const client = await world.client(peer.connectString)
    await cut(world, peer, client)
    await peer[Symbol.asyncDispose]()
    // Node itself is slow with very many listeners on one signal: a thousand each.
    const controllers = Array.from({ length: 100 }, () => new AbortController())
    const calls = controllers.flatMap(({ signal }) => {
      setMaxListeners(0, signal)
      return Array.from({ length: 1_000 }, async () => client.exists('/a', { signal }))
    })
    const all = Promise.allSettled(calls)
    const before = process.cpuUsage()
    for (const controller of controllers) controller.abort()
    await all
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(4)
  })
})

describe('close', () => {
  test('what is in flight is answered, what waits is refused, and later calls too', async () => {
    await using world = new World()
    await using server = await world.server()
    const client = await world.client(server.connectString)
    const inFlight = client.create('/a')
    const closing = client.close()
    const later = watched(client.exists('/a'))
    expect(await world.until(inFlight)).toMatchObject({ path: '/a' })
    await world.until(closing)
    expect(later.error).toMatchObject({ code: 'CLOSED', terminal: true })
    const calls = [client.exists('/a'), client.create('/b'), client.transaction().check('/a').commit()]
    const after = calls.map((call) => watched<unknown>(call))
    await world.pass(0)
    for (const { error } of after) expect(error).toMatchObject({ code: 'CLOSED', terminal: true })
    expect(server.control.sessions()).toEqual([])
    const suspended = await world.client(server.connectString)
    await world.until(server.stop())
    await world.untilTrue(() => suspended.state === 'suspended')
    const waiting = watched(suspended.exists('/a'))
    await world.until(suspended.close())
    await world.pass(0)
    expect(waiting.error).toMatchObject({ code: 'CLOSED' })
    await world.until(server.start())
  })
})

test('in any mix of cuts, aborts and limits every call settles once and order is kept', async () => {
  const action = fc.record({
    kind: fc.constantFrom('read', 'write', 'cut', 'pass', 'stall', 'abort', 'mute', 'speak'),
    ms: fc.nat(3_000),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      await using world = new World()
      let speaks = true
      const seen: string[] = []
      await using peer = await ScriptedPeer.start(world.network, {
        request: (request, at) => {
          if (request.opcode === OpCode.closeSession) return at.reply(request.xid)
          seen.push(pathOf(request))
          if (speaks) at.reply(request.xid, { body: EXISTS })
        },
      })
      const client = await world.client(peer.connectString)
      const calls: Promise<unknown>[] = []
      let controller = new AbortController()
      let made = 0
      for (const { kind, ms } of actions) {
        const options = { signal: controller.signal, ...(ms % 3 === 0 ? { timeoutMs: ms } : {}) }
        if (kind === 'read') calls.push(client.exists(`/r${made++}`, options))
        else if (kind === 'write') calls.push(client.set(`/w${made++}`, 'x', options))
        else if (kind === 'cut') peer.last.connection.destroy()
        else if (kind === 'pass') await world.pass(ms)
        else if (kind === 'stall') await world.clock.stall(ms * 5)
        else if (kind === 'mute') speaks = false
        else if (kind === 'speak') speaks = true
        else {
          controller.abort(new Error('given up'))
          controller = new AbortController()
        }
        for (const call of calls) call.catch(() => undefined)
      }
      speaks = true
      // What was never answered is asked again.
      peer.last.connection.destroy()
      await world.until(Promise.allSettled(calls))
      // No write was sent twice.
      const writes = seen.filter((path) => path.startsWith('/w'))
      expect(new Set(writes).size).toBe(writes.length)
      await world.until(client.close())
    }),
    { numRuns: Number(process.env['LATCHKEY_REQUEST_RUNS'] ?? 60) },
  )
})
