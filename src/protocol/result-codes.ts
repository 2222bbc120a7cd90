/** The server's result codes and what they are called here. An unknown one becomes a typed error like any other. */
import type { ErrorCode, Outcome, ZkError, ZkErrorOptions } from '../api/errors.js'
import { errorOf } from '../api/errors.js'

export const OK = 0

export const ResultCode = {
  SYSTEM_ERROR: -1,
  RUNTIME_INCONSISTENCY: -2,
  DATA_INCONSISTENCY: -3,
  CONNECTION_LOSS: -4,
  MARSHALLING_ERROR: -5,
  UNIMPLEMENTED: -6,
  OPERATION_TIMEOUT: -7,
  BAD_ARGUMENTS: -8,
  UNKNOWN_SESSION: -12,
  NEW_CONFIG_NO_QUORUM: -13,
  RECONFIG_IN_PROGRESS: -14,
  API_ERROR: -100,
  NO_NODE: -101,
  NO_AUTH: -102,
  BAD_VERSION: -103,
  NO_CHILDREN_FOR_EPHEMERALS: -108,
  NODE_EXISTS: -110,
  NOT_EMPTY: -111,
  SESSION_EXPIRED: -112,
  INVALID_CALLBACK: -113,
  INVALID_ACL: -114,
  AUTH_FAILED: -115,
  CLOSING: -116,
  SESSION_MOVED: -118,
  NOT_READ_ONLY: -119,
  EPHEMERAL_ON_LOCAL_SESSION: -120,
  NO_WATCHER: -121,
  REQUEST_TIMEOUT: -122,
  RECONFIG_DISABLED: -123,
  SESSION_CLOSED_REQUIRE_SASL_AUTH: -124,
  QUOTA_EXCEEDED: -125,
  THROTTLED: -127,
} as const satisfies Partial<Record<ErrorCode, number>>

export type ServerErrorCode = keyof typeof ResultCode

const names = new Map<number, ServerErrorCode>(
  Object.entries(ResultCode).map(([name, code]) => [code, name as ServerErrorCode]),
)

const sentences: Partial<Record<ServerErrorCode, string>> = {
  NO_NODE: 'no such znode',
  NODE_EXISTS: 'the znode exists already',
  NOT_EMPTY: 'the znode has children',
  BAD_VERSION: 'the znode has another version',
  NO_AUTH: 'the ACL does not allow it',
  INVALID_ACL: 'the server does not accept this ACL (with the auth scheme: no credentials are given)',
  NO_CHILDREN_FOR_EPHEMERALS: 'an ephemeral znode can not have children',
  NOT_READ_ONLY: 'the server is in read-only mode and takes no writes',
  UNIMPLEMENTED: 'the server does not know this operation, or it is switched off there',
  SESSION_EXPIRED: 'the session has expired',
  SESSION_MOVED: 'the session has moved to another server',
  AUTH_FAILED: 'the credentials were refused',
  NO_WATCHER: 'there is no such watch',
  QUOTA_EXCEEDED: 'the quota of the subtree is used up',
  THROTTLED: 'the server is overloaded and did not execute it',
  BAD_ARGUMENTS: 'the server refused the arguments',
  RECONFIG_DISABLED: 'reconfiguration is switched off on the server (reconfigEnabled)',
}

// Answers after which the server may still carry the request out.
const unknownOutcome = new Set<ServerErrorCode>([
  'CONNECTION_LOSS',
  'OPERATION_TIMEOUT',
  'REQUEST_TIMEOUT',
  'SYSTEM_ERROR',
])

/** The error for a result code of the server. `what` is the operation's name. */
export function errorOfResult(result: number, what: string, path?: string): ZkError {
  const name = names.get(result)
  const code: ErrorCode = name ?? 'UNKNOWN_SERVER_ERROR'
  const sentence =
    name === undefined ? `the server answered with the unknown code ${result}` : (sentences[name] ?? name)
  const outcome: Outcome = name === undefined || unknownOutcome.has(name) ? 'unknown' : 'rejected'
  const options: ZkErrorOptions = { outcome, path }
  return errorOf(code, `${what}${path === undefined ? '' : ` ${path}`}: ${sentence}`, options)
}
