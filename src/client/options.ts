/** What `connect` takes, and what it becomes once checked. */
import type { Acl } from '../api/acl.js'
import { validateAcl } from '../api/acl.js'
import type { CallOptions, Logger } from '../api/zk.js'
import { DEFAULT_MAX_FRAME_BYTES } from '../protocol/constants.js'
import { checkSignal, checkTimeout } from '../runtime/abort.js'
import type { Runtime } from '../runtime/runtime.js'
import type { SaslCredential } from '../session/authentication.js'
import type { TlsOptions } from '../transport/tls.js'
import type { Transport } from '../transport/transport.js'

/** An identity to present: for `digest` the secret is `user:password`. */
export interface Auth {
  readonly scheme: string
  readonly auth: string | Uint8Array
}

/** A session to take over, as `exportSession()` of the client that had it gives it. Secret. */
export interface SessionCredentials {
  readonly id: bigint
  readonly password: Uint8Array
}

export interface ConnectOptions extends Pick<CallOptions, 'signal'> {
  /**
   * How long the server keeps the session, its ephemeral znodes and so its locks, without hearing from us, in
   * milliseconds. The server bounds it to 2 to 20 of its ticks (by default 4 to 40 s). Default: 15,000.
   */
  readonly sessionTimeoutMs?: number
  /** Bound on `connect` itself, in milliseconds. Default: 30,000. Infinity waits for ever. */
  readonly timeoutMs?: number
  /** `timeoutMs` of every call that gives none, in milliseconds. Default: none. */
  readonly requestTimeoutMs?: number
  /** Patience with one connection attempt, in milliseconds. Default: session timeout divided by the number of servers. */
  readonly connectTimeoutMs?: number
  /** The longest pause between two rounds through all servers, in milliseconds. Default: 1,000. */
  readonly maxBackOffMs?: number
  /** Accept a server that is cut off from its quorum; the state is then `readOnly`. Default: false. */
  readonly readOnly?: boolean
  /** Identities to present on every connection, before anything else. */
  readonly auth?: Auth | readonly Auth[]
  /** SASL DIGEST-MD5. */
  readonly sasl?: SaslCredential
  /** Send digest credentials in clear beyond loopback. Default: false: refused with `INSECURE_AUTH`. */
  readonly allowInsecureAuth?: boolean
  /** Connect with TLS; the options are those of Node's `tls.connect`. */
  readonly tls?: TlsOptions | boolean
  /** ACL of znodes made without one. Default: creator-only if credentials are given, else open to all. */
  readonly acl?: readonly Acl[]
  /** Take over this session instead of opening one. `connect` rejects with `SessionExpiredError` if it is over. */
  readonly session?: SessionCredentials
  /** pino's shape. Default: silent. */
  readonly logger?: Logger
  /** Largest frame accepted from a server, in bytes; a larger one ends the connection. Default: 16 MiB. */
  readonly maxFrameBytes?: number
  /** Largest request sent, in bytes: the servers' `jute.maxbuffer`. Default: 1,048,575. */
  readonly maxRequestBytes?: number
  /** Bytes of requests that may wait for a connection or an answer; one more is refused. Default: 64 MiB. */
  readonly maxPendingBytes?: number
  /** Time and chance, for tests. */
  readonly runtime?: Runtime
  /** The network, for tests. Not together with `tls`. */
  readonly transport?: Transport
}

const DEFAULTS = {
  sessionTimeoutMs: 15_000,
  timeoutMs: 30_000,
  maxBackOffMs: 1_000,
  maxFrameBytes: 16 * 1024 * 1024,
  maxRequestBytes: DEFAULT_MAX_FRAME_BYTES,
  maxPendingBytes: 64 * 1024 * 1024,
} as const

export type CheckedOptions = ConnectOptions & {
  readonly [K in keyof typeof DEFAULTS]: number
} & { readonly auths: readonly { readonly scheme: string; readonly auth: Buffer }[] }

/** Throws `TypeError` or `RangeError` with what is wrong, before anything is opened. */
export function checkOptions(options: ConnectOptions): CheckedOptions {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new TypeError('connect: options must be an object')
  positive(options.sessionTimeoutMs, 'sessionTimeoutMs', 0x7fffffff)
  checkTimeout(options.timeoutMs)
  checkSignal(options.signal)
  checkTimeout(options.requestTimeoutMs, 'requestTimeoutMs')
  positive(options.connectTimeoutMs, 'connectTimeoutMs', 0x7fffffff)
  positive(options.maxBackOffMs, 'maxBackOffMs', 0x7fffffff)
  positive(options.maxFrameBytes, 'maxFrameBytes', 0x7fffffff)
  positive(options.maxRequestBytes, 'maxRequestBytes', 0x7fffffff)
  positive(options.maxPendingBytes, 'maxPendingBytes', Number.MAX_SAFE_INTEGER)
  if (options.logger !== undefined) checkLogger(options.logger)
  if (options.acl !== undefined) validateAcl(options.acl)
  if (options.session !== undefined) checkSession(options.session)
  if (options.sasl !== undefined) checkSasl(options.sasl)
  if (options.transport !== undefined && options.tls !== undefined && options.tls !== false) {
    throw new TypeError('connect: give either tls or a transport, not both')
  }
  return { ...DEFAULTS, ...dropUndefined(options), auths: checkAuths(options.auth) }
}

function dropUndefined(options: ConnectOptions): ConnectOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function positive(value: unknown, name: string, max: number): void {
  if (value === undefined) return
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new TypeError(`connect: ${name} must be a number`)
  if (value <= 0 || value > max)
    throw new RangeError(`connect: ${name} must be more than 0 and at most ${max}, got ${value}`)
}

function checkLogger(logger: Logger): void {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof (logger as Partial<Logger> | null)?.[level] !== 'function')
      throw new TypeError(
        `connect: logger must have the method ${level}(fields, message), as pino's loggers do`,
      )
  }
}

function checkSession({ id, password }: SessionCredentials): void {
  if (typeof id !== 'bigint' || id === 0n)
    throw new TypeError('connect: session.id must be a bigint other than 0n')
  if (!(password instanceof Uint8Array) || password.length !== 16) {
    throw new TypeError('connect: session.password must be 16 bytes')
  }
}

function checkSasl({ username, password }: SaslCredential): void {
  if (typeof username !== 'string' || username === '' || typeof password !== 'string') {
    throw new TypeError('connect: sasl needs a username and a password, both strings')
  }
}

function checkAuths(auth: ConnectOptions['auth']): CheckedOptions['auths'] {
  const list = auth === undefined ? [] : Array.isArray(auth) ? (auth as readonly Auth[]) : [auth as Auth]
  return list.map((entry) => checkAuth(entry.scheme, entry.auth))
}

/** One identity, copied. Throws `TypeError` without showing the secret. */
export function checkAuth(scheme: unknown, auth: unknown): { scheme: string; auth: Buffer } {
  if (typeof scheme !== 'string' || scheme === '')
    throw new TypeError('auth: scheme must be a non-empty string')
  if (typeof auth !== 'string' && !(auth instanceof Uint8Array)) {
    throw new TypeError(`auth: the secret of scheme ${scheme} must be a string or bytes`)
  }
  const bytes = Buffer.from(auth as string)
  if (scheme === 'digest' && bytes.indexOf(0x3a) <= 0) {
    throw new TypeError('auth: digest credentials must have the form user:password')
  }
  return { scheme, auth: bytes }
}
