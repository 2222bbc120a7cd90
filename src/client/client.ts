/**
 * The client: ZooKeeper's operations as methods, over a session that looks after itself. Each method checks its
 * arguments, maps paths through the chroot, and hands one request to the session.
 *
 * Every call rejects with a `TypeError` or `RangeError` for misuse (nothing was sent), with the caller's own
 * `signal.reason`, or with a `ZkError` whose `outcome` says whether it may have taken effect.
 */
import { inspect } from 'node:util'
import type { Acl } from '../api/acl.js'
import { CREATOR_ACL, OPEN_ACL } from '../api/acl.js'
import { hasCode } from '../api/errors.js'
import type { Stat } from '../api/stat.js'
import type {
  CallOptions,
  Capability,
  Children,
  Created,
  CreateSpec,
  Data,
  Logger,
  MultiReadRequest,
  MultiReadResult,
  NodeData,
  Session,
  SessionState,
  Transaction,
  VersionSpec,
  Watch,
  WatchListener,
  WatchSpec,
  Zk,
} from '../api/zk.js'
import { AddWatchMode, createFlags } from '../protocol/constants.js'
import type { MultiOperation, MultiResult } from '../protocol/multi.js'
import type { Operation } from '../protocol/operations.js'
import { operations } from '../protocol/operations.js'
import { ResultCode } from '../protocol/result-codes.js'
import type { Runtime } from '../runtime/runtime.js'
import type { Credentials } from '../session/authentication.js'
import type { PendingWatch, WatchKind } from '../session/pending.js'
import type { EntrySpec } from '../session/request-queue.js'
import type { SessionClient } from '../session/session.js'
import type { ServerWatch } from '../session/watches.js'
import { fromAcl, hasTtl, isSequential, toAcl, toBytes, toMode, toVersion } from './arguments.js'
import type { Chroot } from './chroot.js'
import { deleteTree } from './delete-tree.js'
import type { DeleteTreeOptions } from './delete-tree.js'
import { ensurePath } from './ensure-path.js'
import { fromReads, toReads } from './multi-read.js'
import type { SessionCredentials } from './options.js'
import { checkAuth } from './options.js'
import type { Reconfiguration } from './reconfiguration.js'
import { toReconfig } from './reconfiguration.js'
import { nodeData, statOf } from './replies.js'
import type { StateFeed } from './state-feed.js'
import { operationsTraced, traceOperation } from './tracing.js'
import { ClientTransaction } from './transaction.js'

export interface ClientParts {
  readonly session: SessionClient
  readonly feed: StateFeed
  readonly chroot: Chroot
  readonly runtime: Runtime
  readonly logger: Logger
  readonly credentials: Credentials
  readonly acl: readonly Acl[] | undefined
  readonly requestTimeoutMs: number | undefined
}

const VOID = (): undefined => undefined
const CONFIG_PATH = '/zookeeper/config'

export class Client implements Zk, AsyncDisposable {
  readonly runtime: Runtime
  readonly logger: Logger
  readonly #parts: ClientParts
  readonly #session: SessionClient
  readonly #chroot: Chroot

  /** @internal Use `connect`. */
  constructor(parts: ClientParts) {
    this.#parts = parts
    this.#session = parts.session
    this.#chroot = parts.chroot
    this.runtime = parts.runtime
    this.logger = parts.logger
  }

  get state(): SessionState {
    return this.#session.state
  }

  get session(): Session | undefined {
    return this.#session.session
  }

  supports(_capability: Capability): boolean {
    return true
  }

  on(event: 'state', listener: (state: SessionState, session: Session | undefined) => void): () => void {
    if ((event as string) !== 'state')
      throw new TypeError(`there is no event ${JSON.stringify(event)}: only 'state'`)
    return this.#parts.feed.listen(listener)
  }

