/**
 * What a recipe may ask of a ZooKeeper client. The built-in client, drivers for other packages and test trees
 * implement it; recipes know nothing else.
 *
 * Guarantees that recipes stand on, and that every implementation gives:
 * - Calls made in one turn go out in the order they were made, and are applied in that order: a `children` called
 *   right behind a `create`, without awaiting it, sees that create.
 * - A write whose reply did not arrive rejects with outcome `unknown`; it is never sent twice.
 * - A watch listener is called for each watch exactly once: with the event, or with `removed` or `lost`.
 * - A call with `generation` never reaches the server on another session than that one.
 */
import type { Runtime } from '../runtime/runtime.js'
import type { Acl } from './acl.js'
import type { LostReason, ZkError } from './errors.js'
import type { Stat } from './stat.js'

/** The last argument of every call that talks to a server. */
export interface CallOptions {
  /** Gives up: the call rejects with the signal's reason. What was sent may still take effect. */
  readonly signal?: AbortSignal | undefined
  /** Bound on the whole call, reconnecting included, in milliseconds. Rejects with `TimeoutError`. Default: none. */
  readonly timeoutMs?: number | undefined
  /** Only on the session of this generation: after its end the call rejects with `SessionExpiredError`, unsent. */
  readonly generation?: number | undefined
}

/** Bytes to store; a string is stored as UTF-8; null stores none. */
export type Data = Uint8Array | string | null

export type CreateMode =
  | 'persistent'
  | 'ephemeral'
  | 'persistentSequential'
  | 'ephemeralSequential'
  | 'container'
  | 'persistentWithTtl'
  | 'persistentSequentialWithTtl'

export interface CreateSpec {
  /** Default `persistent`. */
  readonly mode?: CreateMode | undefined
  /** Default: creator-only when the client has credentials, else open to all. */
  readonly acl?: readonly Acl[] | undefined
  /** For the TTL modes: milliseconds without change or children after which the server deletes it (1 to 2^40 − 1). */
  readonly ttlMs?: number | undefined
}

export interface VersionSpec {
  /** Only if the znode has this version; −1 or left out: any. */
  readonly version?: number | undefined
}

export type WatchEventType =
  | 'created'
  | 'deleted'
  | 'dataChanged'
  | 'childrenChanged'
  /** The watch was taken away by `removeWatch`. */
  | 'removed'
  /** The session that the watch was set on is over, or the client was closed: it will never fire. */
  | 'lost'

export interface WatchEvent {
  readonly type: WatchEventType
  readonly path: string
  /** The transaction that caused it, where the server says so (3.9 and newer). */
  readonly zxid?: bigint | undefined
}

/**
 * Called synchronously, in the order of the events, before any data that is newer than the event. It may be called
 * before the continuation of the read that set the watch has run. What it throws is logged, never rethrown.
 */
export type WatchListener = (event: WatchEvent) => void

export interface WatchSpec {
  /** A one-shot watch, set only if the read succeeds (for `exists`: also if the znode is absent). */
  readonly watch?: WatchListener | undefined
}

export interface Created {
  /** The path made, sequence number included. */
  readonly path: string
  readonly stat: Stat
}

export interface NodeData {
  /** A copy that is the caller's own. Empty for a znode without data. */
  readonly data: Buffer
  readonly stat: Stat
}

export interface Children {
  /** Names, not paths, in no particular order. */
  readonly children: string[]
  /** Of the parent. */
  readonly stat: Stat
}

export type SessionState = 'connecting' | 'connected' | 'readOnly' | 'suspended' | 'lost' | 'closed'

/** One session with the ensemble, from its start to its end. Ephemeral znodes and watches belong to one. */
export interface Session {
  readonly id: bigint
  /** 1 for the client's first session, one more for each next. */
  readonly generation: number
  /** As negotiated with the server. */
  readonly timeoutMs: number
  /** Aborts when the session is over or can no longer be proved alive; its reason is the typed error. */
  readonly signal: AbortSignal
  /** Why it is over; undefined while it is not. Set before `signal` aborts. */
  readonly endedBy: LostReason | undefined
}

/** What not every implementation or server version has. */
export type Capability =
  | 'transactions'
  | 'createAcl'
  | 'createStat'
  | 'containers'
  | 'ttl'
  | 'watchRemoval'
  | 'persistentWatches'
  | 'multiRead'

