/**
 * Who we say we are, on every connection anew: auth packets (digest and others) and SASL DIGEST-MD5.
 *
 * Invariants: nothing secret leaves this file but onto the wire: no log, no error, no JSON, no inspection. A digest
 * credential is the password in clear on the wire, so it is refused on plaintext beyond loopback unless allowed.
 */
import { inspect } from 'node:util'
import { AuthFailedError, ConnectionLossError, ZkError } from '../api/errors.js'
import type { DigestParts } from '../protocol/digest-md5.js'
import {
  digestResponse,
  formatDirectives,
  parseDirectives,
  SASL_SERVER_NAME,
  SASL_SERVICE,
} from '../protocol/digest-md5.js'
import { errorOfResult, OK } from '../protocol/result-codes.js'
import type { Random } from '../runtime/random.js'

export interface SaslCredential {
  readonly username: string
  readonly password: string
}

export class Credentials {
  readonly #auths: { readonly scheme: string; readonly auth: Buffer }[] = []
  readonly #sasl: SaslCredential | undefined
  readonly #random: Random

  constructor(random: Random, sasl?: SaslCredential) {
    this.#random = random
    this.#sasl = sasl
  }

  get size(): number {
    return this.#auths.length + (this.#sasl === undefined ? 0 : 1)
  }

  /** Returns the way to forget it again. */
  add(scheme: string, auth: Buffer): () => void {
    const entry = { scheme, auth }
    this.#auths.push(entry)
    return () => {
      const at = this.#auths.indexOf(entry)
      if (at !== -1) this.#auths.splice(at, 1)
    }
  }

  /** For {@link authenticate} only. */
  reveal(): {
    auths: readonly { scheme: string; auth: Buffer }[]
    sasl: SaslCredential | undefined
    random: Random
  } {
    return { auths: this.#auths, sasl: this.#sasl, random: this.#random }
  }

  toJSON(): object {
    return {
      schemes: [...this.#auths.map((entry) => entry.scheme), ...(this.#sasl === undefined ? [] : ['sasl'])],
    }
  }

  [inspect.custom](): object {
    return this.toJSON()
  }
}

/** As much of a link as authentication needs. */
export interface AuthLink {
  readonly secure: boolean
  readonly endpoint: { readonly hostName: string }
  authenticate(scheme: string, auth: Buffer): Promise<number>
}

/** Throws `INSECURE_AUTH` if sending this credential here would show it to the network. */
export function checkCredential(link: AuthLink, scheme: string, allowInsecure: boolean): void {
  if (allowInsecure || link.secure || scheme !== 'digest') return
  throw new ZkError(
    'INSECURE_AUTH',
    `digest credentials go over the wire in clear: refused on a plaintext connection to ${link.endpoint.hostName}. ` +
      'Use the tls option, or allowInsecureAuth: true if the network is trusted',
    { terminal: true },
  )
}

/** Sends one credential; rejects with `AuthFailedError` if the server refuses it. */
export async function presentCredential(link: AuthLink, scheme: string, auth: Buffer): Promise<void> {
  const err = await link.authenticate(scheme, auth)
  if (err !== OK) {
    throw new AuthFailedError(`the server refused the ${scheme} credentials`, {
      cause: errorOfResult(err, 'auth'),
    })
  }
}

/** Presents everything on a new connection. Rejects with what the client must give up for. */
export async function authenticate(
  link: AuthLink,
  credentials: Credentials,
  allowInsecure: boolean,
  saslStep: (token: Buffer) => Promise<Buffer>,
): Promise<void> {
  const { auths, sasl, random } = credentials.reveal()
  for (const { scheme } of auths) checkCredential(link, scheme, allowInsecure)
  await Promise.all(auths.map(async ({ scheme, auth }) => presentCredential(link, scheme, auth)))
  if (sasl !== undefined) await digestMd5(sasl, random, saslStep)
}

async function digestMd5(
  { username, password }: SaslCredential,
  random: Random,
  saslStep: (token: Buffer) => Promise<Buffer>,
): Promise<void> {
  const challenge = parseDirectives((await step(saslStep, Buffer.alloc(0))).toString('utf8'))
  const nonce = challenge.get('nonce')
  if (nonce === undefined) throw new AuthFailedError('the server does not offer SASL DIGEST-MD5')
  const parts: DigestParts = {
    username,
    realm: challenge.get('realm') ?? SASL_SERVER_NAME,
    nonce,
    cnonce: random.bytes(24).toString('base64'),
    nc: '00000001',
    qop: 'auth',
    digestUri: `${SASL_SERVICE}/${SASL_SERVER_NAME}`,
  }
  const answer = formatDirectives([
    ['charset', 'utf-8'],
    ['username', username],
    ['realm', parts.realm],
    ['nonce', nonce],
    ['nc', parts.nc],
    ['cnonce', parts.cnonce],
    ['digest-uri', parts.digestUri],
    ['maxbuf', '65536'],
    ['response', digestResponse(parts, password, 'client')],
    ['qop', parts.qop],
  ])
  const proof = parseDirectives((await step(saslStep, Buffer.from(answer))).toString('utf8'))
  if (proof.get('rspauth') !== digestResponse(parts, password, 'server')) {
    throw new AuthFailedError(
      'the server could not prove that it knows the password: it may not be the one it claims',
    )
  }
}

async function step(saslStep: (token: Buffer) => Promise<Buffer>, token: Buffer): Promise<Buffer> {
  try {
    return await saslStep(token)
  } catch (error) {
    // The link's end is not the server's verdict; it is handled where links are.
    if (error instanceof ConnectionLossError) throw error
    throw new AuthFailedError('the server refused the SASL credentials', { cause: error })
  }
}
