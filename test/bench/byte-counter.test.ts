import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { TestServer } from 'latchkey/testing'
import { expect, test } from 'vitest'
import { countBytesTo } from '../../bench/byte-counter.js'

test('bytes are counted both ways', async () => {
  await using server = await TestServer.start()
  await using counter = await countBytesTo(server.server.host, server.server.port)
  const [host, port] = counter.connectString.split(':')
  const socket = connect({ host: host!, port: Number(port) })
  socket.write('ruok')
  expect(await text(socket)).toBe('imok')
  if (!socket.closed) await once(socket, 'close')
  expect(counter.bytes()).toBe('ruokimok'.length)
})
