/**
 * A connected socket of Node, plain or TLS, as a {@link Connection}. Both ends share it: the client's dialler and the
 * server's acceptor.
 *
 * Invariants: `close` is called exactly once and last; nothing is called back after `destroy()`; a socket error never
 * becomes an unhandled `'error'` event, not even one that comes after `destroy()`.
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Connection, ConnectionEvents } from './transport.js'

const MAPPED = '::ffff:'

/** An address as it is compared and shown: an IPv4 address that came in over IPv6 in its IPv4 form, no zone. */
export function plainAddress(address: string): string {
  const bare = address.toLowerCase().startsWith(MAPPED) ? address.slice(MAPPED.length) : address
  const zone = bare.indexOf('%')
  return zone === -1 ? bare : bare.slice(0, zone)
}

/** True for the addresses that never leave this machine. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address)
  return plain === '::1' || /^127\.\d+\.\d+\.\d+$/.test(plain)
}

export class SocketConnection implements Connection {
  readonly remoteAddress: string
  readonly loopback: boolean
  readonly encrypted: boolean
  readonly #socket: Socket
  #events: ConnectionEvents | undefined
  #error: Error | undefined

  /**
   * @param socket - connected, or (then say to which `address`) about to be.
   * @param address - the peer's address, if the socket does not know it yet.
   */
  constructor(socket: Socket, address = socket.remoteAddress ?? '') {
    this.#socket = socket
    this.remoteAddress = plainAddress(address)
    this.loopback = isLoopback(address)
    this.encrypted = socket instanceof TLSSocket
    // A request is a small packet that somebody waits for: never held back to fill a segment.
    socket.setNoDelay(true)
    socket.on('error', (error: Error) => {
      this.#error = error
    })
    socket.on('close', () => {
      const events = this.#events
      this.#events = undefined
      events?.close(this.#error)
    })
  }

  /** Begins to deliver what the socket has to say. Call it once, in the tick in which the connection was made. */
  start(events: ConnectionEvents): this {
    this.#events = events
    this.#socket.on('data', (chunk: Buffer) => this.received(chunk))
    this.#socket.on('drain', () => this.#events?.drain())
    return this
  }

  /** Delivers bytes that did not come as the socket's `data`. */
  received(chunk: Buffer): void {
    this.#events?.data(chunk)
  }

  get buffered(): number {
    return this.#socket.writableLength
  }

  write(bytes: Buffer): boolean {
    return this.#socket.writable && this.#socket.write(bytes)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#events = undefined
    this.#socket.destroy()
  }
}
