/**
 * What is written to the log and applied to the state: requests after they were checked, with everything decided
 * (names with their sequence number, ACLs expanded, versions counted). Applying one can't fail, and needs no clock.
 *
 * A refused write is a transaction too, `error`: it takes a zxid, as on a real server, so that a client's last zxid
 * is never ahead of a server that came back from its log.
 */
import type { TypeOf } from '../codec/codec.js'
import { bytes, int, long, record, string } from '../codec/codec.js'
import type { Reader } from '../codec/reader.js'
import type { Writer } from '../codec/writer.js'
import { aclList } from '../protocol/records.js'
import type { Ownership } from './znode.js'
import { KINDS } from './znode.js'

const createBody = record([
  ['path', string],
  ['data', bytes],
  ['acl', aclList],
  ['kind', int],
  ['owner', long],
  ['creates', int],
])
const pathBody = record([['path', string]])
const setDataBody = record([
  ['path', string],
  ['data', bytes],
  ['version', int],
])
const setAclBody = record([
  ['path', string],
  ['acl', aclList],
  ['version', int],
])
const createSessionBody = record([
  ['timeoutMs', int],
  ['password', bytes],
])
const errorBody = record([['code', int]])
const sequenceBody = record([
  ['path', string],
  ['creates', int],
])

export type NodeChange =
  | ({ readonly type: 'create' } & Omit<TypeOf<typeof createBody>, 'kind' | 'owner'> & {
        readonly owner: Ownership
      })
  | ({ readonly type: 'delete' } & TypeOf<typeof pathBody>)
  | ({ readonly type: 'setData' } & TypeOf<typeof setDataBody>)
  | ({ readonly type: 'setACL' } & TypeOf<typeof setAclBody>)
export type TransactionBody =
  | NodeChange
  | { readonly type: 'multi'; readonly changes: readonly NodeChange[] }
  | ({ readonly type: 'createSession' } & TypeOf<typeof createSessionBody>)
  | { readonly type: 'closeSession' }
  | ({ readonly type: 'error' } & TypeOf<typeof errorBody>)
  /** Only by the control hook that jumps a sequence counter; takes no zxid of its own. */
  | ({ readonly type: 'setSequence' } & TypeOf<typeof sequenceBody>)

export interface Transaction {
  readonly zxid: bigint
  /** Wall clock, in milliseconds. */
  readonly time: bigint
  /** 0n for what the server does by itself. */
  readonly session: bigint
  readonly body: TransactionBody
}

const header = record([
  ['zxid', long],
  ['time', long],
  ['session', long],
])

// The numbers are the log's format: append only.
const numbers = {
  create: 1,
  delete: 2,
  setData: 3,
  setACL: 4,
  multi: 5,
  createSession: 6,
  closeSession: 7,
  error: 8,
  setSequence: 9,
} as const satisfies Record<TransactionBody['type'], number>

function writeBody(writer: Writer, body: TransactionBody): void {
  writer.byte(numbers[body.type])
  switch (body.type) {
    case 'create': {
      const { kind, value } = body.owner
      return createBody.write(writer, { ...body, kind: KINDS.indexOf(kind), owner: value })
    }
    case 'delete':
      return pathBody.write(writer, body)
    case 'setData':
      return setDataBody.write(writer, body)
    case 'setACL':
      return setAclBody.write(writer, body)
    case 'createSession':
      return createSessionBody.write(writer, body)
    case 'closeSession':
      return
    case 'error':
      return errorBody.write(writer, body)
    case 'setSequence':
      return sequenceBody.write(writer, body)
    case 'multi':
      writer.int(body.changes.length)
      for (const change of body.changes) writeBody(writer, change)
  }
}

function readBody(reader: Reader): TransactionBody {
  const number = reader.byte()
  switch (number) {
    case numbers.create: {
      const { kind, owner, ...rest } = createBody.read(reader)
      return { type: 'create', ...rest, owner: { kind: KINDS[kind] ?? 'persistent', value: owner } }
    }
    case numbers.delete:
      return { type: 'delete', ...pathBody.read(reader) }
    case numbers.setData:
      return { type: 'setData', ...setDataBody.read(reader) }
    case numbers.setACL:
      return { type: 'setACL', ...setAclBody.read(reader) }
    case numbers.createSession:
      return { type: 'createSession', ...createSessionBody.read(reader) }
    case numbers.closeSession:
      return { type: 'closeSession' }
    case numbers.error:
      return { type: 'error', ...errorBody.read(reader) }
    case numbers.setSequence:
      return { type: 'setSequence', ...sequenceBody.read(reader) }
    case numbers.multi: {
      const changes: NodeChange[] = []
      for (let left = reader.count(); left > 0; left--) changes.push(readBody(reader) as NodeChange)
      return { type: 'multi', changes }
    }
    default:
      throw new Error(`the log holds a transaction of the unknown type ${number}`)
  }
}

export const transaction = {
  write(writer: Writer, value: Transaction): void {
    header.write(writer, value)
    writeBody(writer, value.body)
  },
  read(reader: Reader): Transaction {
    return { ...header.read(reader), body: readBody(reader) }
  },
}
