/** Whatever a server sends: the connection ends, the client comes back, the process stays. */
import { describe, expect, test } from 'vitest'
import type { Client } from 'latchkey'
import { connectReply, getDataReply } from '../../src/protocol/records.js'
import { seededRandom, type Random } from '../../src/runtime/random.js'
import { OpCode } from '../../src/protocol/constants.js'
import { STAT } from '../support/answering-peer.js'
import { encode, eventFrame, frameOf, replyFrame, ScriptedPeer } from '../support/scripted-peer.js'
import { holdings } from '../support/holdings.js'
import { silent, watched, World } from '../support/world.js'

const BODY = encode(getDataReply, { data: Buffer.from('abc'), stat: { ...STAT, dataLength: 3 } })

function int(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeInt32BE(value)
  return out
}

/** Says `bytes` instead of the first reply, and answers properly on every later connection. */
async function answeredWith(
  bytes: (xid: number) => Buffer,
): Promise<{ error: unknown; reconnected: boolean }> {
  await using world = new World()
  let first = true
  await using peer = await ScriptedPeer.start(world.network, {
    request(request, at) {
      if (request.opcode !== OpCode.getData) return at.reply(request.xid)
      const hostile = first
      first = false
      at.raw(hostile ? bytes(request.xid) : replyFrame(request.xid, { body: BODY }))
    },
  })
  const client = await world.client(peer.connectString)
  const read = watched(client.get('/a'))
  await world.untilTrue(() => read.settled)
  const again = await world.until(client.get('/a'))
  expect(again.data.toString()).toBe('abc')
  await world.until(client.close())
  return { error: read.error, reconnected: peer.connections.length > 1 }
}

describe('a reply that can not be right ends the connection, and the client comes back', () => {
  const cut = replyFrame(1, { body: BODY })
  test.each<[string, (xid: number) => Buffer]>([
    ['a negative length', () => int(-2)],
    ['a length of 2 GiB', () => int(0x7fffffff)],
    ['one byte over the cap', () => int(16 * 1024 * 1024 + 1)],
    ['an empty frame', () => int(0)],
    ['a frame shorter than a header', () => frameOf(Buffer.alloc(7))],
    ['the reply to another request', (xid) => replyFrame(xid + 1, { body: BODY })],
    ['a reply to nothing', () => replyFrame(0x7fffffff)],
    ['xid 0', () => replyFrame(0)],
    ['an auth answer that was not asked for', () => replyFrame(-4)],
    ['a set-watches answer that was not asked for', () => replyFrame(-8)],
    ['an event cut short', () => frameOf(eventFrame(1, '/a').subarray(4, 26))],
  ])('%s', async (_, bytes) => {
    const { error, reconnected } = await answeredWith(bytes)
    expect(reconnected).toBe(true)
    // It was a read: it is asked again, and nobody notices.
    expect(error).toBeUndefined()
  })

  test.each<[string, (xid: number) => Buffer]>([
    ['cut short', (xid) => replyFrame(xid, { body: BODY.subarray(0, 20) })],
    ['a buffer longer than the frame', (xid) => replyFrame(xid, { body: Buffer.concat([int(1_000), BODY]) })],
    ['a buffer of length −7', (xid) => replyFrame(xid, { body: Buffer.concat([int(-7), BODY]) })],
  ])('a body that can not be decoded (%s) rejects the call with it', async (_, bytes) => {
    const { error, reconnected } = await answeredWith(bytes)
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR' })
    expect(reconnected).toBe(true)
  })

  test('a code that nobody knows is a typed error, and no reason to reconnect', async () => {
    const { error, reconnected } = await answeredWith((xid) => replyFrame(xid, { err: -9_999 }))
    expect(error).toMatchObject({ code: 'UNKNOWN_SERVER_ERROR', outcome: 'unknown', path: '/a' })
    expect(reconnected).toBe(false)
  })

  test('one byte at a time is as good as all at once', async () => {
    await using world = new World()
    const drip = (bytes: Buffer, say: (part: Buffer) => void): void => {
      for (const byte of bytes) say(Buffer.from([byte]))
    }
    await using peer = await ScriptedPeer.start(world.network, {
      request: (request, at) => drip(replyFrame(request.xid, { body: BODY }), (part) => at.raw(part)),
    })
    const client = await world.client(peer.connectString)
    const all = await world.until(Promise.all(Array.from({ length: 20 }, async () => client.get('/a'))))
    expect(all.every(({ data }) => data.toString() === 'abc')).toBe(true)
    expect(peer.connections).toHaveLength(1)
    cut.fill(0)
  })
})

