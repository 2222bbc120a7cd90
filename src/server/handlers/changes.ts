/**
 * Checks of single changes, for requests of their own and inside transactions alike. The order of the checks is a real
 * server's (PrepRequestProcessor), because it decides which of several errors a client sees.
 */
import { Perms } from '../../api/acl.js'
import { validatePath } from '../../api/path.js'
import type { TypeOf } from '../../codec/codec.js'
import { OpCode, createFlags } from '../../protocol/constants.js'
import type * as r from '../../protocol/records.js'
import { refuse } from '../refusal.js'
import type { Draft } from '../state.js'
import { isSpecialPath } from '../tree.js'
import type { Ownership, Znode } from '../znode.js'
import { CONTAINER, PERSISTENT, ephemeralOf, ttlOf } from '../znode.js'
import type { Caller, Context } from './context.js'

type CreateRequest = TypeOf<typeof r.createRequest> & { readonly ttlMs?: bigint }
type VersionRequest = TypeOf<typeof r.pathVersionRequest>

export const isTtlFlag = (flags: number): boolean =>
  flags === createFlags.persistentWithTtl || flags === createFlags.persistentSequentialWithTtl
const isEphemeralFlag = (flags: number): boolean =>
  flags === createFlags.ephemeral || flags === createFlags.ephemeralSequential
const isSequentialFlag = (flags: number): boolean =>
  flags === createFlags.persistentSequential ||
  flags === createFlags.ephemeralSequential ||
  flags === createFlags.persistentSequentialWithTtl

function requireValid(path: string): void {
  try {
    validatePath(path)
  } catch {
    refuse('BAD_ARGUMENTS')
  }
}

/** The part before the last slash, unchecked but for the slash itself and a null character. */
function parentPart(path: string): string {
  const slash = path.lastIndexOf('/')
  if (slash === -1 || path.includes('\0')) refuse('BAD_ARGUMENTS')
  return path.slice(0, slash)
}

function requireNode(draft: Draft, path: string): Znode {
  return draft.tree.get(path) ?? refuse('NO_NODE')
}

/** The version after this change; int32, wraps. */
function nextVersion(current: number, expected: number): number {
  if (expected !== -1 && expected !== current) refuse('BAD_VERSION')
  return (current + 1) | 0
}

function checkMode(context: Context, code: number, flags: number, ttlMs: bigint): void {
  if (flags < 0 || flags > 6) refuse('BAD_ARGUMENTS')
  if (isTtlFlag(flags)) {
    if (!context.extendedTypes) refuse('UNIMPLEMENTED')
    if (ttlOf(ttlMs) === undefined) refuse('BAD_ARGUMENTS')
  } else if (ttlMs >= 0n || code === OpCode.createTTL) refuse('BAD_ARGUMENTS')
}

/** The opcode decides about containers and TTL, the flags only about ephemerals: as on a real server. */
function ownerOf(code: number, flags: number, ttlMs: bigint, session: bigint): Ownership {
  if (code === OpCode.createContainer) return CONTAINER
  if (code === OpCode.createTTL) return ttlOf(ttlMs) ?? refuse('BAD_ARGUMENTS')
  return isEphemeralFlag(flags) ? ephemeralOf(session) : PERSISTENT
}

function checkRoom(context: Context, draft: Draft, bytes: number, nodes: number): void {
  const { tree } = draft
  const { limits } = context
  if (tree.size + nodes > limits.nodes || tree.dataBytes + bytes > limits.dataBytes) refuse('QUOTA_EXCEEDED')
}

export function create(
  context: Context,
  caller: Caller,
  draft: Draft,
  code: number,
  request: CreateRequest,
): { path: string; stat: Znode } {
  const { flags, data, ttlMs = -1n } = request
  checkMode(context, code, flags, ttlMs)
  const parentPath = parentPart(request.path)
  const acl = context.access.fixUp(request.acl, caller.identities)
  const parent = requireNode(draft, parentPath)
  context.access.check(parent.acl, Perms.CREATE, caller.identities)
  const path = isSequentialFlag(flags) ? request.path + sequenceSuffix(parent.creates) : request.path
  requireValid(path)
  if (draft.tree.get(path) !== undefined) refuse('NODE_EXISTS')
  if (parent.owner.kind === 'ephemeral') refuse('NO_CHILDREN_FOR_EPHEMERALS')
  checkRoom(context, draft, path.length + (data?.length ?? 0), 1)
  const owner = ownerOf(code, flags, ttlMs, caller.session.id)
  const next = (parent.creates + 1) | 0
  const creates =
    next < 0 && parent.creates > 0 && context.sequenceOverflow === 'stick' ? parent.creates : next
  return { path, stat: draft.apply({ type: 'create', path, data, acl, owner, creates }) }
}

/** The counter as Java's `%010d` prints a signed int32: the sign counts as one of ten places. */
export function sequenceSuffix(counter: number): string {
  return counter < 0 ? `-${String(-counter).padStart(9, '0')}` : String(counter).padStart(10, '0')
}

export function remove(context: Context, caller: Caller, draft: Draft, request: VersionRequest): void {
  const { path } = request
  const parentPath = parentPart(path)
  if (isSpecialPath(path)) refuse('BAD_ARGUMENTS')
  const parent = requireNode(draft, parentPath)
  if (!context.strictChecks) requireNode(draft, path)
  context.access.check(parent.acl, Perms.DELETE, caller.identities)
  const node = requireNode(draft, path)
  nextVersion(node.version, request.version)
  if (node.numChildren > 0) refuse('NOT_EMPTY')
  draft.apply({ type: 'delete', path })
}

export function setData(
  context: Context,
  caller: Caller,
  draft: Draft,
  request: TypeOf<typeof r.setDataRequest>,
): Znode {
  const { path, data } = request
  requireValid(path)
  const node = requireNode(draft, path)
  context.access.check(node.acl, Perms.WRITE, caller.identities)
  checkRoom(context, draft, (data?.length ?? 0) - node.dataLength, 0)
  const version = nextVersion(node.version, request.version)
  return draft.apply({ type: 'setData', path, data, version })
}

export function setAcl(
  context: Context,
  caller: Caller,
  draft: Draft,
  request: TypeOf<typeof r.setAclRequest>,
): Znode {
  const { path } = request
  requireValid(path)
  const acl = context.access.fixUp(request.acl, caller.identities)
  const node = requireNode(draft, path)
  context.access.check(node.acl, Perms.ADMIN, caller.identities)
  const version = nextVersion(node.aversion, request.version)
  return draft.apply({ type: 'setACL', path, acl, version })
}

export function check(context: Context, caller: Caller, draft: Draft, request: VersionRequest): void {
  requireValid(request.path)
  const node = requireNode(draft, request.path)
  context.access.check(node.acl, Perms.READ, caller.identities)
  nextVersion(node.version, request.version)
}
