/** Arguments of operations, checked before anything is sent, in the form that the records take. */
import type { Acl } from '../api/acl.js'
import { validateAcl } from '../api/acl.js'
import type { CreateMode, CreateSpec, Data } from '../api/zk.js'
import { createFlags, MAX_TTL_MS } from '../protocol/constants.js'
import type { AclEntry } from '../protocol/records.js'

/** Bytes as they go out. What the caller gave is read before the call returns, so it may be changed afterwards. */
export function toBytes(data: Data | undefined): Uint8Array | null {
  if (data === undefined) return EMPTY
  if (data === null || data instanceof Uint8Array) return data
  if (typeof data === 'string') return Buffer.from(data)
  throw new TypeError(`data must be a Uint8Array, a string or null, got ${typeof data}`)
}

export const EMPTY = Buffer.alloc(0)

/** An int32 version; left out means any. */
export function toVersion(version: unknown): number {
  if (version === undefined) return -1
  if (typeof version !== 'number' || !Number.isInteger(version)) {
    throw new TypeError(
      `version must be an integer, got ${typeof version === 'number' ? version : typeof version}`,
    )
  }
  if ((version | 0) !== version) throw new RangeError(`version must be an int32, got ${version}`)
  return version
}

export function toAcl(acl: readonly Acl[]): AclEntry[] {
  validateAcl(acl)
  return acl.map(({ scheme, id, perms }) => ({ perms, identity: { scheme, id } }))
}

export function fromAcl(entries: readonly AclEntry[]): Acl[] {
  return entries.map(({ perms, identity }) => ({ scheme: identity.scheme, id: identity.id, perms }))
}

export function isSequential(mode: CreateMode): boolean {
  return (
    mode === 'persistentSequential' ||
    mode === 'ephemeralSequential' ||
    mode === 'persistentSequentialWithTtl'
  )
}

export function hasTtl(mode: CreateMode): boolean {
  return mode === 'persistentWithTtl' || mode === 'persistentSequentialWithTtl'
}

/** The mode, checked together with what goes with it. */
export function toMode(spec: CreateSpec): CreateMode {
  const mode = spec.mode ?? 'persistent'
  if (!Object.hasOwn(createFlags, mode)) {
    throw new TypeError(
      `mode must be one of ${Object.keys(createFlags).join(', ')}; got ${JSON.stringify(mode)}`,
    )
  }
  const { ttlMs } = spec
  if (!hasTtl(mode)) {
    if (ttlMs !== undefined)
      throw new TypeError(
        `ttlMs goes with the modes persistentWithTtl and persistentSequentialWithTtl, not ${mode}`,
      )
    return mode
  }
  if (typeof ttlMs !== 'number' || !Number.isInteger(ttlMs))
    throw new TypeError(`mode ${mode} needs ttlMs, in whole milliseconds`)
  if (ttlMs < 1 || ttlMs > MAX_TTL_MS)
    throw new RangeError(`ttlMs must be between 1 and ${MAX_TTL_MS}, got ${ttlMs}`)
  return mode
}
