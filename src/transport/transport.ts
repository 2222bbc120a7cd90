/**
 * What a byte stream to a peer can do. TCP, TLS and the in-memory network implement it; sessions and the embedded
 * server know nothing else, so that both run on a simulated network.
 */

/** One end of a connection. Nothing is called back after `destroy()`. */
export interface Connection {
  /** The peer's address, without its port. */
  readonly remoteAddress: string
  /** True if the bytes never leave this machine. */
  readonly loopback: boolean
  readonly encrypted: boolean
  /**
   * Queues bytes, which must not be changed afterwards. False: the peer is slow, wait for `drain` before queueing
   * much more.
   */
  write(bytes: Buffer): boolean
  /** Bytes that are queued and not yet handed to the peer. */
  readonly buffered: number
  /** Stops reading until `resume()`: back-pressure on the peer. */
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes at once. Idempotent. */
  destroy(): void
}

export interface ConnectionEvents {
  /** The chunk is valid only during the call: copy what is kept. */
  data(chunk: Buffer): void
  drain(): void
  /** Once, last: the connection is over, by whichever side. With the error if it did not end in order. */
  close(error?: Error): void
}

export interface Endpoint {
  /** Name to check a certificate against, and to show; not an address. */
  readonly hostName: string
  readonly address: string
  readonly port: number
}

export interface Transport {
  /** All addresses of a host name, v4 and v6; asked anew each time. */
  resolve(hostName: string): Promise<readonly string[]>
  /** Begins to connect; `open` comes before any `data`, or `close` comes instead. */
  dial(endpoint: Endpoint, events: ConnectionEvents & { open(): void }): Connection
}

export interface Listener extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Stops accepting; connections that are open stay. */
  close(): Promise<void>
}

/** Where an embedded server gets its connections from. `accept` gives the events for the new connection. */
export interface Acceptor {
  listen(
    options: { host: string; port: number },
    accept: (connection: Connection) => ConnectionEvents,
  ): Promise<Listener>
}
