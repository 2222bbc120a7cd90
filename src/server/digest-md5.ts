/** The server's side of SASL DIGEST-MD5 (RFC 2831) as ZooKeeper uses it: realm zk-sasl-md5, quality auth. */
import { timingSafeEqual } from 'node:crypto'
import {
  digestResponse,
  formatDirectives,
  parseDirectives,
  SASL_SERVER_NAME,
  SASL_SERVICE,
} from '../protocol/digest-md5.js'
import type { DigestParts } from '../protocol/digest-md5.js'
import type { Random } from '../runtime/random.js'

export interface SaslStep {
  readonly token: Buffer
  /** Who it is, once that is proved. */
  readonly user?: string
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
      const realm = formatDirectives([
        ['realm', SASL_SERVER_NAME],
        ['nonce', this.#nonce],
      ])
      // The quality is quoted in a challenge, and bare in a response (RFC 2831).
      return { token: Buffer.from(`${realm},charset=utf-8,algorithm=md5-sess,qop="auth"`) }
    }
    const fields = parseDirectives(token.toString('utf8'))
    const get = (name: string): string => fields.get(name) ?? ''
    const user = get('username')
    const password = this.#users.get(user)
    const digestUri = get('digest-uri')
    if (password === undefined || get('nonce') !== this.#nonce || get('nc') !== '00000001') return undefined
    if (!digestUri.startsWith(`${SASL_SERVICE}/`) || (fields.get('qop') ?? 'auth') !== 'auth')
      return undefined
    const parts: DigestParts = {
      username: user,
      realm: get('realm'),
      nonce: this.#nonce,
      cnonce: get('cnonce'),
      nc: get('nc'),
      qop: 'auth',
      digestUri,
      authzid: fields.get('authzid'),
    }
    const expected = Buffer.from(digestResponse(parts, password, 'client'))
    const given = Buffer.from(get('response'))
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    return { token: Buffer.from(`rspauth=${digestResponse(parts, password, 'server')}`), user }
  }
}
