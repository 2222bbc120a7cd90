/**
 * Who may do what: checks of a znode's ACL against the identities of a connection, and what becomes of the ACL that
 * comes with a create or a setACL. Schemes: world, auth, digest, ip; sasl where SASL users are configured.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { Perms } from '../api/acl.js'
import type { AclEntry } from '../protocol/records.js'
import { inIpRange, parseIpRange } from './ip-range.js'
import { refuse } from './refusal.js'

export interface Identity {
  readonly scheme: string
  readonly id: string
}

/** The identity that passes every check. */
export const SUPER: Identity = { scheme: 'super', id: '' }

export interface AccessOptions {
  /** `user:base64(sha1(user:password))` of the super user, if there is one. */
  readonly superDigest?: string | undefined
  readonly sasl: boolean
}

export class Access {
  readonly #options: AccessOptions

  constructor(options: AccessOptions) {
    this.#options = options
  }

  allows(acl: readonly AclEntry[], perms: number, identities: readonly Identity[]): boolean {
    if (acl.length === 0) return true
    for (const entry of acl) {
      const { scheme, id } = entry.identity
      if ((entry.perms & perms) === 0) continue
      if (scheme === 'world' && id === 'anyone') return true
      for (const own of identities) if (own.scheme === scheme && matches(scheme, own.id, id)) return true
    }
    return identities.includes(SUPER)
  }

  /** Refuses with NO_AUTH unless one of the permissions is there. */
  check(acl: readonly AclEntry[], perms: number, identities: readonly Identity[]): void {
    if (!this.allows(acl, perms, identities)) refuse('NO_AUTH')
  }

  /** The ACL to store: duplicates gone, `auth` replaced by the caller's identities. Refuses with INVALID_ACL. */
  fixUp(acl: readonly AclEntry[], identities: readonly Identity[]): readonly AclEntry[] {
    const unique = withoutDuplicates(acl)
    if (unique.length === 0) refuse('INVALID_ACL')
    return unique.flatMap((entry) => {
      const { scheme, id } = entry.identity
      if (scheme === 'world' && id === 'anyone') return [entry]
      if (scheme === 'auth') return this.#expand(entry.perms, identities)
      return this.#valid(scheme, id) ? [entry] : refuse('INVALID_ACL')
    })
  }

  #expand(perms: number, identities: readonly Identity[]): readonly AclEntry[] {
    // An address is no proof of identity, so `auth` leaves `ip` out; and `super` is no scheme to store.
    const proven = identities.filter(({ scheme }) => scheme === 'digest' || scheme === 'sasl')
    if (proven.length === 0) refuse('INVALID_ACL')
    return proven.map((identity) => ({ perms, identity }))
  }

  #valid(scheme: string, id: string): boolean {
    switch (scheme) {
      case 'digest':
        return /^[^:]*:[^:]+:*$/.test(id)
      case 'ip':
        return parseIpRange(id) !== undefined
      case 'sasl':
        // Any name, unless it is a malformed Kerberos principal.
        return this.#options.sasl && /^([^@]*|[^/@]*(\/[^/@]*)?@[^/@]*)$/.test(id)
      default:
        return false
    }
  }

  /** The identities that an auth packet proves; undefined if it is refused. */
  authenticate(scheme: string, auth: Uint8Array | null, address: string): readonly Identity[] | undefined {
    if (scheme === 'ip') return [{ scheme, id: address }]
    if (scheme !== 'digest') return undefined
    const credentials = Buffer.from(auth ?? []).toString('utf8')
    const hash = createHash('sha1').update(credentials).digest('base64')
    const id = `${credentials.split(':', 1)[0] ?? ''}:${hash}`
    const own: Identity = { scheme, id }
    return this.#isSuper(id) ? [SUPER, own] : [own]
  }

  #isSuper(id: string): boolean {
    const { superDigest } = this.#options
    if (superDigest?.length !== id.length) return false
    return timingSafeEqual(Buffer.from(superDigest), Buffer.from(id))
  }

  /** What getACL shows: hashes of digest identities only to those who may administer the znode. */
  shown(acl: readonly AclEntry[], identities: readonly Identity[]): readonly AclEntry[] {
    this.check(acl, Perms.READ | Perms.ADMIN, identities)
    if (this.allows(acl, Perms.ADMIN, identities)) return acl
    return acl.map((entry) => {
      const { scheme, id } = entry.identity
      if (scheme !== 'digest') return entry
      return { perms: entry.perms, identity: { scheme, id: id.replace(/:.*/s, ':x') } }
    })
  }
}

function matches(scheme: string, own: string, wanted: string): boolean {
  return scheme === 'ip' ? inIpRange(own, wanted) : own === wanted
}

function withoutDuplicates(acl: readonly AclEntry[]): readonly AclEntry[] {
  if (acl.length <= 1) return acl
  const seen = new Set<string>()
  return acl.filter(({ perms, identity }) => {
    const key = JSON.stringify([perms, identity.scheme, identity.id])
    return !seen.has(key) && seen.add(key).size > 0
  })
}
