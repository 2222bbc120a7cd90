/** Connections from the network: TCP, or TLS over it, behind the {@link Acceptor} interface. */
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { SocketConnection } from './socket-connection.js'
import type { Acceptor, Connection, ConnectionEvents, Listener } from './transport.js'

/** A server's side of TLS; PEM throughout. */
export interface ServerTls {
  readonly key: string | Buffer
  readonly cert: string | Buffer
  /** Who may sign client certificates. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** Ask clients for a certificate and refuse those without a valid one. Default false. */
  readonly requestCert?: boolean
}

// Half-open peers during a TLS handshake are bounded by this, not by the server's handshake limit.
const TLS_HANDSHAKE_MS = 10_000

function listenerOf(tls: ServerTls | undefined, onSocket: (socket: Socket) => void): Server {
  const options = { noDelay: true }
  if (tls === undefined) return createServer(options, onSocket)
  const { key, cert, ca, requestCert = false } = tls
  return createTlsServer(
    {
      ...options,
      key,
      cert,
      requestCert,
      rejectUnauthorized: requestCert,
      handshakeTimeout: TLS_HANDSHAKE_MS,
      minVersion: 'TLSv1.2',
      ...(ca === undefined
        ? {}
        : { ca: Array.isArray(ca) ? [...(ca as (string | Buffer)[])] : (ca as string) }),
    },
    onSocket,
  )
}

/** Accepts TCP connections; with `tls`, only encrypted ones. */
export function tcpAcceptor(tls?: ServerTls): Acceptor {
  return {
    async listen({ host, port }, accept: (connection: Connection) => ConnectionEvents): Promise<Listener> {
      const server = listenerOf(tls, (socket) => {
        const connection = new SocketConnection(socket)
        connection.start(accept(connection))
      })
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port }, () => {
          server.off('error', reject)
          // A single connection that can't be accepted (out of file descriptors) is not the end of the server.
          server.on('error', () => undefined)
          resolve()
        })
      })
      const address = server.address() as AddressInfo
      let closing: Promise<void> | undefined
      const close = (): Promise<void> =>
        (closing ??= new Promise<void>((resolve) => {
          server.close(() => resolve())
        }))
      return {
        host: address.address,
        port: address.port,
        // The port is free at once; those that are open end by themselves.
        close: () => {
          void close()
          return Promise.resolve()
        },
        [Symbol.asyncDispose]: close,
      }
    },
  }
}
