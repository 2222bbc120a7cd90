/**
 * Every error that latchkey raises, but for misuse, which is a `TypeError` or `RangeError` thrown at once.
 *
 * Three questions decide what a caller can do, and each error answers them: what was it (`code`), may it have taken
 * effect (`outcome`), is trying again on this session pointless (`terminal`).
 *
 * Invariants: codes are append-only; `instanceof` works across copies of the package; nothing secret is ever in a
 * message, a field or the JSON form.
 */

/** What went wrong, as a constant to compare with. Append-only. */
export type ErrorCode =
  // Answers of the server, by ZooKeeper's own names (KeeperException).
  | 'SYSTEM_ERROR'
  | 'RUNTIME_INCONSISTENCY'
  | 'DATA_INCONSISTENCY'
  | 'CONNECTION_LOSS'
  | 'MARSHALLING_ERROR'
  | 'UNIMPLEMENTED'
  | 'OPERATION_TIMEOUT'
  | 'BAD_ARGUMENTS'
  | 'UNKNOWN_SESSION'
  | 'NEW_CONFIG_NO_QUORUM'
  | 'RECONFIG_IN_PROGRESS'
  | 'API_ERROR'
  | 'NO_NODE'
  | 'NO_AUTH'
  | 'BAD_VERSION'
  | 'NO_CHILDREN_FOR_EPHEMERALS'
  | 'NODE_EXISTS'
  | 'NOT_EMPTY'
  | 'SESSION_EXPIRED'
  | 'INVALID_CALLBACK'
  | 'INVALID_ACL'
  | 'AUTH_FAILED'
  | 'CLOSING'
  | 'SESSION_MOVED'
  | 'NOT_READ_ONLY'
  | 'EPHEMERAL_ON_LOCAL_SESSION'
  | 'NO_WATCHER'
  | 'REQUEST_TIMEOUT'
  | 'RECONFIG_DISABLED'
  | 'SESSION_CLOSED_REQUIRE_SASL_AUTH'
  | 'QUOTA_EXCEEDED'
  | 'THROTTLED'
  | 'UNKNOWN_SERVER_ERROR'
  // Raised on this side of the wire.
  | 'TIMEOUT'
  | 'CLOSED'
  | 'PROTOCOL_ERROR'
  | 'UNSUPPORTED'
  | 'REQUEST_TOO_LARGE'
  | 'PENDING_LIMIT'
  | 'INSECURE_AUTH'
  | 'TRANSACTION_FAILED'
  | 'ROLLED_BACK'
  | 'NO_CONNECT_STRING'
  | 'LOCK_LOST'
  | 'DEADLOCK'
  | 'TEST_ENVIRONMENT'

/** `rejected`: it has certainly not taken effect. `unknown`: it may or may not have. */
export type Outcome = 'rejected' | 'unknown'

export interface ZkErrorOptions {
  readonly outcome?: Outcome | undefined
  readonly terminal?: boolean | undefined
  readonly path?: string | undefined
  readonly cause?: unknown
}

/** `instanceof` by a registered symbol, so that an error of another copy of this package is recognised too. */
function hasBrand(type: { readonly brand: symbol }, ownBrand: boolean, value: unknown): boolean {
  if (!ownBrand) return Function.prototype[Symbol.hasInstance].call(type, value)
  return typeof value === 'object' && value !== null && type.brand in value
}

/** The base of all. See the list of codes for what can come. */
export class ZkError extends Error {
  static readonly brand: symbol = Symbol.for('latchkey.ZkError')
  readonly code: ErrorCode
  readonly outcome: Outcome
  /** True when the session, or the client, is gone: the same call can't succeed on it again. */
  readonly terminal: boolean
  /** The znode that the call was about, where there is one. */
  readonly path: string | undefined

  constructor(code: ErrorCode, message: string, options: ZkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.outcome = options.outcome ?? 'rejected'
    this.terminal = options.terminal ?? false
    this.path = options.path
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasBrand(this, Object.hasOwn(this, 'brand'), value)
  }

  /** What a logger should write: no stack, no cause chain of foreign objects. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, outcome, terminal, path } = this
    return { name, code, message, outcome, terminal, ...(path === undefined ? {} : { path }) }
  }
}
Object.defineProperty(ZkError.prototype, ZkError.brand, { value: true })
Object.defineProperty(ZkError.prototype, 'name', { value: 'ZkError', writable: true, configurable: true })

/** Declares what a subclass is called and how it is recognised. */
function brand(type: { readonly prototype: object }, name: string): void {
  const symbol = Symbol.for(`latchkey.${name}`)
  Object.defineProperty(type, 'brand', { value: symbol })
  Object.defineProperty(type.prototype, symbol, { value: true })
  Object.defineProperty(type.prototype, 'name', { value: name, writable: true, configurable: true })
}

/** The connection broke while a request was in flight: it may have been applied or not (`outcome` is `unknown`). */
export class ConnectionLossError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('CONNECTION_LOSS', message, { outcome: 'unknown', ...options })
  }
}
brand(ConnectionLossError, 'ConnectionLossError')

/** The session is over: its ephemeral znodes and its watches are gone. The client opens a new one by itself. */
export class SessionExpiredError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('SESSION_EXPIRED', message, { terminal: true, ...options })
  }
}
brand(SessionExpiredError, 'SessionExpiredError')

