/** A way to a server that counts what passes, both ways. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface ByteCounter extends AsyncDisposable {
  readonly connectString: string
  bytes(): number
}

export async function countBytesTo(host: string, port: number): Promise<ByteCounter> {
  const sockets = new Set<Socket>()
  let total = 0
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      total += chunk.length
      to.write(chunk)
    })
    from.once('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    // What comes to an end here ends there too.
    from.on('error', () => undefined)
    sockets.add(from)
  }
  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ host, port, noDelay: true })
    pass(client, server)
    pass(server, client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    connectString: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    bytes: () => total,
    async [Symbol.asyncDispose]() {
      const closed = once(listener, 'close')
      listener.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
