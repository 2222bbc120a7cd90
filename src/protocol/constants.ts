/** ZooKeeper's numbers, by its own names (ZooDefs, Watcher.Event, KeeperException of Apache ZooKeeper 3.4 to 3.9). */
import type { CreateMode, WatchEventType } from '../api/zk.js'

export const OpCode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  deleteContainer: 20,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  createSession: -10,
  closeSession: -11,
  error: -1,
} as const

/** xids with a meaning of their own; requests count from 1 and wrap within positive int32. */
export const Xid = {
  notification: -1,
  ping: -2,
  auth: -4,
  setWatches: -8,
  first: 1,
  last: 0x7fffffff,
} as const

export const createFlags: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTtl: 5,
  persistentSequentialWithTtl: 6,
}

/** By number, what the wire's notification types mean to a listener. The three removals are one here. */
export const watchEventTypes: Readonly<Record<number, WatchEventType>> = {
  1: 'created',
  2: 'deleted',
  3: 'dataChanged',
  4: 'childrenChanged',
  5: 'removed',
  6: 'removed',
  7: 'removed',
}

export const EventType = {
  none: -1,
  created: 1,
  deleted: 2,
  dataChanged: 3,
  childrenChanged: 4,
  dataWatchRemoved: 5,
  childWatchRemoved: 6,
  persistentWatchRemoved: 7,
} as const

export const KeeperState = {
  disconnected: 0,
  syncConnected: 3,
  authFailed: 4,
  connectedReadOnly: 5,
  saslAuthenticated: 6,
  closed: 7,
  expired: -112,
} as const

/** For removeWatches. 4 and 5 only from 3.9; `any` before. */
export const WatcherType = { children: 1, data: 2, any: 3, persistent: 4, persistentRecursive: 5 } as const

export const AddWatchMode = { persistent: 0, persistentRecursive: 1 } as const

/** `jute.maxbuffer` of a server left at its default: it drops the connection on a larger request. */
export const DEFAULT_MAX_FRAME_BYTES = 0xfffff

/** The largest TTL that fits in the owner field: 40 bits of milliseconds. */
export const MAX_TTL_MS = 0xff_ffff_ffff
