/**
 * A client of the bare protocol for tests of servers, embedded and real: sends records, reads replies and events, and
 * keeps the order in which all of it came. No watches, no reconnects, no opinion.
 */
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { FrameSplitter, beginFrame, endFrame } from '../../src/codec/frame.js'
import { Reader } from '../../src/codec/reader.js'
import { Writer } from '../../src/codec/writer.js'
import { OpCode, Xid } from '../../src/protocol/constants.js'
import type { OperationName, ReplyOf, RequestOf } from '../../src/protocol/operations.js'
import { operations } from '../../src/protocol/operations.js'
import type { ConnectReply } from '../../src/protocol/records.js'
import { connectReply, connectRequest, replyHeader, watcherEvent } from '../../src/protocol/records.js'
import type { Deferred } from '../../src/runtime/deferred.js'
import { deferred } from '../../src/runtime/deferred.js'

export interface RawReply<T = unknown> {
  readonly xid: number
  readonly zxid: bigint
  readonly err: number
  /** Undefined when `err` is not 0. */
  readonly body: T | undefined
}

export interface RawEvent {
  readonly type: number
  readonly state: number
  readonly path: string
  /** From the header: −1 before 3.9. */
  readonly zxid: bigint
}

export interface RawConnectOptions {
  readonly host?: string
  readonly port: number
  readonly timeoutMs?: number
  readonly sessionId?: bigint
  readonly password?: Uint8Array
  readonly lastZxidSeen?: bigint
  /** Undefined leaves the byte out, as 3.3 clients do. Default false. */
  readonly readOnly?: boolean | undefined
  /**
   * Default 1. A session that goes on must not use an xid again that may still be on its way: servers match what is
   * committed with what waits by session and xid alone.
   */
  readonly firstXid?: number
}

interface Pending {
  readonly xid: number
  readonly name: OperationName | undefined
  readonly reply: Deferred<RawReply>
}

/** The connection is over; what was waiting for an answer gets none. */
export class ConnectionEnded extends Error {
  constructor() {
    super('the server closed the connection')
  }
}

export class RawClient implements AsyncDisposable {
  readonly socket: Socket
  /** All that came, in order: the xid of each reply, and each event. */
  readonly arrivals: ({ readonly reply: number } | { readonly event: RawEvent })[] = []
  readonly events: RawEvent[] = []
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>
  isClosed = false
  readonly #splitter = new FrameSplitter(64 * 1024 * 1024)
  readonly #pending: Pending[] = []
  readonly #eventWaiters: (() => void)[] = []
  readonly #connected = deferred<ConnectReply | undefined>()
  #reply: ConnectReply | undefined
  #nextXid: number

