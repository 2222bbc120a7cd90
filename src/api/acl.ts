/** Access control lists: who may do what with a znode. ACLs are not inherited: each znode has its own. */
import { createHash } from 'node:crypto'

export interface Acl {
  /** `world`, `auth`, `digest`, `ip`, `x509`, `sasl` or one that the server has a plug-in for. */
  readonly scheme: string
  /** Who, in the scheme's own form: `anyone`, `user:base64(sha1(user:password))`, `10.0.0.0/8` … */
  readonly id: string
  /** Sum of {@link Perms}. */
  readonly perms: number
}

/** Permission bits, as ZooKeeper numbers them. */
export const Perms = { READ: 1, WRITE: 2, CREATE: 4, DELETE: 8, ADMIN: 16, ALL: 31 } as const

/** Anyone may do anything. What is used when no credentials are given. */
export const OPEN_ACL: readonly Acl[] = Object.freeze([
  Object.freeze({ scheme: 'world', id: 'anyone', perms: Perms.ALL }),
])

/** Only whoever creates the znode (all identities of the connection), with all permissions. */
export const CREATOR_ACL: readonly Acl[] = Object.freeze([
  Object.freeze({ scheme: 'auth', id: '', perms: Perms.ALL }),
])

/** Anyone may read, nobody may write. */
export const READ_ACL: readonly Acl[] = Object.freeze([
  Object.freeze({ scheme: 'world', id: 'anyone', perms: Perms.READ }),
])

/**
 * The id that the digest scheme stores: `user:base64(sha1(user:password))`. Use it in an {@link Acl} so that the
 * password itself is not in the tree.
 *
 * @param credentials - `user:password`; the user must not hold a colon.
 */
export function digestId(credentials: string): string {
  const colon = credentials.indexOf(':')
  if (colon <= 0) throw new TypeError('digest credentials must have the form user:password')
  const hash = createHash('sha1').update(credentials).digest('base64')
  return `${credentials.slice(0, colon)}:${hash}`
}

/** An ACL entry for a digest user, from `user:password`. */
export function digestAcl(credentials: string, perms: number = Perms.ALL): Acl {
  return { scheme: 'digest', id: digestId(credentials), perms }
}

/** Throws `TypeError` or `RangeError` with the reason unless `acl` is a list the server could accept. */
export function validateAcl(acl: readonly Acl[]): void {
  if (!Array.isArray(acl)) throw new TypeError('acl must be an array of { scheme, id, perms }')
  if (acl.length === 0) throw new RangeError('acl must not be empty: the server rejects a znode without one')
  for (const entry of acl as readonly unknown[]) {
    const { scheme, id, perms } = (entry ?? {}) as Partial<Record<keyof Acl, unknown>>
    if (typeof scheme !== 'string' || scheme === '')
      throw new TypeError('acl entry: scheme must be a non-empty string')
    if (typeof id !== 'string') throw new TypeError(`acl entry for scheme ${scheme}: id must be a string`)
    if (!Number.isInteger(perms) || (perms as number) < 1 || (perms as number) > Perms.ALL) {
      throw new RangeError(
        `acl entry ${scheme}:${scheme === 'digest' ? '…' : id}: perms must be a sum of Perms (1 to 31)`,
      )
    }
  }
}
