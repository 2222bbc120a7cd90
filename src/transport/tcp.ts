/** Connections over plain TCP. */
import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { SocketConnection } from './socket-connection.js'
import type { Connection, ConnectionEvents, Endpoint, Transport } from './transport.js'

/** All addresses of a name, both families, in the order that the resolver gives them. An address is its own. */
export async function resolveHost(hostName: string): Promise<readonly string[]> {
  if (isIP(hostName) !== 0) return [hostName]
  const found = await lookup(hostName, { all: true, verbatim: true })
  return found.map((entry) => entry.address)
}

/**
 * Where all connections of the process read into, one after the other: what `data` is given is valid only during the call. A socket
 * would take 64 KiB for each chunk otherwise, and with a buffer of its own each connection kept as much.
 */
const inbox = Buffer.allocUnsafeSlow(65_536)

export const tcpTransport: Transport = {
  resolve: resolveHost,
  dial(endpoint: Endpoint, events: ConnectionEvents & { open(): void }): Connection {
    const callback = (bytes: number): boolean => {
      connection.received(inbox.subarray(0, bytes))
      return true
    }
    const socket = connect({
      host: endpoint.address,
      port: endpoint.port,
      onread: { buffer: inbox, callback },
    })
    socket.once('connect', () => events.open())
    const connection = new SocketConnection(socket, endpoint.address).start(events)
    return connection
  },
}
