/**
 * A server that says what a test tells it to, byte by byte: for replies that no real server gives. It reads the
 * client's frames, and by default answers handshakes and pings so that a script can begin where it gets interesting.
 */
import { beginFrame, endFrame, FrameSplitter } from '../../src/codec/frame.js'
import { Reader } from '../../src/codec/reader.js'
import { Writer } from '../../src/codec/writer.js'
import type { Codec } from '../../src/codec/codec.js'
import { OpCode, Xid } from '../../src/protocol/constants.js'
import {
  connectReply,
  connectRequest,
  replyHeader,
  watcherEvent,
  type ConnectRequest,
} from '../../src/protocol/records.js'
import type { Acceptor, Connection, Listener } from '../../src/transport/transport.js'

export interface PeerRequest {
  readonly xid: number
  readonly opcode: number
  readonly body: Buffer
}

export interface PeerConnection {
  readonly connection: Connection
  readonly handshake: ConnectRequest
  /** Frames after the handshake, pings left out. */
  readonly requests: PeerRequest[]
  /** Chunks as they came: one write of the client each, on the in-memory network. */
  readonly chunks: Buffer[]
  closed: boolean
  /** Any bytes. */
  raw(bytes: Uint8Array): void
  /** A whole reply: header, and a body if there is one. */
  reply(xid: number, options?: ReplyOptions): void
  event(type: number, path: string, zxid?: bigint): void
}

export interface Script {
  /** Instead of a handshake that opens or resumes a session. Return undefined to say nothing. */
  handshake?(request: ConnectRequest, peer: PeerConnection): Partial<ReplyFields> | undefined
  /** Each request but pings. Default: silence. */
  request?(request: PeerRequest, peer: PeerConnection): void
  /** Default: answered. */
  ping?(peer: PeerConnection): void
}

export interface ReplyFields {
  readonly timeoutMs: number
  readonly sessionId: bigint
  readonly password: Buffer
  readonly readOnly: boolean
}

export function encode<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new Writer()
  codec.write(writer, value)
  return writer.copy()
}

export function frameOf(body: Uint8Array): Buffer {
  const writer = new Writer()
  const start = beginFrame(writer)
  writer.raw(body)
  endFrame(writer, start)
  return writer.copy()
}

export interface ReplyOptions {
  readonly zxid?: bigint
  readonly err?: number
  readonly body?: Uint8Array
}

/** A whole reply: header, and a body if there is one. */
export function replyFrame(xid: number, { zxid = 1n, err = 0, body }: ReplyOptions = {}): Buffer {
  return frameOf(Buffer.concat([encode(replyHeader, { xid, zxid, err }), body ?? Buffer.alloc(0)]))
}

/** A notification; zxid −1, as servers before 3.9 send it. */
export function eventFrame(type: number, path: string, zxid = -1n): Buffer {
  return replyFrame(Xid.notification, { zxid, body: encode(watcherEvent, { type, state: 3, path }) })
}

const NOBODY: ConnectRequest = {
  protocolVersion: 0,
  lastZxidSeen: 0n,
  timeoutMs: 0,
  sessionId: 0n,
  password: Buffer.alloc(16),
  readOnly: false,
}

export class ScriptedPeer implements AsyncDisposable {
  readonly connections: PeerConnection[] = []
  readonly #listener: Listener
  readonly #script: Script
  #nextSession = 0x100n

  private constructor(listener: Listener, script: Script) {
    this.#listener = listener
    this.#script = script
  }

  static async start(
    acceptor: Acceptor,
    script: Script = {},
    at: { host?: string; port?: number } = {},
  ): Promise<ScriptedPeer> {
    const accepted: ((connection: Connection) => ReturnType<ScriptedPeer['accept']>)[] = []
    const listener = await acceptor.listen(
      { host: at.host ?? '127.0.0.1', port: at.port ?? 0 },
      (connection) => {
        const accept = accepted[0]
        if (accept === undefined) throw new Error('too early')
        return accept(connection)
      },
    )
    const peer = new ScriptedPeer(listener, script)
    accepted.push((connection) => peer.accept(connection))
    return peer
  }

  get connectString(): string {
    return `${this.#listener.host}:${this.#listener.port}`
  }

  /** The connection made last. */
  get last(): PeerConnection {
    const last = this.connections.at(-1)
    if (last === undefined) throw new Error('nobody has connected')
    return last
  }

  accept(connection: Connection): { data(chunk: Buffer): void; drain(): void; close(): void } {
    const splitter = new FrameSplitter(16 * 1024 * 1024)
    const peer = new Peer(connection)
    return {
      data: (chunk) => {
        // The one four-letter word that clients send: does this server take writes?
        if (!peer.shaken && chunk.toString('latin1') === 'isro') {
          const readOnly = this.#script.handshake?.(NOBODY, peer)?.readOnly === true
          return peer.raw(Buffer.from(readOnly ? 'ro' : 'rw'))
        }
        peer.chunks.push(Buffer.from(chunk))
        splitter.push(chunk, (frame) => {
          this.#frame(peer, Buffer.from(frame))
          return !peer.closed
        })
      },
      drain: () => undefined,
      close: () => void (peer.closed = true),
    }
  }

  #frame(peer: Peer, frame: Buffer): void {
    if (!peer.shaken) {
      peer.shaken = true
      peer.handshake = connectRequest.read(new Reader(frame))
      this.connections.push(peer)
      return this.#shake(peer)
    }
    const request: PeerRequest = {
      xid: frame.readInt32BE(0),
      opcode: frame.readInt32BE(4),
      body: frame.subarray(8),
    }
    if (request.opcode === OpCode.ping) {
      if (this.#script.ping === undefined) peer.reply(Xid.ping)
      else this.#script.ping(peer)
      return
    }
    peer.requests.push(request)
    this.#script.request?.(request, peer)
  }

  #shake(peer: Peer): void {
    const { handshake } = peer
    const custom: Partial<ReplyFields> | undefined =
      this.#script.handshake === undefined ? {} : this.#script.handshake(handshake, peer)
    if (custom === undefined) return
    const reply = {
      protocolVersion: 0,
      timeoutMs: handshake.timeoutMs,
      sessionId: handshake.sessionId === 0n ? this.#nextSession++ : handshake.sessionId,
      password: Buffer.alloc(16, 7),
      readOnly: false,
      ...custom,
    }
    peer.raw(frameOf(encode(connectReply, reply)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { connection } of this.connections) connection.destroy()
    await this.#listener[Symbol.asyncDispose]()
  }
}

class Peer implements PeerConnection {
  readonly connection: Connection
  readonly requests: PeerRequest[] = []
  readonly chunks: Buffer[] = []
  handshake!: ConnectRequest
  shaken = false
  closed = false

  constructor(connection: Connection) {
    this.connection = connection
  }

  raw(bytes: Uint8Array): void {
    this.connection.write(Buffer.from(bytes))
  }

  reply(xid: number, options: ReplyOptions = {}): void {
    this.raw(replyFrame(xid, options))
  }

  event(type: number, path: string, zxid = -1n): void {
    this.raw(eventFrame(type, path, zxid))
  }
}
