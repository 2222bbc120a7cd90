/** Several reads in one request: what is asked, and what came of each. */
import type { MultiReadRequest, MultiReadResult } from '../api/zk.js'
import type { MultiOperation, MultiResult } from '../protocol/multi.js'
import { errorOfResult, ResultCode } from '../protocol/result-codes.js'
import type { Chroot } from './chroot.js'
import { nodeData } from './replies.js'

/** Throws `TypeError` for a read of another type or a bad path. */
export function toReads(requests: readonly MultiReadRequest[], chroot: Chroot): MultiOperation[] {
  return requests.map(({ type, path }) => {
    if (type !== 'get' && (type as string) !== 'children')
      throw new TypeError(`multiRead: unknown type ${JSON.stringify(type)}`)
    return { op: type === 'get' ? 'getData' : 'getChildren', path: chroot.toServer(path), watch: false }
  })
}

export function fromReads(
  results: readonly MultiResult[],
  requests: readonly MultiReadRequest[],
): MultiReadResult[] {
  return results.map((result, index) => fromRead(result, requests[index]))
}

function fromRead(result: MultiResult, request: MultiReadRequest | undefined): MultiReadResult {
  if (result.op === 'getData') return { type: 'get', data: nodeData(result).data, stat: result.stat }
  if (result.op === 'getChildren') return { type: 'children', children: [...result.children] }
  const code = result.op === 'error' ? result.err : ResultCode.RUNTIME_INCONSISTENCY
  return { type: 'error', error: errorOfResult(code, request?.type ?? 'read', request?.path) }
}
