/** The server's side of SASL DIGEST-MD5 (RFC 2831) as ZooKeeper uses it: realm zk-sasl-md5, quality auth. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Random } from '../runtime/random.js'

const REALM = 'zk-sasl-md5'
const DIGEST_URI = 'zookeeper/'

const md5 = (...parts: readonly (string | Buffer)[]): Buffer => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export interface SaslStep {
  readonly token: Buffer
  /** Who it is, once that is proved. */
  readonly user?: string
}

/** `name=value` and `name="value"`, comma-separated; a backslash quotes inside quotes. */
function parse(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const [, name = '', quoted, plain] of text.matchAll(
    /([a-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^,\s]*))/gi,
  )) {
    fields.set(name.toLowerCase(), quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/g, '$1'))
  }
  return fields
}

export class DigestMd5Exchange {
  readonly #users: ReadonlyMap<string, string>
  readonly #nonce: string
  #isChallenged = false

  constructor(users: ReadonlyMap<string, string>, random: Random) {
    this.#users = users
    this.#nonce = random.bytes(24).toString('base64')
  }

  /** The answer to a client's token; undefined if it is refused. An exchange serves for one attempt. */
  respond(token: Buffer): SaslStep | undefined {
    if (!this.#isChallenged) {
      this.#isChallenged = true
      const challenge = `realm="${REALM}",nonce="${this.#nonce}",charset=utf-8,algorithm=md5-sess,qop="auth"`
      return { token: Buffer.from(challenge) }
    }
    const fields = parse(token.toString('utf8'))
    const get = (name: string): string => fields.get(name) ?? ''
    const user = get('username')
    const password = this.#users.get(user)
    const digestUri = get('digest-uri')
    if (password === undefined || get('nonce') !== this.#nonce || get('nc') !== '00000001') return undefined
    if (!digestUri.startsWith(DIGEST_URI) || (fields.get('qop') ?? 'auth') !== 'auth') return undefined
    const secret = md5(`${user}:${get('realm')}:${password}`)
    const authzid = fields.get('authzid')
    const suffix = authzid === undefined ? '' : `:${authzid}`
    const a1 = md5(secret, `:${this.#nonce}:${get('cnonce')}${suffix}`).toString('hex')
    const proof = (a2: string): string =>
      md5(`${a1}:${this.#nonce}:${get('nc')}:${get('cnonce')}:auth:${md5(a2).toString('hex')}`).toString(
        'hex',
      )
    const expected = Buffer.from(proof(`AUTHENTICATE:${digestUri}`))
    const given = Buffer.from(get('response'))
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    return { token: Buffer.from(`rspauth=${proof(`:${digestUri}`)}`), user }
  }
}