export interface CreateResult {
  readonly type: 'create'
  readonly path: string
  /** Left out by servers before 3.7.2, 3.8.4 and 3.9.0 for some modes (ZOOKEEPER-4026). */
  readonly stat?: Stat | undefined
}
export interface DeleteResult {
  readonly type: 'delete'
}
export interface SetResult {
  readonly type: 'set'
  readonly stat: Stat
}
export interface CheckResult {
  readonly type: 'check'
}
export type TransactionResult = CreateResult | DeleteResult | SetResult | CheckResult

/**
 * Operations that the server applies all or none, in order, as one transaction. The type carries the results, one an
 * operation. A transaction can be committed once.
 */
export interface Transaction<R extends readonly TransactionResult[] = readonly []> {
  create(path: string, data?: Data, spec?: CreateSpec): Transaction<readonly [...R, CreateResult]>
  delete(path: string, spec?: VersionSpec): Transaction<readonly [...R, DeleteResult]>
  set(path: string, data: Data, spec?: VersionSpec): Transaction<readonly [...R, SetResult]>
  /** Fails the transaction unless the znode exists and has the version. */
  check(path: string, spec?: VersionSpec): Transaction<readonly [...R, CheckResult]>
  /** Rejects with `TransactionError`, which names the operation that failed, when the server refuses. */
  commit(options?: CallOptions): Promise<R>
}

/** One read of a `multiRead`. */
export interface MultiReadRequest {
  readonly type: 'get' | 'children'
  readonly path: string
}

/** What came of it: each read succeeds or fails by itself. */
export type MultiReadResult =
  | ({ readonly type: 'get' } & NodeData)
  | { readonly type: 'children'; readonly children: string[] }
  | { readonly type: 'error'; readonly error: ZkError }

/** pino's shape: fields first, then the message. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Watch extends AsyncDisposable {
  /** Takes the watch away, here at once and on the server when the promise resolves. Idempotent. */
  close(options?: CallOptions): Promise<void>
}

export interface Zk {
  readonly runtime: Runtime
  readonly logger: Logger
  readonly state: SessionState
  /** The session that is live, or may still be (`suspended`); undefined before the first and after the last. */
  readonly session: Session | undefined
  supports(capability: Capability): boolean
  /** Resolves with the live session as soon as there is one that takes writes. Rejects with `ClosedError` when closed. */
  ready(options?: CallOptions): Promise<Session>
  /** Calls `listener` at each change of state, in order. Returns the way to stop. */
  on(event: 'state', listener: (state: SessionState, session: Session | undefined) => void): () => void

  create(path: string, data?: Data, options?: CreateSpec & CallOptions): Promise<Created>
  delete(path: string, options?: VersionSpec & CallOptions): Promise<void>
  exists(path: string, options?: WatchSpec & CallOptions): Promise<Stat | undefined>
  get(path: string, options?: WatchSpec & CallOptions): Promise<NodeData>
  set(path: string, data: Data, options?: VersionSpec & CallOptions): Promise<Stat>
  children(path: string, options?: WatchSpec & CallOptions): Promise<Children>
  /** Resolves when the server that we are connected to has caught up with the leader. */
  sync(path: string, options?: CallOptions): Promise<void>
  transaction(): Transaction
  /** Several reads in one request; each succeeds or fails by itself. ZooKeeper 3.6 and newer, else `UNIMPLEMENTED`. */
  multiRead(requests: readonly MultiReadRequest[], options?: CallOptions): Promise<MultiReadResult[]>
  /** Makes the path and what is missing above it. Resolves as soon as it exists, whoever made it. */
  ensurePath(
    path: string,
    options?: { mode?: 'persistent' | 'container'; acl?: readonly Acl[] } & CallOptions,
  ): Promise<void>
  /**
   * Takes back one-shot watches that `listener` was given for on `path`. It is told `removed` at once and never
   * called again; the promise resolves when the server has forgotten its side, if nobody else here needs it.
   */
  removeWatch(path: string, listener: WatchListener, options?: CallOptions): Promise<void>
  /**
   * A watch that stays (ZooKeeper 3.6 and newer): on the znode and its children list, or, recursive, on all below.
   * It survives reconnects, with a gap: events while disconnected are not replayed. It ends with `lost`.
   */
  watch(
    path: string,
    listener: WatchListener,
    options?: { recursive?: boolean } & CallOptions,
  ): Promise<Watch>
}
