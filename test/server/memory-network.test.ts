import { expect, test } from 'vitest'
import { beginFrame, endFrame } from '../../src/codec/frame.js'
import { Reader } from '../../src/codec/reader.js'
import { Writer } from '../../src/codec/writer.js'
import { connectReply, connectRequest } from '../../src/protocol/records.js'
import { seededRandom } from '../../src/runtime/random.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import { startServer } from '../../src/server/index.js'
import { MemoryNetwork } from '../../src/transport/memory.js'

const handshake = ((): Buffer => {
  const writer = new Writer()
  const start = beginFrame(writer)
  const password = Buffer.alloc(16)
  connectRequest.write(writer, {
    protocolVersion: 0,
    lastZxidSeen: 0n,
    timeoutMs: 4_000,
    sessionId: 0n,
    password,
    readOnly: false,
  })
  endFrame(writer, start)
  return writer.copy()
})()

/** One session from its handshake to its expiry, as what the client saw when. */
async function life(): Promise<readonly string[]> {
  const clock = new VirtualClock()
  const network = new MemoryNetwork(clock, { latencyMs: () => 5 })
  const seen: string[] = []
  {
    await using server = await startServer({
      runtime: { clock, random: seededRandom(3) },
      acceptor: network,
      tickTimeMs: 1_000,
    })
    const { host, port } = server
    const connection = network.dial(
      { hostName: host, address: host, port },
      {
        open: () => connection.write(handshake),
        data: (chunk) => {
          const { timeoutMs, sessionId, password } = connectReply.read(new Reader(chunk.subarray(4)))
          seen.push(`${clock.now()} ${timeoutMs} ${sessionId} ${Buffer.from(password ?? []).toString('hex')}`)
        },
        drain: () => undefined,
        close: () => seen.push(`${clock.now()} closed`),
      },
    )
    await clock.advance(10_000)
    expect(server.control.sessions()).toEqual([])
  }
  expect(network.openEnds).toBe(0)
  expect(clock.pending).toBe(0)
  return seen
}

test('on a network in memory and a virtual clock, a session’s life is the same each time', async () => {
  const seen = await life()
  expect(seen[0]).toMatch(/^20 4000 /)
  expect(seen.slice(1)).toEqual(['5005 closed'])
  expect(await life()).toEqual(seen)
})