describe('handshakes', () => {
  test.each<[string, Buffer]>([
    ['an empty frame', int(0)],
    ['a cut record', frameOf(Buffer.alloc(10))],
    [
      'a password longer than the frame',
      frameOf(Buffer.concat([int(0), int(5_000), Buffer.alloc(8, 1), int(99)])),
    ],
    ['a negative timeout', frameOf(encode(connectReply, { ...refusal(), timeoutMs: -5 }))],
    ['session id 0', frameOf(encode(connectReply, { ...refusal(), sessionId: 0n }))],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('%s: refused, tried again after a pause', async (_, bytes) => {
    await using world = new World()
    let hostile = true
    await using peer = await ScriptedPeer.start(world.network, {
      handshake(_request, at) {
        if (!hostile) return {}
        at.raw(bytes)
        return undefined
      },
    })
    const attempt = watched(world.connecting(peer.connectString))
    await world.pass(2_000)
    expect(attempt.settled).toBe(false)
    expect(peer.connections.length).toBeGreaterThan(2)
    expect(peer.connections.length).toBeLessThan(15)
    hostile = false
    await world.untilTrue(() => attempt.settled)
    expect(attempt.error).toBeUndefined()
  })

  test('a reply without its last byte (read-only flag) is one of an old server', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, {
      handshake(request, at) {
        const whole = encode(connectReply, { ...refusal(), timeoutMs: request.timeoutMs })
        at.raw(frameOf(whole.subarray(0, whole.length - 1)))
        return undefined
      },
    })
    expect((await world.client(peer.connectString)).state).toBe('connected')
  })
})

function refusal(): {
  protocolVersion: number
  timeoutMs: number
  sessionId: bigint
  password: Buffer
  readOnly: boolean
} {
  return { protocolVersion: 0, timeoutMs: 6_000, sessionId: 9n, password: Buffer.alloc(16), readOnly: false }
}

/** A frame as a broken or evil server might send it. */
function fuzzed(random: Random, xid: number): Buffer {
  const choice = Math.floor(random.next() * 6)
  if (choice === 0) return random.bytes(1 + Math.floor(random.next() * 64))
  if (choice === 1) return frameOf(random.bytes(Math.floor(random.next() * 200)))
  if (choice === 2) return replyFrame(xid, { body: random.bytes(Math.floor(random.next() * 120)) })
  if (choice === 3)
    return frameOf(
      Buffer.concat([int([-1, -2, -4, -8][Math.floor(random.next() * 4)] ?? -1), random.bytes(40)]),
    )
  const good = replyFrame(xid, { body: BODY })
  if (choice === 4) return good.subarray(0, Math.floor(random.next() * good.length))
  for (let i = 0; i < 3; i++) good[Math.floor(random.next() * good.length)] = Math.floor(random.next() * 256)
  return good
}

const FRAMES = Number(process.env['LATCHKEY_FUZZ_FRAMES'] ?? 3_000)
const SEED = Number(process.env['LATCHKEY_SEED'] ?? 5)

test(`${FRAMES} random and mutated frames: the client lives, and works when the server does (seed ${SEED})`, async () => {
  await using world = new World()
  const random = seededRandom(SEED)
  let frames = 0
  await using peer = await ScriptedPeer.start(world.network, {
    request(request, at) {
      if (request.opcode === OpCode.closeSession) return at.reply(request.xid)
      if (frames >= FRAMES) return at.raw(replyFrame(request.xid, { body: BODY }))
      frames++
      at.raw(fuzzed(random, request.xid))
    },
  })
  const client: Client = await world.client(peer.connectString, { maxBackOffMs: 5, logger: silent })
  const started = holdings().heapBytes
  while (frames < FRAMES) {
    const calls = Array.from({ length: 4 }, async () =>
      client.get('/a', { watch: () => undefined, timeoutMs: 200 }),
    )
    await world.until(Promise.allSettled(calls))
    // What the peer remembers is not what is measured.
    peer.connections.splice(0)
  }
  const last = await world.until(client.get('/a'))
  expect(last.data.toString()).toBe('abc')
  expect(holdings().heapBytes - started).toBeLessThan(5 * 1024 * 1024)
}, 600_000)
