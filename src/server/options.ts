/** The options of an embedded server, what they default to, and their checks. */
import type { Logger } from '../api/zk.js'
import type { Runtime } from '../runtime/runtime.js'
import { systemRuntime } from '../runtime/runtime.js'
import type { ServerTls } from '../transport/tcp-acceptor.js'
import type { Acceptor } from '../transport/transport.js'
import { DEFAULT_MAX_FRAME_BYTES } from '../protocol/constants.js'

/** Bounds on what clients can make the server hold. What happens at a bound is said with each. */
export interface ServerLimits {
  /** Open connections; one more is closed at once. Default 10,000. */
  readonly connections: number
  /** Sessions; a handshake for one more is closed without an answer. Default 10,000. */
  readonly sessions: number
  /** Znodes; a create beyond is answered with QUOTA_EXCEEDED. Default 1,000,000. */
  readonly nodes: number
  /** Bytes of all paths and data; a write beyond is answered with QUOTA_EXCEEDED. Default 512 MiB. */
  readonly dataBytes: number
  /** Watches, pairs of path and connection; a request for one more is answered with THROTTLED. Default 1,000,000. */
  readonly watches: number
  /** Bytes of one request (`jute.maxbuffer`); a longer one ends the connection. Default 1 MiB − 1. */
  readonly frameBytes: number
  /** Operations of one transaction or multi-read; more are answered with BAD_ARGUMENTS. Default 10,000. */
  readonly multiOperations: number
  /** Time for the first request of a connection, in milliseconds; then it is closed. Default 10,000. */
  readonly handshakeMs: number
  /** Reply bytes that wait for a slow reader before its requests are no longer read. Default 4 MiB. */
  readonly bufferedBytes: number
  /** Reply and event bytes that wait for a slow reader before its connection is closed. Default 64 MiB. */
  readonly bufferedBytesMax: number
}

const defaultLimits: ServerLimits = {
  connections: 10_000,
  sessions: 10_000,
  nodes: 1_000_000,
  dataBytes: 512 * 1024 * 1024,
  watches: 1_000_000,
  frameBytes: DEFAULT_MAX_FRAME_BYTES,
  multiOperations: 10_000,
  handshakeMs: 10_000,
  bufferedBytes: 4 * 1024 * 1024,
  bufferedBytesMax: 64 * 1024 * 1024,
}

/**
 * Which server to be where versions differ. `3.8`: events carry zxid −1, removeWatches by type takes persistent ones
 * with it, a watch replaces one of another kind on the same path. `3.5`: besides, exists needs no permission, and there
 * is no getEphemerals, getAllChildrenNumber, setWatches2, addWatch, whoAmI, multiRead.
 */
export type EmulatedVersion = '3.5' | '3.8' | '3.9'

export interface StartServerOptions {
  /** 0, the default, takes a free one, and the same again after a restart. */
  readonly port?: number
  /** Where to listen. Default `127.0.0.1`; anything beyond loopback is open to the network, and logged as a warning. */
  readonly host?: string
  /** ZooKeeper's unit of time, in milliseconds: sessions expire at whole ticks. Default 2,000. */
  readonly tickTimeMs?: number
  /** Shortest session timeout that is granted, in milliseconds. Default 2 ticks. */
  readonly minSessionTimeoutMs?: number
  /** Longest session timeout that is granted, in milliseconds. Default 20 ticks. */
  readonly maxSessionTimeoutMs?: number
  readonly limits?: Partial<ServerLimits>
  /** TTL nodes (`extendedTypesEnabled`). Off: their creation is answered with UNIMPLEMENTED. Default on. */
  readonly extendedTypes?: boolean
  /** How often containers and TTL nodes that are over are deleted, in milliseconds. Default 60,000. */
  readonly reapIntervalMs?: number
  /** After how long a container that never had a child is deleted, in milliseconds; 0, as before 3.9: never. Default 0. */
  readonly maxNeverUsedMs?: number
  /** Default `3.9`. */
  readonly emulate?: EmulatedVersion
  /**
   * What the sequence counter of a znode does after 2147483647. `wrap`, the default: −2147483648 comes next, as
   * ZooKeeper's manual says, and as real servers do while creates are in flight together. `stick`: it stays, so that
   * the next create is NODE_EXISTS, as real servers (seen with 3.8.0) do when one create comes after the other.
   */
  readonly sequenceOverflow?: 'wrap' | 'stick'
  /** `user:base64(sha1(user:password))` of the identity that passes every ACL. Default: nobody. */
  readonly superDigest?: string
  /** Names and passwords for SASL DIGEST-MD5. Default: SASL is off. */
  readonly saslUsers?: Readonly<Record<string, string>>
  /** Answer reconfig with UNIMPLEMENTED, as a standalone server does where it is on. Default off: RECONFIG_DISABLED. */
  readonly reconfigEnabled?: boolean
  /**
   * Directory for the log and snapshots, made if it is absent: znodes, ephemerals with their sessions (id, password,
   * timeout), zxid. Without it everything is gone with the process. One server a directory at a time.
   */
  readonly dataDir?: string
  /** Make each batch of writes durable (fsync) before it is answered. Default off: safe from a killed process only. */
  readonly fsync?: boolean
  /** Transactions between snapshots. Default 100,000. */
  readonly snapshotEvery?: number
  /** pino's shape. Default: silent but for warnings, which become process warnings. */
  readonly logger?: Logger
  /** Time and chance. Default: the machine's. */
  readonly runtime?: Runtime
  /** Where connections come from. Default: TCP. */
  readonly acceptor?: Acceptor
  /** Serve TLS, only, on the port. */
  readonly tls?: ServerTls
}

