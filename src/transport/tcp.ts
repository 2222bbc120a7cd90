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

export const tcpTransport: Transport = {
  resolve: resolveHost,
  dial(endpoint: Endpoint, events: ConnectionEvents & { open(): void }): Connection {
    const socket = connect({ host: endpoint.address, port: endpoint.port })
    socket.once('connect', () => events.open())
    return new SocketConnection(socket, endpoint.address).start(events)
  },
}
