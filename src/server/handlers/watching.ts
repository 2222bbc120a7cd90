/** Requests about watches: adding persistent ones, asking for, removing, and setting all again after a reconnect. */
import type { TypeOf } from '../../codec/codec.js'
import { AddWatchMode, EventType, WatcherType } from '../../protocol/constants.js'
import type * as r from '../../protocol/records.js'
import { refuse } from '../refusal.js'
import { Mode } from '../watches.js'
import type { Caller, Context } from './context.js'
import { checkWatchLimit } from './context.js'

type PathType = TypeOf<typeof r.pathTypeRequest>

/** In the header of an event that tells of the past, not of a transaction that happens now. */
const NO_ZXID = -1n

/** The reply has a body, an error code of its own (always 0), which clients do not read. */
export function addWatch(
  context: Context,
  caller: Caller,
  { path, mode }: TypeOf<typeof r.addWatchRequest>,
): undefined {
  if (mode !== AddWatchMode.persistent && mode !== AddWatchMode.persistentRecursive)
    refuse('MARSHALLING_ERROR')
  checkWatchLimit(context, 2)
  context.state.watches.addPersistent(path, caller, mode === AddWatchMode.persistentRecursive)
}

/** Which kinds of watch in which table a watcher type of the request means. */
function scopeOf(context: Context, type: number): { data: number; children: number } {
  const plain = context.exactWatchRemoval ? Mode.oneShot : Mode.any
  switch (type) {
    case WatcherType.children:
      return { data: 0, children: plain }
    case WatcherType.data:
      return { data: plain, children: 0 }
    case WatcherType.any:
      return { data: Mode.any, children: Mode.any }
    case WatcherType.persistent:
      if (context.exactWatchRemoval) return { data: Mode.persistent, children: Mode.persistent }
      break
    case WatcherType.persistentRecursive:
      if (context.exactWatchRemoval) return { data: Mode.recursive, children: 0 }
      break
  }
  return refuse('MARSHALLING_ERROR')
}

export function checkWatches(context: Context, caller: Caller, { path, type }: PathType): undefined {
  const { watches } = context.state
  const scope = scopeOf(context, type)
  // For the persistent kind a real server looks at the data table alone, which comes to the same.
  if (watches.data.has(path, caller, scope.data) || watches.children.has(path, caller, scope.children)) return
  refuse('NO_WATCHER')
}

export function removeWatches(context: Context, caller: Caller, { path, type }: PathType): undefined {
  const { watches } = context.state
  const scope = scopeOf(context, type)
  const fromData = watches.data.remove(path, caller, scope.data)
  const fromChildren = watches.children.remove(path, caller, scope.children)
  if (!fromData && !fromChildren) refuse('NO_WATCHER')
}

type SetWatches = TypeOf<typeof r.setWatchesRequest> & Partial<TypeOf<typeof r.setWatches2Request>>

/** Sets what can still come; what has happened since `relativeZxid` is told at once instead. */
export function setWatches(context: Context, caller: Caller, request: SetWatches): undefined {
  const { dataWatches, existWatches, childWatches, relativeZxid } = request
  const { persistentWatches = [], persistentRecursiveWatches = [] } = request
  const { tree, watches } = context.state
  checkWatchLimit(context, dataWatches.length + existWatches.length + childWatches.length)
  checkWatchLimit(context, 2 * persistentWatches.length + persistentRecursiveWatches.length)
  const tell = (type: number, path: string): void => caller.notify(type, path, NO_ZXID, undefined)
  for (const path of dataWatches) {
    const node = tree.get(path)
    if (node === undefined) tell(EventType.deleted, path)
    else if (node.mzxid > relativeZxid) tell(EventType.dataChanged, path)
    else watches.data.add(path, caller, Mode.oneShot)
  }
  for (const path of existWatches) {
    if (tree.get(path) !== undefined) tell(EventType.created, path)
    else watches.data.add(path, caller, Mode.oneShot)
  }
  for (const path of childWatches) {
    const node = tree.get(path)
    if (node === undefined) tell(EventType.deleted, path)
    else if (node.pzxid > relativeZxid) tell(EventType.childrenChanged, path)
    else watches.children.add(path, caller, Mode.oneShot)
  }
  for (const path of persistentWatches) watches.addPersistent(path, caller, false)
  for (const path of persistentRecursiveWatches) watches.addPersistent(path, caller, true)
}
