/** A client's request as a proxy sees it, and how a test says which one it means. */
import { Reader } from '../codec/reader.js'
import { OpCode } from '../protocol/constants.js'
import type { MultiOperation } from '../protocol/multi.js'
import { multiRequest } from '../protocol/multi.js'
import { operationByCode } from '../protocol/operations.js'

const LENGTH_BYTES = 4
const HEADER_BYTES = LENGTH_BYTES + 8

/** As the client's methods are called; `connect` is the handshake. Unknown opcodes are `opcode N`. */
export type ProxiedOperation =
  | 'connect'
  | 'create'
  | 'delete'
  | 'exists'
  | 'get'
  | 'set'
  | 'children'
  | 'transaction'
  | 'multiRead'
  | 'sync'
  | 'getACL'
  | 'setACL'
  | 'ping'
  | 'auth'
  | 'sasl'
  | 'setWatches'
  | 'setWatches2'
  | 'addWatch'
  | 'removeWatches'
  | 'closeSession'
  | (string & {})

export interface ProxiedRequest {
  readonly operation: ProxiedOperation
  /** 0 for the handshake. */
  readonly opcode: number
  readonly xid: number
  /** That the request names: one, or, in a transaction, one an operation; none where there is none. */
  readonly paths: readonly string[]
  /** The whole frame, its length included. */
  readonly frame: Buffer
}

/** Which requests are meant: those that fit all that is given. Pings only if `operation` says so. */
export interface RequestMatch {
  readonly operation?: ProxiedOperation | readonly ProxiedOperation[] | undefined
  /** Of one of its paths: the whole of it, or what a pattern finds in it. */
  readonly path?: string | RegExp | undefined
  readonly where?: ((request: ProxiedRequest) => boolean) | undefined
}

function pathsOf(opcode: number, frame: Buffer): readonly string[] {
  const reader = new Reader(frame.subarray(HEADER_BYTES))
  if (opcode === OpCode.multi || opcode === OpCode.multiRead) {
    return multiRequest.read(reader).map((operation: MultiOperation) => operation.path)
  }
  const { operation } = operationByCode.get(opcode) ?? {}
  const record = operation?.request.read(reader)
  const isNamed = typeof record === 'object' && record !== null && 'path' in record
  return isNamed && typeof record.path === 'string' ? [record.path] : []
}

/** Undefined for a frame that is no request. Never throws, whatever the bytes are. */
export function requestIn(frame: Buffer, isFirst: boolean): ProxiedRequest | undefined {
  if (isFirst) return { operation: 'connect', opcode: 0, xid: 0, paths: [], frame }
  if (frame.length < HEADER_BYTES) return undefined
  const xid = frame.readInt32BE(LENGTH_BYTES)
  const opcode = frame.readInt32BE(LENGTH_BYTES + 4)
  const operation = operationByCode.get(opcode)?.operation.name ?? `opcode ${opcode}`
  let paths: readonly string[] = []
  try {
    paths = pathsOf(opcode, frame)
  } catch {
    // Its body is not what its header says: the server's business.
  }
  return { operation, opcode, xid, paths, frame }
}

/** Whether it is one of those that `match` means. */
export function matches(request: ProxiedRequest, match: RequestMatch): boolean {
  const { operation, path, where } = match
  const operations = typeof operation === 'string' ? [operation] : operation
  if (operations === undefined ? request.operation === 'ping' : !operations.includes(request.operation)) {
    return false
  }
  const fits = (found: string): boolean =>
    typeof path === 'string' ? found === path : found.search(path ?? '') >= 0
  if (path !== undefined && !request.paths.some(fits)) return false
  return where?.(request) ?? true
}
