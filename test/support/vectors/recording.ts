/** A recorded conversation, and what our codecs make of it. */
import type { Codec } from '../../../src/codec/codec.js'
import { Reader } from '../../../src/codec/reader.js'
import { Writer } from '../../../src/codec/writer.js'
import { Xid } from '../../../src/protocol/constants.js'
import { operationByCode } from '../../../src/protocol/operations.js'
import {
  connectReply,
  connectRequest,
  replyHeader,
  requestHeader,
  watcherEvent,
} from '../../../src/protocol/records.js'

export interface Frame {
  readonly from: 'client' | 'server'
  /** Hexadecimal, without the length in front. */
  readonly bytes: string
}

export interface DecodedFrame extends Frame {
  /** The operation, or `connect`, `event`; an answer has the name of its request. */
  readonly name: string
  readonly value: unknown
}

export interface Recording {
  readonly zookeeper: string
  /** In the order in which they were opened; frames in the order in which they were seen. */
  readonly connections: readonly (readonly DecodedFrame[])[]
}

type AnyCodec = Codec<unknown>

/** The parts of a frame, one behind the other. */
interface Shape {
  readonly name: string
  readonly parts: readonly AnyCodec[]
  /** What is behind them and no client reads: addWatch answers with an error code once more. */
  readonly unread: number
}

const any = (codec: unknown): AnyCodec => codec as AnyCodec

/** What each frame of a connection is, which for an answer depends on the requests before it. */
export class Shapes {
  readonly #pending = new Map<number, number>()
  #isOpen = { client: false, server: false }

  of({ from, bytes }: Frame): Shape {
    if (!this.#isOpen[from]) {
      this.#isOpen = { ...this.#isOpen, [from]: true }
      return { name: 'connect', parts: [any(from === 'client' ? connectRequest : connectReply)], unread: 0 }
    }
    return from === 'client'
      ? this.#request(Buffer.from(bytes, 'hex'))
      : this.#reply(Buffer.from(bytes, 'hex'))
  }

  #request(frame: Buffer): Shape {
    const { xid, type } = requestHeader.read(new Reader(frame))
    this.#pending.set(xid, type)
    const known = operationByCode.get(type)
    if (known === undefined) throw new Error(`opcode ${type} is not in the table`)
    return { name: known.key, parts: [any(requestHeader), known.operation.request], unread: 0 }
  }

  #reply(frame: Buffer): Shape {
    const { xid, err } = replyHeader.read(new Reader(frame))
    if (xid === Xid.notification)
      return { name: 'event', parts: [any(replyHeader), any(watcherEvent)], unread: 0 }
    const known = operationByCode.get(this.#pending.get(xid) ?? 0)
    if (known === undefined) throw new Error(`an answer to ${xid}, which was not asked`)
    const parts = err === 0 ? [any(replyHeader), known.operation.reply] : [any(replyHeader)]
    return { name: known.key, parts, unread: known.key === 'addWatch' && err === 0 ? 4 : 0 }
  }
}

/** The value of each part; throws unless they are all that the frame holds. */
export function read(frame: Frame, { parts, unread }: Shape): unknown[] {
  const reader = new Reader(Buffer.from(frame.bytes, 'hex'))
  const values = parts.map((codec) => codec.read(reader))
  for (let i = 0; i < unread; i++) reader.byte()
  reader.expectEnd()
  return values
}

/** The frame again, in hexadecimal. */
export function write(values: readonly unknown[], { parts, unread }: Shape): string {
  const writer = new Writer()
  for (const [index, codec] of parts.entries()) codec.write(writer, values[index])
  for (let i = 0; i < unread; i++) writer.byte(0)
  return writer.copy().toString('hex')
}

export function decode(frames: readonly Frame[]): DecodedFrame[] {
  const shapes = new Shapes()
  return frames.map((frame) => {
    const shape = shapes.of(frame)
    return { ...frame, name: shape.name, value: read(frame, shape) }
  })
}

/** Longs become strings with an `n`, bytes become `hex:…`, nothing becomes null. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return `hex:${Buffer.from(value).toString('hex')}`
  if (value === undefined) return null
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toJson(each)]))
}
