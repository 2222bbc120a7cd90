/**
 * Connections over TLS. Secure by default: TLS 1.2 or newer, the certificate verified, and its name checked against
 * the host name of the connect string (never against a name found by reverse look-up).
 */
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { connect } from 'node:tls'
import { SocketConnection } from './socket-connection.js'
import { resolveHost } from './tcp.js'
import type { Connection, ConnectionEvents, Endpoint, Transport } from './transport.js'

/** What is passed on to Node's `tls.connect`; see its documentation. */
export type TlsOptions = Pick<
  ConnectionOptions,
  | 'ca'
  | 'cert'
  | 'key'
  | 'pfx'
  | 'passphrase'
  | 'servername'
  | 'ciphers'
  | 'minVersion'
  | 'maxVersion'
  | 'rejectUnauthorized'
  | 'checkServerIdentity'
>

export function tlsTransport(options: TlsOptions): Transport {
  return {
    resolve: resolveHost,
    dial(endpoint: Endpoint, events: ConnectionEvents & { open(): void }): Connection {
      const socket = connect({
        minVersion: 'TLSv1.2',
        // The name to verify: an address literal is checked against the certificate's IP entries, without SNI.
        ...(isIP(endpoint.hostName) === 0 ? { servername: endpoint.hostName } : {}),
        ...options,
        host: endpoint.address,
        port: endpoint.port,
      })
      socket.once('secureConnect', () => events.open())
      return new SocketConnection(socket, endpoint.address).start(events)
    },
  }
}
