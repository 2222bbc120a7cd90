/**
 * The operations, as data: opcode, request record, reply record, and whether it changes anything. Adding one is a
 * line here; client and embedded server both read this table.
 */
import type { Codec } from '../codec/codec.js'
import { nothing } from '../codec/codec.js'
import { OpCode } from './constants.js'
import { multiReply, multiRequest } from './multi.js'
import * as r from './records.js'

export interface Operation<Q = unknown, A = unknown> {
  readonly name: string
  readonly code: number
  readonly request: Codec<Q>
  readonly reply: Codec<A>
  /** A read may be sent again when its reply was lost; a write must not. */
  readonly kind: 'read' | 'write'
}

export type RequestOf<O> =
  O extends Operation<infer Q, never> ? Q : O extends { request: Codec<infer Q> } ? Q : never
export type ReplyOf<O> = O extends { reply: Codec<infer A> } ? A : never

function operation<Q, A>(
  name: string,
  code: number,
  kind: 'read' | 'write',
  request: Codec<Q>,
  reply: Codec<A>,
): Operation<Q, A> {
  return { name, code, kind, request, reply }
}

export const operations = {
  create: operation('create', OpCode.create2, 'write', r.createRequest, r.create2Reply),
  createContainer: operation('create', OpCode.createContainer, 'write', r.createRequest, r.create2Reply),
  createTtl: operation('create', OpCode.createTTL, 'write', r.createTtlRequest, r.create2Reply),
  /** Without a stat in the reply: servers before 3.5 know only this one, and old clients send it. */
  createWithoutStat: operation('create', OpCode.create, 'write', r.createRequest, r.pathReply),
  delete: operation('delete', OpCode.delete, 'write', r.pathVersionRequest, nothing),
  exists: operation('exists', OpCode.exists, 'read', r.pathWatchRequest, r.statReply),
  getData: operation('get', OpCode.getData, 'read', r.pathWatchRequest, r.getDataReply),
  setData: operation('set', OpCode.setData, 'write', r.setDataRequest, r.statReply),
  getAcl: operation('getACL', OpCode.getACL, 'read', r.pathRequest, r.getAclReply),
  setAcl: operation('setACL', OpCode.setACL, 'write', r.setAclRequest, r.statReply),
  getChildren: operation('children', OpCode.getChildren, 'read', r.pathWatchRequest, r.getChildrenReply),
  getChildren2: operation('children', OpCode.getChildren2, 'read', r.pathWatchRequest, r.getChildren2Reply),
  sync: operation('sync', OpCode.sync, 'read', r.pathRequest, r.pathReply),
  ping: operation('ping', OpCode.ping, 'read', nothing, nothing),
  multi: operation('transaction', OpCode.multi, 'write', multiRequest, multiReply),
  /** The reply has a transaction's form; each read succeeds or fails by itself. */
  multiRead: operation('multiRead', OpCode.multiRead, 'read', multiRequest, multiReply),
  reconfig: operation('reconfig', OpCode.reconfig, 'write', r.reconfigRequest, r.getDataReply),
  checkWatches: operation('checkWatches', OpCode.checkWatches, 'read', r.pathTypeRequest, nothing),
  // A write here: with the connection the server's watches are gone, so it must not be sent again.
  removeWatches: operation('removeWatches', OpCode.removeWatches, 'write', r.pathTypeRequest, nothing),
  auth: operation('auth', OpCode.auth, 'read', r.authPacket, nothing),
  sasl: operation('sasl', OpCode.sasl, 'read', r.tokenRecord, r.tokenRecord),
  setWatches: operation('setWatches', OpCode.setWatches, 'read', r.setWatchesRequest, nothing),
  setWatches2: operation('setWatches2', OpCode.setWatches2, 'read', r.setWatches2Request, nothing),
  addWatch: operation('addWatch', OpCode.addWatch, 'read', r.addWatchRequest, nothing),
  getEphemerals: operation(
    'getEphemerals',
    OpCode.getEphemerals,
    'read',
    r.getEphemeralsRequest,
    r.getEphemeralsReply,
  ),
  getAllChildrenNumber: operation(
    'getAllChildrenNumber',
    OpCode.getAllChildrenNumber,
    'read',
    r.pathRequest,
    r.getAllChildrenNumberReply,
  ),
  whoAmI: operation('whoAmI', OpCode.whoAmI, 'read', nothing, r.whoAmIReply),
  closeSession: operation('closeSession', OpCode.closeSession, 'write', nothing, nothing),
} as const

export type OperationName = keyof typeof operations

/** By opcode, for the side that receives requests. */
export const operationByCode: ReadonlyMap<
  number,
  { readonly key: OperationName; readonly operation: Operation }
> = new Map(
  Object.entries(operations).map(([key, value]) => [
    value.code,
    { key: key as OperationName, operation: value },
  ]),
)