/** The options with everything decided. */
export interface ServerSettings extends Required<
  Omit<StartServerOptions, 'limits' | 'superDigest' | 'saslUsers' | 'dataDir' | 'acceptor' | 'tls'>
> {
  readonly limits: ServerLimits
  readonly superDigest: string | undefined
  readonly saslUsers: ReadonlyMap<string, string>
  readonly dataDir: string | undefined
  readonly acceptor: Acceptor | undefined
  readonly tls: ServerTls | undefined
}

const quiet = (): void => undefined
const defaultLogger: Logger = {
  debug: quiet,
  info: quiet,
  warn: (_fields, message) => process.emitWarning(`latchkey server: ${message}`),
  error: ({ err }: { err?: unknown }, message) =>
    process.emitWarning(`latchkey server: ${message}${err instanceof Error ? ` (${err.message})` : ''}`),
}

function checkNumber(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new TypeError(`${name} must be a whole number, got ${String(value)}`)
  if (value < least || value > most)
    throw new RangeError(`${name} must be from ${least} to ${most}, got ${value}`)
  return value
}

function checkLimits(limits: ServerLimits): ServerLimits {
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!(name in defaultLimits)) throw new TypeError(`there is no limit ${name}`)
    if (value !== Infinity) checkNumber(`limits.${name}`, value, 1)
  }
  checkNumber('limits.frameBytes', limits.frameBytes, 1024, 0x7fff_ffff)
  return limits
}

/** Throws `TypeError` or `RangeError` that names the option that can't be. */
export function settle(options: StartServerOptions): ServerSettings {
  const tickTimeMs = checkNumber('tickTimeMs', options.tickTimeMs ?? 2_000, 1)
  const minSessionTimeoutMs = checkNumber(
    'minSessionTimeoutMs',
    options.minSessionTimeoutMs ?? 2 * tickTimeMs,
    1,
  )
  const maxSessionTimeoutMs = checkNumber(
    'maxSessionTimeoutMs',
    options.maxSessionTimeoutMs ?? Math.max(20 * tickTimeMs, minSessionTimeoutMs),
    minSessionTimeoutMs,
    0x7fff_ffff,
  )
  const emulate = options.emulate ?? '3.9'
  if (!['3.5', '3.8', '3.9'].includes(emulate))
    throw new TypeError(`emulate must be '3.5', '3.8' or '3.9', got ${emulate as string}`)
  return {
    port: checkNumber('port', options.port ?? 0, 0, 65_535),
    host: options.host ?? '127.0.0.1',
    tickTimeMs,
    minSessionTimeoutMs,
    maxSessionTimeoutMs,
    limits: checkLimits({ ...defaultLimits, ...options.limits }),
    extendedTypes: options.extendedTypes ?? true,
    reapIntervalMs: checkNumber('reapIntervalMs', options.reapIntervalMs ?? 60_000, 1),
    maxNeverUsedMs: checkNumber('maxNeverUsedMs', options.maxNeverUsedMs ?? 0, 0),
    emulate,
    sequenceOverflow: options.sequenceOverflow ?? 'wrap',
    superDigest: options.superDigest,
    saslUsers: new Map(Object.entries(options.saslUsers ?? {})),
    reconfigEnabled: options.reconfigEnabled ?? false,
    dataDir: options.dataDir,
    fsync: options.fsync ?? false,
    snapshotEvery: checkNumber('snapshotEvery', options.snapshotEvery ?? 100_000, 1),
    logger: options.logger ?? defaultLogger,
    runtime: options.runtime ?? systemRuntime,
    acceptor: options.acceptor,
    tls: options.tls,
  }
}
