/** Requests that only look, and may leave a one-shot watch. A watch is set only if the read succeeds, but for exists. */
import { Perms } from '../../api/acl.js'
import type { TypeOf } from '../../codec/codec.js'
import type * as r from '../../protocol/records.js'
import { refuse } from '../refusal.js'
import { Mode } from '../watches.js'
import type { Znode } from '../znode.js'
import type { Caller, Context } from './context.js'
import { checkWatchLimit } from './context.js'

type PathWatch = TypeOf<typeof r.pathWatchRequest>
type PathOnly = TypeOf<typeof r.pathRequest>

function readable(context: Context, caller: Caller, path: string): Znode {
  const node = context.state.tree.get(path) ?? refuse('NO_NODE')
  context.access.check(node.acl, Perms.READ, caller.identities)
  return node
}

export function exists(context: Context, caller: Caller, { path, watch }: PathWatch): { stat: Znode } {
  if (path.includes('\0')) refuse('BAD_ARGUMENTS')
  const node = context.state.tree.get(path)
  if (node !== undefined && context.strictChecks)
    context.access.check(node.acl, Perms.READ, caller.identities)
  if (watch) {
    checkWatchLimit(context)
    context.state.watches.data.add(path, caller, Mode.oneShot)
  }
  return { stat: node ?? refuse('NO_NODE') }
}

export function getData(
  context: Context,
  caller: Caller,
  { path, watch }: PathWatch,
): { data: Uint8Array | null; stat: Znode } {
  const node = readable(context, caller, path)
  if (watch) {
    checkWatchLimit(context)
    context.state.watches.data.add(path, caller, Mode.oneShot)
  }
  return { data: node.data, stat: node }
}

function childrenOf(context: Context, caller: Caller, { path, watch }: PathWatch): Znode {
  const node = readable(context, caller, path)
  if (watch) {
    checkWatchLimit(context)
    context.state.watches.children.add(path, caller, Mode.oneShot)
  }
  return node
}

export function getChildren(context: Context, caller: Caller, request: PathWatch): { children: string[] } {
  return { children: [...childrenOf(context, caller, request).children] }
}

export function getChildren2(
  context: Context,
  caller: Caller,
  request: PathWatch,
): { children: string[]; stat: Znode } {
  const stat = childrenOf(context, caller, request)
  return { children: [...stat.children], stat }
}

export function getAcl(context: Context, caller: Caller, { path }: PathOnly): TypeOf<typeof r.getAclReply> {
  const stat = context.state.tree.get(path) ?? refuse('NO_NODE')
  return { acl: context.access.shown(stat.acl, caller.identities), stat }
}

export function getAllChildrenNumber(
  context: Context,
  caller: Caller,
  { path }: PathOnly,
): { totalNumber: number } {
  readable(context, caller, path)
  return { totalNumber: context.state.tree.descendants(path) }
}

export function getEphemerals(
  context: Context,
  caller: Caller,
  { prefixPath }: TypeOf<typeof r.getEphemeralsRequest>,
): { ephemerals: readonly string[] } {
  const all = context.state.tree.ephemeralsOf(caller.session.id)
  const prefix = prefixPath.trim() === '' || prefixPath.trim() === '/' ? '' : prefixPath
  return { ephemerals: all.filter((path) => path.startsWith(prefix)) }
}

/** One server is always up to date with itself. */
export function sync(_context: Context, _caller: Caller, { path }: PathOnly): { path: string } {
  return { path }
}

export function whoAmI(_context: Context, caller: Caller): TypeOf<typeof r.whoAmIReply> {
  const clientInfo = caller.identities.map(({ scheme, id }) => ({
    authScheme: scheme,
    user: scheme === 'digest' ? (id.split(':', 1)[0] ?? '') : id,
  }))
  return { clientInfo }
}
