/**
 * One connection to one server: frames out, frames in, and which reply belongs to which request. It lives from dial
 * to loss and is never used again.
 *
 * Non-obvious:
 * - All requests of a tick go out in one write; their common send time is what proves a session alive when answered.
 * - Replies come in the order of the requests. A reply out of order, or any bytes that can't be right, end the link.
 * - Numbers go on from one link of a client to the next: see `xid-counter.ts`.
 * - Pings, auth packets, set-watches and notifications have xids of their own and stand outside that order.
 */
import { ConnectionLossError, ProtocolError, ZkError } from '../api/errors.js'
import { beginFrame, endFrame, FrameSplitter } from '../codec/frame.js'
import { Reader } from '../codec/reader.js'
import { Writer } from '../codec/writer.js'
import { OpCode, Xid } from '../protocol/constants.js'
import { operations } from '../protocol/operations.js'
import type { ConnectReply, ConnectRequest, SetWatches2 } from '../protocol/records.js'
import { connectReply, connectRequest, replyHeader, watcherEvent } from '../protocol/records.js'
import { errorOfResult } from '../protocol/result-codes.js'
import type { Clock } from '../runtime/clock.js'
import type { Deferred } from '../runtime/deferred.js'
import { deferred } from '../runtime/deferred.js'
import type { Connection, Endpoint, Transport } from '../transport/transport.js'
import type { Batch, Entry } from './pending.js'
import { Fifo } from './pending.js'
import type { XidCounter } from './xid-counter.js'

export interface LinkEvents {
  opened(): void
  /** Before any frame of a chunk is looked at; false: the link has been dropped meanwhile. */
  heard(now: number): boolean
  handshake(reply: ConnectReply): void
  notification(type: number, path: string, zxid: bigint): void
  reply(entry: Entry, err: number, zxid: bigint, reader: Reader): void
  /** The newest request that the server has answered was sent at this time. */
  proven(sentAt: number): void
  /** The peer is gone, or said what it can't: once, last. Not called for `destroy()`. */
  lost(error: Error | undefined): void
}

/** Less than any answer to a handshake: a server that makes no session says why in a reply's header alone. */
const REPLY_HEADER_BYTES = 16
const HANDOVER_BYTES = 32_768

export class Link {
  readonly endpoint: Endpoint
  heardAt: number
  sentAt: number
  /** Set while the link's frames are requests, not the handshake. */
  #shaken = false
  #dead = false
  #flushing = false
  #batch: Batch = { sentAt: 0 }
  #writer = new Writer(4096)
  readonly #reader = new Reader(Buffer.alloc(0))
  readonly #splitter: FrameSplitter
  readonly #inFlight = new Fifo<Entry>()
  readonly #pings = new Fifo<Batch>()
  readonly #auths = new Fifo<Deferred<number>>()
  readonly #watchSets = new Fifo<Deferred<number>>()
  readonly #clock: Clock
  readonly #xids: XidCounter
  readonly #events: LinkEvents
  readonly #connection: Connection