/** The client was closed; nothing more can be done with it. */
export class ClosedError extends ZkError {
  constructor(message = 'the client is closed', options: ZkErrorOptions = {}) {
    super('CLOSED', message, { terminal: true, ...options })
  }
}
brand(ClosedError, 'ClosedError')

/** The time limit of the call (`timeoutMs`) ran out. For a write that was already sent, `outcome` is `unknown`. */
export class TimeoutError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('TIMEOUT', message, options)
  }
}
brand(TimeoutError, 'TimeoutError')

/** The credentials were refused. The client gives up: the same credentials will be refused again. */
export class AuthFailedError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('AUTH_FAILED', message, { terminal: true, ...options })
  }
}
brand(AuthFailedError, 'AuthFailedError')

/** Bytes came that the protocol does not allow. The connection that they came on is dropped. */
export class ProtocolError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('PROTOCOL_ERROR', message, { outcome: 'unknown', ...options })
  }
}
brand(ProtocolError, 'ProtocolError')

/** The server (by its version or its settings) or the driver has no such operation. */
export class UnsupportedError extends ZkError {
  constructor(code: 'UNSUPPORTED' | 'UNIMPLEMENTED', message: string, options: ZkErrorOptions = {}) {
    super(code, message, options)
  }
}
brand(UnsupportedError, 'UnsupportedError')

/** The znode does not exist. */
export class NoNodeError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('NO_NODE', message, options)
  }
}
brand(NoNodeError, 'NoNodeError')

/** The znode exists already. */
export class NodeExistsError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('NODE_EXISTS', message, options)
  }
}
brand(NodeExistsError, 'NodeExistsError')

/** The znode has another version than the one asked for. */
export class BadVersionError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('BAD_VERSION', message, options)
  }
}
brand(BadVersionError, 'BadVersionError')

/** The ACL of the znode (for create and delete: of its parent) does not allow it. */
export class NoAuthError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('NO_AUTH', message, options)
  }
}
brand(NoAuthError, 'NoAuthError')

/** The znode has children. */
export class NotEmptyError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('NOT_EMPTY', message, options)
  }
}
brand(NotEmptyError, 'NotEmptyError')

/** A transaction was refused as a whole: none of its operations took effect. */
export class TransactionError extends ZkError {
  /** Index, in the order they were added, of the operation that failed. */
  readonly failedIndex: number
  /** That operation's own error. */
  readonly failure: ZkError

  constructor(message: string, failedIndex: number, failure: ZkError) {
    super('TRANSACTION_FAILED', message, { path: failure.path, cause: failure })
    this.failedIndex = failedIndex
    this.failure = failure
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), failedIndex: this.failedIndex, failure: this.failure.toJSON() }
  }
}
brand(TransactionError, 'TransactionError')

/** Why something that was held is not held any more. */
export type LostReason =
  /** The server said that the session is over. */
  | 'session-expired'
  /**
   * That the session lives can't be proved: cut off for so long that the local deadline passed, or the znode is gone and
   * whether its session is too could not be found out at once.
   */
  | 'session-in-doubt'
  /** Somebody deleted the znode. */
  | 'node-deleted'
  /** An operator broke the lock: the znode was marked as asked for, then deleted. */
  | 'revoked'
  /** The client was closed. */
  | 'closed'
  /** The connection was lost, and the lock's `lossPolicy` takes that for a loss. */
  | 'suspended'
  /** Its own side gave it up, and those who use it are told so: `close({ mode: 'notify' })` of a leader latch. */
  | 'resigned'

/** The reason that a hold's `signal` aborts with: it is not held any more, or can no longer be proved to be. */
export class LockLostError extends ZkError {
  readonly reason: LostReason

  constructor(message: string, reason: LostReason, options: ZkErrorOptions = {}) {
    super('LOCK_LOST', message, { terminal: true, ...options })
    this.reason = reason
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), reason: this.reason }
  }
}
brand(LockLostError, 'LockLostError')

/**
 * It would wait for a hold of its own, for ever: such as for a write lock inside of what runs under the read lock.
 * Refused at once where it can be known.
 */
export class DeadlockError extends ZkError {
  constructor(message: string, options: ZkErrorOptions = {}) {
    super('DEADLOCK', message, options)
  }
}
brand(DeadlockError, 'DeadlockError')

type PlainError = new (message: string, options?: ZkErrorOptions) => ZkError

const classes: Partial<Record<ErrorCode, PlainError>> = {
  CONNECTION_LOSS: ConnectionLossError,
  SESSION_EXPIRED: SessionExpiredError,
  AUTH_FAILED: AuthFailedError,
  NO_NODE: NoNodeError,
  NODE_EXISTS: NodeExistsError,
  BAD_VERSION: BadVersionError,
  NO_AUTH: NoAuthError,
  NOT_EMPTY: NotEmptyError,
}

/** The error of the class that belongs to `code`. */
export function errorOf(code: ErrorCode, message: string, options: ZkErrorOptions = {}): ZkError {
  if (code === 'UNIMPLEMENTED' || code === 'UNSUPPORTED') return new UnsupportedError(code, message, options)
  const type = classes[code]
  return type === undefined ? new ZkError(code, message, options) : new type(message, options)
}

/** True if `error` is a {@link ZkError} with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is ZkError {
  return error instanceof ZkError && codes.includes(error.code)
}
