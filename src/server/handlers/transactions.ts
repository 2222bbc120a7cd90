/**
 * multi and multiRead. A refused multi is answered without an error in the header: each operation has its own, 0 for
 * those before the one that failed, −2 for those behind it. multiRead's reads fail one by one.
 */
import { createFlags, OpCode } from '../../protocol/constants.js'
import type { MultiOperation, MultiResult } from '../../protocol/multi.js'
import { OK, ResultCode } from '../../protocol/result-codes.js'
import { Refusal, refuse } from '../refusal.js'
import type { Draft } from '../state.js'
import { snapshotStat } from '../znode.js'
import * as changes from './changes.js'
import type { Caller, Context, Handler } from './context.js'
import { getChildren, getData } from './reads.js'

type Creation = Extract<MultiOperation, { readonly flags: number }>

/** Inside of a multi the flags decide what a create makes, whatever operation it came as: so a real server reads it. */
function codeOf({ op, flags }: Creation): number {
  if (flags === createFlags.container) return OpCode.createContainer
  if (op === 'createTTL') return changes.isTtlFlag(flags) ? OpCode.createTTL : OpCode.create
  return op === 'create' ? OpCode.create : OpCode.create2
}

/** What a real server does not even decode: not a matter of one operation, the whole request is refused. */
function isUnreadable(operation: MultiOperation, strict: boolean): boolean {
  if (isRead(operation)) return true
  if (!('flags' in operation) || operation.op === 'createTTL') return false
  return changes.isTtlFlag(operation.flags) || (strict && (operation.flags < 0 || operation.flags > 6))
}

function applyOne(context: Context, caller: Caller, draft: Draft, operation: MultiOperation): MultiResult {
  switch (operation.op) {
    case 'create':
    case 'create2':
    case 'createContainer':
    case 'createTTL': {
      const code = codeOf(operation)
      const { ttlMs = -1n, ...rest } = operation as Creation & { readonly ttlMs?: bigint }
      const request = code === OpCode.createTTL ? { ...rest, ttlMs } : rest
      const { path, stat } = changes.create(context, caller, draft, code, request)
      if (code === OpCode.create) return { op: 'create', path }
      // Whatever made it: a result with a stat is always of this type.
      return { op: 'create2', path, stat: snapshotStat(stat) }
    }
    case 'delete':
      changes.remove(context, caller, draft, operation)
      return { op: 'delete' }
    case 'setData':
      return { op: 'setData', stat: snapshotStat(changes.setData(context, caller, draft, operation)) }
    case 'check':
      changes.check(context, caller, draft, operation)
      return { op: 'check' }
    case 'getData':
    case 'getChildren':
      return refuse('MARSHALLING_ERROR')
  }
}

const isRead = ({ op }: MultiOperation): boolean => op === 'getData' || op === 'getChildren'

export const multi: Handler<readonly MultiOperation[], readonly MultiResult[]> = (context, caller, list) => {
  const { state, limits } = context
  const { id } = caller.session
  if (list.some((each) => isUnreadable(each, context.strictChecks)))
    return state.write(id, () => refuse('MARSHALLING_ERROR'))
  if (list.length > limits.multiOperations) return state.write(id, () => refuse('BAD_ARGUMENTS'))
  const draft = state.draft()
  draft.isMulti = true
  const results: MultiResult[] = []
  for (const operation of list) {
    try {
      results.push(applyOne(context, caller, draft, operation))
    } catch (error) {
      if (!(error instanceof Refusal)) {
        state.refuse(id, draft, ResultCode.SYSTEM_ERROR)
        throw error
      }
      state.refuse(id, draft, error.code)
      return refusedResults(list.length, results.length, error.code)
    }
  }
  state.commit(id, draft)
  return results
}

function refusedResults(count: number, failed: number, code: number): readonly MultiResult[] {
  return Array.from({ length: count }, (_, i) => {
    const err = i < failed ? OK : i === failed ? code : ResultCode.RUNTIME_INCONSISTENCY
    return { op: 'error', err }
  })
}

function readOne(context: Context, caller: Caller, operation: MultiOperation): MultiResult {
  switch (operation.op) {
    // Asked for a watch or not: a real server sets none here.
    case 'getData':
      return { op: 'getData', ...getData(context, caller, { ...operation, watch: false }) }
    case 'getChildren':
      return { op: 'getChildren', ...getChildren(context, caller, { ...operation, watch: false }) }
    default:
      return refuse('MARSHALLING_ERROR')
  }
}

export const multiRead: Handler<readonly MultiOperation[], readonly MultiResult[]> = (
  context,
  caller,
  list,
) => {
  if (!list.every(isRead)) refuse('MARSHALLING_ERROR')
  if (list.length > context.limits.multiOperations) refuse('BAD_ARGUMENTS')
  return list.map((operation): MultiResult => {
    try {
      return readOne(context, caller, operation)
    } catch (error) {
      if (error instanceof Refusal) return { op: 'error', err: error.code }
      throw error
    }
  })
}