  constructor(
    transport: Transport,
    endpoint: Endpoint,
    options: { clock: Clock; maxFrameBytes: number; xids: XidCounter },
    events: LinkEvents,
  ) {
    this.endpoint = endpoint
    this.#clock = options.clock
    this.#xids = options.xids
    this.heardAt = this.sentAt = options.clock.now()
    this.#splitter = new FrameSplitter(options.maxFrameBytes)
    this.#events = events
    this.#connection = transport.dial(endpoint, {
      open: () => {
        this.heardAt = this.#clock.now()
        events.opened()
      },
      data: (chunk) => this.#onData(chunk),
      drain: () => undefined,
      close: (error) => this.#fail(error),
    })
  }

  get secure(): boolean {
    return this.#connection.encrypted || this.#connection.loopback
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  sendConnect(request: ConnectRequest): void {
    const start = beginFrame(this.#writer)
    connectRequest.write(this.#writer, request)
    endFrame(this.#writer, start)
    this.#scheduleFlush()
  }

  /**
   * Encodes and queues a request. Throws, and queues nothing, if it is larger than `maxBytes`; false, and nothing
   * queued, if it takes more than `room`.
   */
  send(entry: Entry, maxBytes: number, room: number): boolean {
    entry.xid = this.#xids.take()
    if (entry.frame === undefined) {
      entry.bytes = encodeRequest(this.#writer, entry.xid, entry.operation, entry.request, maxBytes)
      if (entry.bytes > room) {
        this.#writer.offset -= entry.bytes
        return false
      }
    } else {
      entry.frame.writeInt32BE(entry.xid, 4)
      this.#writer.raw(entry.frame)
      entry.frame = undefined
    }
    entry.batch = this.#batch
    this.#inFlight.push(entry)
    this.#scheduleFlush()
    return true
  }

  ping(): void {
    encodeRequest(this.#writer, Xid.ping, operations.ping, undefined, Infinity)
    this.#pings.push(this.#batch)
    this.#scheduleFlush()
  }

  /** Resolves with the server's result code. Rejects with `ConnectionLossError` when the link is destroyed. */
  async authenticate(scheme: string, auth: Buffer): Promise<number> {
    encodeRequest(this.#writer, Xid.auth, operations.auth, { type: 0, scheme, auth }, Infinity)
    return this.#control(this.#auths)
  }

  async setWatches(lists: SetWatches2): Promise<number> {
    const persistent = lists.persistentWatches.length + lists.persistentRecursiveWatches.length > 0
    const operation: Encodable = persistent ? operations.setWatches2 : operations.setWatches
    encodeRequest(this.#writer, Xid.setWatches, operation, lists, Infinity)
    return this.#control(this.#watchSets)
  }

  async #control(waiting: Fifo<Deferred<number>>): Promise<number> {
    const answer = deferred<number>()
    waiting.push(answer)
    this.#scheduleFlush()
    return answer.promise
  }

  /**
   * Ends the link without a word to its owner; gives the requests that were not answered, oldest first. Those that
   * never went to the socket have their `frame` back.
   */
  destroy(): Entry[] {
    this.#dead = true
    this.#connection.destroy()
    for (const control of [this.#auths, this.#watchSets])
      for (const answer of control.drain()) answer.reject(new ConnectionLossError('the connection was lost'))
    const entries = this.#inFlight.drain()
    this.#unsend(entries)
    return entries
  }

  /** Gives each request that is still in the writer its frame. */
  #unsend(entries: readonly Entry[]): void {
    const bytes = this.#writer.view()
    const unsent = entries.filter((entry) => entry.batch === this.#batch)
    const byXid = new Map(unsent.map((entry) => [entry.xid, entry]))
    for (let at = 0; at < bytes.length;) {
      const end = at + 4 + bytes.readInt32BE(at)
      const entry = byXid.get(bytes.readInt32BE(at + 4))
      if (entry !== undefined) entry.frame = Buffer.from(bytes.subarray(at, end))
      at = end
    }
    this.#writer.reset()
  }

  #fail(error: Error | undefined): void {
    if (this.#dead) return
    this.#dead = true
    this.#connection.destroy()
    this.#events.lost(error)
  }

  #scheduleFlush(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#clock.defer(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    const writer = this.#writer
    if (this.#dead || writer.offset === 0) return
    this.sentAt = this.#batch.sentAt = this.#clock.now()
    this.#batch = { sentAt: 0 }
    if (writer.offset < HANDOVER_BYTES) {
      // A small copy lets the encoder keep its memory; a large buffer is given away instead.
      this.#connection.write(writer.copy())
      writer.reset()
    } else {
      this.#connection.write(writer.view())
      this.#writer = new Writer(4096)
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#dead) return
    const now = this.#clock.now()
    this.heardAt = now
    if (!this.#events.heard(now)) return
    try {
      this.#splitter.scan(chunk, (bytes, start, end) => {
        this.#onFrame(bytes, start, end)
        return !this.#dead
      })
    } catch (error) {
      this.#fail(
        error instanceof ZkError ? error : new ProtocolError('a frame could not be read', { cause: error }),
      )
    }
  }

  #onFrame(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader.reset(bytes, start, end)
    if (!this.#shaken) {
      this.#shaken = true
      if (end - start === REPLY_HEADER_BYTES) throw errorOfResult(replyHeader.read(reader).err, 'connect')
      const reply = connectReply.read(reader)
      this.#events.handshake(reply)
      return
    }
    const xid = reader.int()
    const zxid = reader.long()
    const err = reader.int()
    switch (xid) {
      case Xid.notification: {
        const event = watcherEvent.read(reader)
        return this.#events.notification(event.type, event.path, zxid)
      }
      case Xid.ping:
        return this.#answered(this.#pings.shift())
      case Xid.auth:
        return this.#settle(this.#auths, err)
      case Xid.setWatches:
        return this.#settle(this.#watchSets, err)
      default:
        return this.#onReply(xid, zxid, err, reader)
    }
  }

  #onReply(xid: number, zxid: bigint, err: number, reader: Reader): void {
    const entry = this.#inFlight.shift()
    if (entry?.xid !== xid) {
      // Not answered after all: its owner must hear of it with the others.
      if (entry !== undefined) this.#unshift(entry)
      throw new ProtocolError(`reply with xid ${xid} where ${entry?.xid ?? 'none'} was due`)
    }
    this.#answered(entry.batch)
    this.#events.reply(entry, err, zxid, reader)
  }

  #unshift(entry: Entry): void {
    const rest = this.#inFlight.drain()
    this.#inFlight.push(entry)
    for (const other of rest) this.#inFlight.push(other)
  }

  #settle(waiting: Fifo<Deferred<number>>, err: number): void {
    const answer = waiting.shift()
    if (answer === undefined) throw new ProtocolError('an answer to nothing that was asked')
    answer.resolve(err)
  }

  #answered(batch: Batch | undefined): void {
    if (batch !== undefined && batch.sentAt > 0) this.#events.proven(batch.sentAt)
  }
}

/** As much of an operation as it takes to write its request. */
interface Encodable {
  readonly name: string
  readonly code: number
  readonly request: { write(writer: Writer, value: never): void }
}

/** Writes one request as a frame; returns its size. Throws `REQUEST_TOO_LARGE`, leaving the writer as it was. */
export function encodeRequest(
  writer: Writer,
  xid: number,
  operation: Encodable,
  request: unknown,
  maxBytes: number,
): number {
  const start = beginFrame(writer)
  writer.int(xid)
  writer.int(operation.code)
  try {
    operation.request.write(writer, request as never)
  } catch (error) {
    writer.offset = start
    throw error
  }
  const bytes = endFrame(writer, start)
  if (bytes > maxBytes) {
    writer.offset = start
    const what = operation.code === OpCode.multi ? 'a transaction' : operation.name
    throw new ZkError(
      'REQUEST_TOO_LARGE',
      `${what} takes ${bytes} bytes on the wire, more than maxRequestBytes (${maxBytes}): the server would drop the ` +
        'connection. Store less in one znode, or raise jute.maxbuffer on all servers and maxRequestBytes here',
    )
  }
  return bytes + 4
}
