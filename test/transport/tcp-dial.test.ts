import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Connection } from '../../src/transport/transport.js'
import { tcpTransport } from '../../src/transport/tcp.js'
import { deferred } from '../../src/runtime/deferred.js'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close()
    await once(server, 'close')
  }
})

/** A connection, what it was told, and the server's end of it. */
async function dialled(onData: (chunk: Buffer, connection: Connection) => void = () => undefined) {
  const server = createServer()
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const closed = deferred<Error | undefined>()
  const opened = deferred<undefined>()
  let closes = 0
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as AddressInfo
  const connection = tcpTransport.dial(
    { hostName: 'localhost', address: '127.0.0.1', port },
    {
      open: () => opened.resolve(undefined),
      data: (chunk) => onData(chunk, connection),
      drain: () => undefined,
      close: (error) => {
        closes++
        closed.resolve(error)
      },
    },
  )
  await opened.promise
  const [socket] = await accepted
  socket.on('error', () => undefined)
  return { connection, socket, closed: closed.promise, closes: () => closes }
}

/** A connection, the server's end of it, and all that it is told once it has so many bytes. */
async function collecting(bytes: number) {
  const chunks: Buffer[] = []
  let length = 0
  const received = deferred<Buffer>()
  const { connection, socket } = await dialled((chunk) => {
    chunks.push(Buffer.from(chunk))
    length += chunk.length
    if (length === bytes) received.resolve(Buffer.concat(chunks))
  })
  return { connection, socket, received: received.promise }
}

test('connections that are read at the same time get their own bytes, each', async () => {
  const patterns = [7, 31, 113].map((step) =>
    Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * step) & 0xff)),
  )
  const received = await Promise.all(
    patterns.map(async (sent) => {
      const { connection, socket, received } = await collecting(sent.length)
      // In pieces, so that the connections take turns.
      for (let at = 0; at < sent.length; at += 10_000) socket.write(sent.subarray(at, at + 10_000))
      const bytes = await received
      connection.destroy()
      return bytes
    }),
  )
  expect(received.map((bytes, index) => bytes.equals(patterns[index]!))).toEqual([true, true, true])
})

test('bytes of many chunks arrive whole and in order', async () => {
  const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 31) & 0xff))
  const { connection, socket, received } = await collecting(sent.length)
  socket.write(sent)
  expect((await received).equals(sent)).toBe(true)
  connection.destroy()
})

test('the end of the peer closes the connection, once and without an error', async () => {
  const { socket, closed, closes } = await dialled()
  socket.end('last words')
  expect(await closed).toBeUndefined()
  expect(closes()).toBe(1)
})

test('a reset closes the connection with its error', async () => {
  const { socket, closed } = await dialled()
  socket.resetAndDestroy()
  expect(await closed).toMatchObject({ code: 'ECONNRESET' })
})

test('a connection that is destroyed while it is given bytes hears of nothing more', async () => {
  let calls = 0
  const { socket, closes } = await dialled((_, connection) => {
    calls++
    connection.destroy()
  })
  socket.write(Buffer.alloc(500_000))
  // Not `once`, which would reject with the reset that the server may see.
  await new Promise<unknown>((resolve) => socket.once('close', resolve))
  expect(calls).toBe(1)
  expect(closes()).toBe(0)
})

test('a paused connection delivers nothing until it is resumed', async () => {
  const seen: string[] = []
  const first = deferred<undefined>()
  const second = deferred<undefined>()
  const { connection, socket } = await dialled((chunk, self) => {
    seen.push(chunk.toString())
    if (seen.length === 1) {
      self.pause()
      first.resolve(undefined)
    } else second.resolve(undefined)
  })
  socket.write('one')
  await first.promise
  await new Promise<void>((resolve) => socket.write('two', () => resolve()))
  // What was under way has arrived once a second connection has made a round trip behind it.
  const other = await dialled()
  other.connection.write(Buffer.from('ping'))
  await once(other.socket, 'data')
  expect(seen).toEqual(['one'])
  connection.resume()
  await second.promise
  expect(seen).toEqual(['one', 'two'])
  connection.destroy()
  other.connection.destroy()
})
