/**
 * SASL DIGEST-MD5 (RFC 2831) as ZooKeeper uses it: `qop=auth`, one exchange, realm and service given by the server.
 * The password is never on the wire, but the hash is old: use TLS beyond loopback.
 */
import { createHash } from 'node:crypto'

/** What ZooKeeper's server is called (ZooKeeperSaslServer, SaslServerPrincipal). */
export const SASL_SERVICE = 'zookeeper'
export const SASL_SERVER_NAME = 'zk-sasl-md5'

export interface DigestParts {
  readonly username: string
  readonly realm: string
  readonly nonce: string
  readonly cnonce: string
  /** Eight hex digits. */
  readonly nc: string
  readonly qop: string
  readonly digestUri: string
  /** Whom to act for, where that is said. */
  readonly authzid?: string | undefined
}

function md5(...parts: readonly (string | Buffer)[]): Buffer {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The `response` directive; with `side: 'server'` the `rspauth` that the server proves itself with. */
export function digestResponse(parts: DigestParts, password: string, side: 'client' | 'server'): string {
  const secret = md5(`${parts.username}:${parts.realm}:${password}`)
  const actingFor = parts.authzid === undefined ? '' : `:${parts.authzid}`
  const a1 = md5(secret, `:${parts.nonce}:${parts.cnonce}${actingFor}`).toString('hex')
  const a2 = md5(`${side === 'client' ? 'AUTHENTICATE' : ''}:${parts.digestUri}`).toString('hex')
  return md5(`${a1}:${parts.nonce}:${parts.nc}:${parts.cnonce}:${parts.qop}:${a2}`).toString('hex')
}

/** `name=value,name="value"` as a map; names in lower case, the first of a repeated one wins. */
export function parseDirectives(text: string): Map<string, string> {
  const out = new Map<string, string>()
  const pattern = /\s*([A-Za-z0-9-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)/gy
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const name = (match[1] ?? '').toLowerCase()
    const value = match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? ''
    if (!out.has(name)) out.set(name, value.trim())
    if (pattern.lastIndex >= text.length) break
  }
  return out
}

/** Directives as text; these names are quoted by the RFC's grammar. */
export function formatDirectives(entries: readonly (readonly [name: string, value: string])[]): string {
  const bare = new Set(['charset', 'algorithm', 'nc', 'response', 'qop', 'maxbuf', 'rspauth'])
  return entries
    .map(([name, value]) =>
      bare.has(name) ? `${name}=${value}` : `${name}="${value.replace(/["\\]/g, '\\$&')}"`,
    )
    .join(',')
}
