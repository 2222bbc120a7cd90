/** Which handler answers which operation. Adding one is a line here. Those that concern the connection are not here. */
import type { OperationName, ReplyOf, RequestOf, operations } from '../../protocol/operations.js'
import type { Handler } from './context.js'
import * as reads from './reads.js'
import * as transactions from './transactions.js'
import * as watching from './watching.js'
import * as writes from './writes.js'

/** Answered by the connection itself. */
export type ConnectionOperation = 'ping' | 'auth' | 'sasl' | 'closeSession'

type Handlers = {
  readonly [K in Exclude<OperationName, ConnectionOperation>]: Handler<
    RequestOf<(typeof operations)[K]>,
    ReplyOf<(typeof operations)[K]>
  >
}

export const handlers: Handlers = {
  create: writes.create,
  createContainer: writes.createContainer,
  createTtl: writes.createTtl,
  createWithoutStat: writes.createWithoutStat,
  delete: writes.remove,
  exists: reads.exists,
  getData: reads.getData,
  setData: writes.setData,
  getAcl: reads.getAcl,
  setAcl: writes.setAcl,
  getChildren: reads.getChildren,
  getChildren2: reads.getChildren2,
  sync: reads.sync,
  multi: transactions.multi,
  multiRead: transactions.multiRead,
  reconfig: writes.reconfig,
  checkWatches: watching.checkWatches,
  removeWatches: watching.removeWatches,
  setWatches: watching.setWatches,
  setWatches2: watching.setWatches,
  addWatch: watching.addWatch,
  getEphemerals: reads.getEphemerals,
  getAllChildrenNumber: reads.getAllChildrenNumber,
  whoAmI: reads.whoAmI,
}