  constructor(options: { host?: string; port: number; firstXid?: number }) {
    this.#nextXid = options.firstXid ?? 1
    this.socket = connect({ host: options.host ?? '127.0.0.1', port: options.port, noDelay: true })
    const closed = deferred<undefined>()
    this.closed = closed.promise
    this.socket.on('data', (chunk: Buffer) => this.#splitter.push(chunk, (frame) => this.#frame(frame)))
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.isClosed = true
      for (const { reply } of this.#pending.splice(0)) reply.reject(new ConnectionEnded())
      for (const wake of this.#eventWaiters.splice(0)) wake()
      this.#connected.resolve(undefined)
      closed.resolve(undefined)
    })
  }

  /** Connects and does the handshake. Rejects if the server closes instead of answering. */
  static async connect(options: RawConnectOptions): Promise<RawClient> {
    const client = new RawClient(options)
    const reply = await client.handshake(options)
    if (reply === undefined) throw new ConnectionEnded()
    return client
  }

  /** Undefined if the server closes instead of answering. */
  async handshake(options: Partial<RawConnectOptions> = {}): Promise<ConnectReply | undefined> {
    const writer = new Writer()
    const start = beginFrame(writer)
    connectRequest.write(writer, {
      protocolVersion: 0,
      lastZxidSeen: options.lastZxidSeen ?? 0n,
      timeoutMs: options.timeoutMs ?? 10_000,
      sessionId: options.sessionId ?? 0n,
      password: Buffer.from(options.password ?? Buffer.alloc(16)),
      readOnly: options.readOnly ?? false,
    })
    if ('readOnly' in options && options.readOnly === undefined) writer.offset -= 1
    endFrame(writer, start)
    this.socket.write(writer.copy())
    return this.#connected.promise
  }

  /** What the handshake was answered with. */
  get session(): ConnectReply {
    if (this.#reply === undefined) throw new Error('not connected')
    return this.#reply
  }

  /** Sends a request. Rejects with {@link ConnectionEnded} if no reply comes; an error code is no rejection. */
  async call<K extends OperationName>(
    name: K,
    request: RequestOf<(typeof operations)[K]>,
  ): Promise<RawReply<ReplyOf<(typeof operations)[K]>>> {
    const { code, request: codec } = operations[name]
    const body = new Writer()
    ;(codec as { write(writer: Writer, value: unknown): void }).write(body, request)
    const reply = await this.send(code, body.copy(), name)
    return reply as RawReply<ReplyOf<(typeof operations)[K]>>
  }

  /** As {@link call}; throws unless the server says that it is done. */
  async must<K extends OperationName>(
    name: K,
    request: RequestOf<(typeof operations)[K]>,
  ): Promise<ReplyOf<(typeof operations)[K]>> {
    const reply = await this.call(name, request)
    if (reply.err !== 0) throw new Error(`${name}: the server answered ${reply.err}`)
    return reply.body as ReplyOf<(typeof operations)[K]>
  }

  /** The error code alone. */
  async err<K extends OperationName>(name: K, request: RequestOf<(typeof operations)[K]>): Promise<number> {
    return (await this.call(name, request)).err
  }

  /** Sends any opcode with any body. */
  async send(code: number, body: Buffer, name?: OperationName): Promise<RawReply> {
    const xid = this.#xidOf(code)
    const writer = new Writer()
    const start = beginFrame(writer)
    writer.int(xid)
    writer.int(code)
    writer.raw(body)
    endFrame(writer, start)
    if (this.isClosed) throw new ConnectionEnded()
    this.socket.write(writer.copy())
    const reply = deferred<RawReply>()
    this.#pending.push({ xid, name, reply })
    return reply.promise
  }

  #xidOf(code: number): number {
    switch (code) {
      case OpCode.ping:
        return Xid.ping
      case OpCode.auth:
        return Xid.auth
      case OpCode.setWatches:
      case OpCode.setWatches2:
        return Xid.setWatches
      default:
        return this.#nextXid++
    }
  }

  /** Resolves with the first `count` events, as soon as that many have come. */
  async eventsUpTo(count: number): Promise<readonly RawEvent[]> {
    while (this.events.length < count) {
      if (this.isClosed) throw new ConnectionEnded()
      await new Promise<void>((resolve) => void this.#eventWaiters.push(resolve))
    }
    return this.events.slice(0, count)
  }

  /** Ends the session and waits for the end of the connection. */
  async closeSession(): Promise<void> {
    if (!this.isClosed) await this.call('closeSession', undefined).catch(() => undefined)
    this.socket.destroy()
    await this.closed
  }

  /** Cuts the connection; the session stays. */
  async drop(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop()
  }

  #frame(frame: Buffer): boolean {
    const reader = new Reader(frame)
    if (this.#reply === undefined) {
      this.#reply = connectReply.read(reader)
      this.#connected.resolve(this.#reply)
      return true
    }
    const header = replyHeader.read(reader)
    if (header.xid === Xid.notification) {
      const event = { ...watcherEvent.read(reader), zxid: header.zxid }
      this.arrivals.push({ event })
      this.events.push(event)
      for (const wake of this.#eventWaiters.splice(0)) wake()
      return true
    }
    this.arrivals.push({ reply: header.xid })
    const pending = this.#pending.shift()
    // To what a test wrote by hand, on the socket.
    if (pending === undefined) return true
    if (pending.xid !== header.xid) throw new Error(`reply to ${header.xid}, expected ${pending.xid}`)
    const codec = pending.name === undefined ? undefined : operations[pending.name].reply
    const body: unknown = header.err === 0 ? codec?.read(reader) : undefined
    pending.reply.resolve({ ...header, body })
    return true
  }
}

/** Sends a four-letter word and returns all that comes back. */
export async function fourLetterWord(word: string, port: number, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => void socket.write(word))
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

/** The ACL that allows anyone anything, as a record. */
export const openAcl = [{ perms: 31, identity: { scheme: 'world', id: 'anyone' } }]
