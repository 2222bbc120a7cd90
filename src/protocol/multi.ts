/**
 * Transactions and multi-reads. Each operation has a header {type, done, err}; a last header {−1, true, −1} closes the
 * list. In a refused transaction every result is an error: one carries the cause, the others 0 (rolled back, before it)
 * or −2 (not tried, behind it).
 */
import { ProtocolError } from '../api/errors.js'
import type { Codec, TypeOf } from '../codec/codec.js'
import { bool, int, record } from '../codec/codec.js'
import type { Reader } from '../codec/reader.js'
import type { Writer } from '../codec/writer.js'
import { OpCode } from './constants.js'
import * as r from './records.js'

const multiHeader = record([
  ['type', int],
  ['done', bool],
  ['err', int],
])

/** More operations than this in one request are refused by the decoder. */
export const MAX_MULTI_OPERATIONS = 100_000

type Create = TypeOf<typeof r.createRequest>
type CreateTtl = TypeOf<typeof r.createTtlRequest>
type PathVersion = TypeOf<typeof r.pathVersionRequest>
type SetData = TypeOf<typeof r.setDataRequest>
type PathWatch = TypeOf<typeof r.pathWatchRequest>

export type MultiOperation =
  | ({ readonly op: 'create' | 'create2' | 'createContainer' } & Create)
  | ({ readonly op: 'createTTL' } & CreateTtl)
  | ({ readonly op: 'delete' | 'check' } & PathVersion)
  | ({ readonly op: 'setData' } & SetData)
  | ({ readonly op: 'getData' | 'getChildren' } & PathWatch)
type MultiName = MultiOperation['op']

const requests: Readonly<Record<MultiName, Codec<never>>> = {
  create: r.createRequest as unknown as Codec<never>,
  create2: r.createRequest as unknown as Codec<never>,
  createContainer: r.createRequest as unknown as Codec<never>,
  createTTL: r.createTtlRequest as unknown as Codec<never>,
  delete: r.pathVersionRequest as unknown as Codec<never>,
  check: r.pathVersionRequest as unknown as Codec<never>,
  setData: r.setDataRequest as unknown as Codec<never>,
  getData: r.pathWatchRequest as unknown as Codec<never>,
  getChildren: r.pathWatchRequest as unknown as Codec<never>,
}
const nameByCode = new Map<number, MultiName>(
  (Object.keys(requests) as MultiName[]).map((name) => [OpCode[name], name]),
)

type StatValue = TypeOf<typeof r.stat>
export type MultiResult =
  | { readonly op: 'create'; readonly path: string }
  | {
      readonly op: 'create2' | 'createContainer' | 'createTTL'
      readonly path: string
      readonly stat: StatValue
    }
  | { readonly op: 'delete' | 'check' }
  | { readonly op: 'setData'; readonly stat: StatValue }
  | { readonly op: 'getData'; readonly data: Uint8Array | null; readonly stat: StatValue }
  | { readonly op: 'getChildren'; readonly children: readonly string[] }
  | { readonly op: 'error'; readonly err: number }

function writeEnd(writer: Writer): void {
  multiHeader.write(writer, { type: -1, done: true, err: -1 })
}

function readAll<T>(reader: Reader, each: (type: number) => T): T[] {
  const out: T[] = []
  for (;;) {
    const header = multiHeader.read(reader)
    if (header.done) return out
    if (out.length >= MAX_MULTI_OPERATIONS)
      throw new ProtocolError(`more than ${MAX_MULTI_OPERATIONS} operations in one multi`)
    out.push(each(header.type))
  }
}

export const multiRequest: Codec<readonly MultiOperation[]> = {
  write(writer, list) {
    for (const entry of list) {
      multiHeader.write(writer, { type: OpCode[entry.op], done: false, err: -1 })
      requests[entry.op].write(writer, entry as never)
    }
    writeEnd(writer)
  },
  read: (reader) =>
    readAll(reader, (type) => {
      const op = nameByCode.get(type)
      if (op === undefined) throw new ProtocolError(`operation ${type} is not allowed in a multi`)
      const body: object = requests[op].read(reader)
      return { op, ...body } as MultiOperation
    }),
}

function writeResult(writer: Writer, result: MultiResult): void {
  const failed = result.op === 'error'
  multiHeader.write(writer, {
    type: failed ? OpCode.error : OpCode[result.op],
    done: false,
    err: failed ? result.err : 0,
  })
  switch (result.op) {
    case 'error':
      return writer.int(result.err)
    case 'create':
      return writer.string(result.path)
    case 'create2':
    case 'createContainer':
    case 'createTTL':
      return r.create2Reply.write(writer, result)
    case 'setData':
      return r.stat.write(writer, result.stat)
    case 'getData':
      return r.getDataReply.write(writer, result)
    case 'getChildren':
      return r.getChildrenReply.write(writer, result)
    case 'delete':
    case 'check':
      return
  }
}

function readResult(reader: Reader, type: number): MultiResult {
  switch (type) {
    case OpCode.error:
      return { op: 'error', err: reader.int() }
    case OpCode.create:
      return { op: 'create', path: reader.string() ?? '' }
    case OpCode.create2:
      return { op: 'create2', ...r.create2Reply.read(reader) }
    case OpCode.createContainer:
      return { op: 'createContainer', ...r.create2Reply.read(reader) }
    case OpCode.createTTL:
      return { op: 'createTTL', ...r.create2Reply.read(reader) }
    case OpCode.setData:
      return { op: 'setData', stat: r.stat.read(reader) }
    case OpCode.getData:
      return { op: 'getData', ...r.getDataReply.read(reader) }
    case OpCode.getChildren:
      return { op: 'getChildren', ...r.getChildrenReply.read(reader) }
    case OpCode.delete:
      return { op: 'delete' }
    case OpCode.check:
      return { op: 'check' }
    default:
      throw new ProtocolError(`a multi's reply holds a result of the unknown type ${type}`)
  }
}

export const multiReply: Codec<readonly MultiResult[]> = {
  write(writer, list) {
    for (const result of list) writeResult(writer, result)
    writeEnd(writer)
  },
  read: (reader) => readAll(reader, (type) => readResult(reader, type)),
}
