/**
 * multi and multiRead. A refused multi is answered without an error in the header: each operation has its own, 0 for
 * those before the one that failed, −2 for those behind it. multiRead's reads fail one by one.
 */
import { OpCode } from '../../protocol/constants.js'
import type { MultiOperation, MultiResult } from '../../protocol/multi.js'
import { OK, ResultCode } from '../../protocol/result-codes.js'
import { Refusal, refuse } from '../refusal.js'
import type { Draft } from '../state.js'
import { snapshotStat } from '../znode.js'
import * as changes from './changes.js'
import type { Caller, Context, Handler } from './context.js'
import { getChildren, getData } from './reads.js'

const codes = {
  create: OpCode.create,
  create2: OpCode.create2,
  createContainer: OpCode.createContainer,
  createTTL: OpCode.createTTL,
} as const

function applyOne(context: Context, caller: Caller, draft: Draft, operation: MultiOperation): MultiResult {
  switch (operation.op) {
    case 'create':
    case 'create2':
    case 'createContainer':
    case 'createTTL': {
      const { path, stat } = changes.create(context, caller, draft, codes[operation.op], operation)
      if (operation.op === 'create') return { op: 'create', path }
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
  // Not a matter of one operation: the whole request is refused.
  if (list.some(isRead)) return state.write(id, () => refuse('MARSHALLING_ERROR'))
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
    case 'getData':
      return { op: 'getData', ...getData(context, caller, operation) }
    case 'getChildren':
      return { op: 'getChildren', ...getChildren(context, caller, operation) }
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
