/** Requests that change something, each a transaction of its own. */
import type { TypeOf } from '../../codec/codec.js'
import { OpCode } from '../../protocol/constants.js'
import type * as r from '../../protocol/records.js'
import { refuse } from '../refusal.js'
import type { Draft } from '../state.js'
import * as changes from './changes.js'
import type { Caller, Context, Handler } from './context.js'

function write<Q, A>(
  prepare: (context: Context, caller: Caller, draft: Draft, request: Q) => A,
): Handler<Q, A> {
  return (context, caller, request) =>
    context.state.write(caller.session.id, (draft) => prepare(context, caller, draft, request))
}

type CreateRequest = TypeOf<typeof r.createRequest>

const creator = (code: number) =>
  write((context, caller, draft, request: CreateRequest & { ttlMs?: bigint }) =>
    changes.create(context, caller, draft, code, request),
  )

export const create = creator(OpCode.create2)
export const createWithoutStat = creator(OpCode.create)
export const createContainer = creator(OpCode.createContainer)
export const createTtl = creator(OpCode.createTTL)

export const remove = write(
  (context, caller, draft, request: TypeOf<typeof r.pathVersionRequest>): undefined => {
    changes.remove(context, caller, draft, request)
  },
)
export const setData = write((context, caller, draft, request: TypeOf<typeof r.setDataRequest>) => ({
  stat: changes.setData(context, caller, draft, request),
}))
export const setAcl = write((context, caller, draft, request: TypeOf<typeof r.setAclRequest>) => ({
  stat: changes.setAcl(context, caller, draft, request),
}))

/** A standalone server has no members to change: it says so, or that the feature is off, which it is by default. */
export const reconfig = write((context): never =>
  refuse(context.reconfigEnabled ? 'UNIMPLEMENTED' : 'RECONFIG_DISABLED'),
)