  /** The state now and after each change, coalesced: a slow reader sees the newest. Ends when closed or aborted. */
  states(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<SessionState> {
    return this.#parts.feed.states(options.signal)
  }

  async ready(options: CallOptions = {}): Promise<Session> {
    return this.#parts.feed.ready(options)
  }

  /**
   * Creates a znode. Its parent must exist and must not be ephemeral.
   *
   * @param data - at most about 1 MB; default: none.
   * @returns the path made, with its sequence number, and its stat.
   * Rejects with `NodeExistsError`, `NoNodeError` (no parent), `NoAuthError`, `INVALID_ACL`, `NO_CHILDREN_FOR_EPHEMERALS`,
   * `UNIMPLEMENTED` (TTL modes without `extendedTypesEnabled` on the server).
   */
  async create(path: string, data?: Data, options: CreateSpec & CallOptions = {}): Promise<Created> {
    const mode = toMode(options)
    const acl = toAcl(options.acl ?? this.defaultAcl)
    const request = {
      path: this.#chroot.toServer(path, isSequential(mode)),
      data: toBytes(data),
      acl,
      flags: createFlags[mode],
      ttlMs: BigInt(options.ttlMs ?? 0),
    }
    const operation = hasTtl(mode)
      ? operations.createTtl
      : mode === 'container'
        ? operations.createContainer
        : operations.create
    const finish = (reply: Created): Created => ({
      path: this.#chroot.toClient(reply.path),
      stat: reply.stat,
    })
    return this.#call(
      operation as unknown as Operation<typeof request, Created>,
      request,
      { path, finish },
      options,
    )
  }

  /** Deletes a znode without children. Rejects with `NoNodeError`, `BadVersionError`, `NotEmptyError`, `NoAuthError`. */
  async delete(path: string, options: VersionSpec & CallOptions = {}): Promise<void> {
    const request = { path: this.#chroot.toServer(path), version: toVersion(options.version) }
    return this.#call(operations.delete, request, { path, finish: VOID }, options)
  }

  /** The znode's stat, or undefined if there is none. A watch is set in both cases. */
  async exists(path: string, options: WatchSpec & CallOptions = {}): Promise<Stat | undefined> {
    const full = this.#chroot.toServer(path)
    const watch = pendingWatch('exist', full, options)
    const spec = { path, watch, finish: statOf, absentIs: ResultCode.NO_NODE }
    return this.#call(operations.exists, { path: full, watch: watch !== undefined }, spec, options)
  }

  /** Data and stat. Rejects with `NoNodeError` (then no watch is set), `NoAuthError`. */
  async get(path: string, options: WatchSpec & CallOptions = {}): Promise<NodeData> {
    const full = this.#chroot.toServer(path)
    const watch = pendingWatch('data', full, options)
    return this.#call(
      operations.getData,
      { path: full, watch: watch !== undefined },
      { path, watch, finish: nodeData },
      options,
    )
  }

  /** Replaces the data. Rejects with `NoNodeError`, `BadVersionError`, `NoAuthError`, `QUOTA_EXCEEDED`. */
  async set(path: string, data: Data, options: VersionSpec & CallOptions = {}): Promise<Stat> {
    const request = {
      path: this.#chroot.toServer(path),
      data: toBytes(data),
      version: toVersion(options.version),
    }
    return this.#call(operations.setData, request, { path, finish: statOf }, options)
  }

  /** Names of the children, in no particular order, and the stat of their parent. */
  async children(path: string, options: WatchSpec & CallOptions = {}): Promise<Children> {
    const full = this.#chroot.toServer(path)
    const watch = pendingWatch('child', full, options)
    const spec = { path, watch, finish: (reply: unknown) => reply as Children }
    return this.#call(operations.getChildren2, { path: full, watch: watch !== undefined }, spec, options)
  }

  /** The ACL. Without READ and ADMIN rights the server hides digests in it. */
  async getACL(path: string, options: CallOptions = {}): Promise<{ acl: Acl[]; stat: Stat }> {
    const finish = (reply: {
      acl: Parameters<typeof fromAcl>[0]
      stat: Stat
    }): { acl: Acl[]; stat: Stat } => ({
      acl: fromAcl(reply.acl),
      stat: reply.stat,
    })
    return this.#call(operations.getAcl, { path: this.#chroot.toServer(path) }, { path, finish }, options)
  }

  /** Replaces the ACL. `version` is compared with `stat.aversion`. */
  async setACL(path: string, acl: readonly Acl[], options: VersionSpec & CallOptions = {}): Promise<Stat> {
    const request = {
      path: this.#chroot.toServer(path),
      acl: toAcl(acl),
      version: toVersion(options.version),
    }
    return this.#call(operations.setAcl, request, { path, finish: statOf }, options)
  }

  async sync(path: string, options: CallOptions = {}): Promise<void> {
    return this.#call(operations.sync, { path: this.#chroot.toServer(path) }, { path, finish: VOID }, options)
  }

  transaction(): Transaction {
    return new ClientTransaction({
      chroot: this.#chroot,
      defaultAcl: this.defaultAcl,
      multi: async (list, options) => this.#multi(list, options),
    })
  }

  async #multi(list: readonly MultiOperation[], options?: CallOptions): Promise<readonly MultiResult[]> {
    return this.#call(
      operations.multi,
      list,
      { finish: (results: readonly MultiResult[]) => results },
      options,
    )
  }

  /** Several reads in one request; each succeeds or fails by itself. ZooKeeper 3.6 and newer, else `UNIMPLEMENTED`. */
  async multiRead(
    requests: readonly MultiReadRequest[],
    options: CallOptions = {},
  ): Promise<MultiReadResult[]> {
    const list = toReads(requests, this.#chroot)
    const finish = (results: readonly MultiResult[]): MultiReadResult[] => fromReads(results, requests)
    return this.#call(operations.multiRead, list, { finish }, options)
  }

  /** Paths of all ephemeral znodes of this session below `prefix`. ZooKeeper 3.6 and newer, else `UNIMPLEMENTED`. */
  async getEphemerals(prefix = '/', options: CallOptions = {}): Promise<string[]> {
    const finish = (reply: { ephemerals: readonly string[] }): string[] =>
      reply.ephemerals.map((path) => this.#chroot.toClient(path))
    return this.#call(
      operations.getEphemerals,
      { prefixPath: this.#chroot.toServer(prefix) },
      { path: prefix, finish },
      options,
    )
  }

  /** How many znodes there are below `path`, at all depths. ZooKeeper 3.6 and newer, else `UNIMPLEMENTED`. */
  async getAllChildrenNumber(path: string, options: CallOptions = {}): Promise<number> {
    const finish = (reply: { totalNumber: number }): number => reply.totalNumber
    return this.#call(
      operations.getAllChildrenNumber,
      { path: this.#chroot.toServer(path) },
      { path, finish },
      options,
    )
  }

  /** The ensemble's membership, as in its dynamic configuration file. Outside of any chroot. */
  async getConfig(options: WatchSpec & CallOptions = {}): Promise<NodeData> {
    const watch = pendingWatch('data', CONFIG_PATH, options)
    const request = { path: CONFIG_PATH, watch: watch !== undefined }
    return this.#call(operations.getData, request, { path: CONFIG_PATH, watch, finish: nodeData }, options)
  }

  /**
   * Changes the ensemble's membership. Needs `reconfigEnabled` on the servers, and ADMIN rights there.
   * Rejects with `RECONFIG_DISABLED`, `NO_AUTH`, `BAD_VERSION`, `NEW_CONFIG_NO_QUORUM`, `RECONFIG_IN_PROGRESS`, `BAD_ARGUMENTS`.
   */
  async reconfig(change: Reconfiguration, options: CallOptions = {}): Promise<NodeData> {
    const request = toReconfig(change)
    return this.#call(operations.reconfig, request, { path: CONFIG_PATH, finish: nodeData }, options)
  }

  /** Who the server takes us for. ZooKeeper 3.7 and newer, else `UNIMPLEMENTED`. */
  async whoAmI(options: CallOptions = {}): Promise<{ scheme: string; user: string }[]> {
    const finish = (reply: {
      clientInfo: readonly { authScheme: string; user: string }[]
    }): { scheme: string; user: string }[] =>
      reply.clientInfo.map(({ authScheme, user }) => ({ scheme: authScheme, user }))
    return this.#call(operations.whoAmI, undefined, { finish }, options)
  }

  /**
   * Adds an identity to this and every later connection. From then on new znodes are creator-only by default.
   * Rejects with `AuthFailedError`, `INSECURE_AUTH`.
   */
  async addAuth(scheme: string, auth: string | Uint8Array): Promise<void> {
    const checked = checkAuth(scheme, auth)
    return this.#session.addCredential(checked.scheme, checked.auth)
  }

  async ensurePath(
    path: string,
    options: { mode?: 'persistent' | 'container'; acl?: readonly Acl[] } & CallOptions = {},
  ): Promise<void> {
    return ensurePath(this, this.#chroot.toServer(path), this.#outside(), options)
  }

  /**
   * Deletes a znode and all below it, children first, in transactions of bounded size. Children that others add
   * meanwhile are deleted too. Not atomic: after an abort or error part of it is gone.
   *
   * @returns how many znodes were deleted; 0 if there was nothing.
   */
  async deleteRecursive(path: string, options: DeleteTreeOptions & CallOptions = {}): Promise<number> {
    const full = this.#chroot.toServer(path)
    if (full === '/') throw new RangeError('deleteRecursive: the root can not be deleted')
    return deleteTree(this, path, options)
  }

  async removeWatch(path: string, listener: WatchListener, options: CallOptions = {}): Promise<void> {
    const full = this.#chroot.toServer(path)
    const kinds = this.#session.traffic.watches.remove(full, listener)
    await this.#forget(full, kinds, options)
  }

  async watch(
    path: string,
    listener: WatchListener,
    options: { recursive?: boolean } & CallOptions = {},
  ): Promise<Watch> {
    if (typeof listener !== 'function') throw new TypeError('watch: listener must be a function')
    // A function of its own, so that one listener may serve two watches that end apart.
    const own: WatchListener = (event) => listener(event)
    const full = this.#chroot.toServer(path)
    const kind = options.recursive === true ? 'recursive' : 'persistent'
    const mode = options.recursive === true ? AddWatchMode.persistentRecursive : AddWatchMode.persistent
    await this.#call(
      operations.addWatch,
      { path: full, mode },
      { path, watch: { kind, path: full, listener: own }, finish: VOID },
      options,
    )
    const close = async (closing: CallOptions = {}): Promise<void> =>
      this.#forget(full, this.#session.traffic.watches.removePersistent(kind, full, own), closing)
    return { close, [Symbol.asyncDispose]: async () => close() }
  }

  async #forget(full: string, kinds: readonly ServerWatch[], options: CallOptions): Promise<void> {
    try {
      await this.#session.traffic.requests.removeWatches(full, kinds, options)
    } catch (error) {
      // In all of these cases the server has no such watch (any more).
      if (!hasCode(error, 'NO_WATCHER', 'CONNECTION_LOSS', 'SESSION_EXPIRED', 'CLOSED', 'UNIMPLEMENTED'))
        throw error
    }
  }

  /** The same calls without the chroot. */
  #outside(): Pick<Zk, 'create' | 'exists' | 'logger'> {
    const plain = new Client({
      ...this.#parts,
      chroot: { toServer: (path) => path, toClient: (path) => path },
    })
    return plain
  }

  /** ACL of znodes made without one. */
  get defaultAcl(): readonly Acl[] {
    return this.#parts.acl ?? (this.#parts.credentials.size > 0 ? CREATOR_ACL : OPEN_ACL)
  }

  /**
   * What another client needs to take this session over, with `connect(…, { session })`; then end this one with
   * `close({ keepSession: true })`. Secret: whoever has it owns the session's locks. Undefined while there is none.
   */
  exportSession(): SessionCredentials | undefined {
    const { session } = this
    const { password } = this.#session
    return session === undefined || password === undefined
      ? undefined
      : { id: session.id, password: Buffer.from(password) }
  }

  /**
   * Ends the session: its ephemeral znodes and watches go, at once if there is a connection. Requests in flight are
   * answered first; what still waits rejects with `ClosedError`. Idempotent, from any state.
   *
   * @param options.keepSession - leave the session to whoever attaches to it.
   */
  async close(options: { keepSession?: boolean } = {}): Promise<void> {
    return this.#session.close(options.keepSession === true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  toJSON(): object {
    return { state: this.state, session: this.session ?? null }
  }

  [inspect.custom](): object {
    return this.toJSON()
  }

  #call<Q, A, T>(
    operation: Operation<Q, A>,
    request: Q,
    spec: EntrySpec<A, T>,
    options?: CallOptions,
  ): Promise<T> {
    return operationsTraced()
      ? traceOperation({ operation: operation.name, path: spec.path }, async () =>
          this.#send(operation, request, spec, options),
        )
      : this.#send(operation, request, spec, options)
  }

  #send<Q, A, T>(
    operation: Operation<Q, A>,
    request: Q,
    spec: EntrySpec<A, T>,
    options?: CallOptions,
  ): Promise<T> {
    const { requestTimeoutMs } = this.#parts
    const limits =
      requestTimeoutMs === undefined || options?.timeoutMs !== undefined
        ? options
        : { ...options, timeoutMs: requestTimeoutMs }
    return this.#session.traffic.call(operation, request, spec, limits)
  }
}

function pendingWatch(kind: WatchKind, path: string, options: WatchSpec): PendingWatch | undefined {
  const { watch } = options
  if (watch === undefined) return undefined
  if (typeof watch !== 'function') throw new TypeError('watch must be a function')
  return { kind, path, listener: watch }
}
