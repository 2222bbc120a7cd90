/**
 * The npm package `zookeeper` behind the {@link Zk} interface. What recipes stand on is kept up here where the
 * package does not:
 *
 * - Calls go out in the order they were made, on the session that they were meant for (native-link.ts).
 * - A session that can't be proved alive any more is over (native-session.ts), its watches are told `lost`, calls that
 *   wait for its replies reject with an unknown outcome, and the native client is closed.
 * - A create is followed by an `exists`, as the package does not give the stat that the fencing token comes from.
 *   Should the stat not come, the outcome is `unknown`, and the recipe looks for what it made.
 * - A null is no data (the package would store the word "null").
 */
import { OPEN_ACL, type Acl } from '../api/acl.js'
import { ConnectionLossError, UnsupportedError } from '../api/errors.js'
import { validatePath } from '../api/path.js'
import type { Stat } from '../api/stat.js'
import type {
  CallOptions,
  Capability,
  Children,
  Created,
  CreateSpec,
  Data,
  Logger,
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
import { hasTtl, isSequential, toBytes, toMode, toVersion } from '../client/arguments.js'
import { ensurePath } from '../client/ensure-path.js'
import { createFlags } from '../protocol/constants.js'
import type { Runtime } from '../runtime/runtime.js'
import { ResultCode } from '../protocol/result-codes.js'
import { NativeLink, type LinkParts } from './native-link.js'
import { toStat } from './native-stat.js'
import type { Watcher, ZooKeeperClient, ZooKeeperStat } from './zookeeper-package.js'

const capabilities: readonly Capability[] = ['containers', 'ttl']

export class ZooKeeperDriver implements Zk, AsyncDisposable {
  readonly runtime: Runtime
  readonly logger: Logger
  readonly #link: NativeLink

  /** @internal Use `fromZooKeeper`. */
  constructor(parts: LinkParts) {
    this.runtime = parts.runtime
    this.logger = parts.logger
    this.#link = new NativeLink(parts)
  }

  get state(): SessionState {
    return this.#link.state
  }

  get session(): Session | undefined {
    return this.#link.session
  }

  /** Containers and TTL nodes; no transactions, ACLs at creation, stats at creation, watch removal, persistent watches, multi-reads. */
  supports(capability: Capability): boolean {
    return capabilities.includes(capability)
  }

  async ready(options: CallOptions = {}): Promise<Session> {
    return this.#link.feed.ready(options)
  }

  on(event: 'state', listener: (state: SessionState, session: Session | undefined) => void): () => void {
    if ((event as string) !== 'state')
      throw new TypeError(`there is no event ${JSON.stringify(event)}: only 'state'`)
    return this.#link.feed.listen(listener)
  }

  /**
   * Creates a znode, with an open ACL: the package can't give it another.
   *
   * Rejects as the built-in client does; with `UNSUPPORTED` for an `acl` other than the open one.
   */
  async create(path: string, data?: Data, options: CreateSpec & CallOptions = {}): Promise<Created> {
    const mode = toMode(options)
    refuseAcl(options.acl, path)
    validatePath(path, { sequential: isSequential(mode) })
    const bytes = Buffer.from(toBytes(data) ?? [])
    const flags = createFlags[mode]
    const { generation } = this.#link
    const startedAt = this.runtime.clock.now()
    const made = await this.#link.request<string>({
      what: 'create',
      path,
      options,
      send: (client, done) => {
        const reply = (code: number, _: string, created: string | null): void =>
          done(code, () => created ?? path)
        return hasTtl(mode)
          ? client.a_createTtl(path, bytes, flags, options.ttlMs ?? 0, reply)
          : client.a_create(path, bytes, flags, reply)
      },
    })
    const left = (options.timeoutMs ?? Infinity) - (this.runtime.clock.now() - startedAt)
    const limits = { signal: options.signal, timeoutMs: Math.max(0, left) }
    return { path: made, stat: await this.#statOfCreated(made, { ...limits, generation }) }
  }

  /** On the same session, or not at all; without it nobody knows what came of the create. */
  async #statOfCreated(path: string, limits: CallOptions): Promise<Stat> {
    let stat: Stat | undefined
    try {
      stat = await this.exists(path, limits)
    } catch (cause) {
      if (limits.signal?.aborted === true) throw cause
      throw new ConnectionLossError(`create ${path}: it was made, but its stat did not come`, { path, cause })
    }
    if (stat !== undefined) return stat
    throw new ConnectionLossError(`create ${path}: it was made, and is gone already`, { path })
  }

  async delete(path: string, options: VersionSpec & CallOptions = {}): Promise<void> {
    validatePath(path)
    const version = toVersion(options.version)
    await this.#link.request<undefined>({
      what: 'delete',
      path,
      options,
      send: (client, done) => client.a_delete_(path, version, (code) => done(code, () => undefined)),
    })
  }

  async exists(path: string, options: WatchSpec & CallOptions = {}): Promise<Stat | undefined> {
    return this.#read<ZooKeeperStat | null, Stat | undefined>('exists', path, options, {
      plain: (client, reply) => client.a_exists(path, false, (code, _, stat) => reply(code, stat)),
      watching: (client, watcher, reply) =>
        client.aw_exists(path, watcher, (code, _, stat) => reply(code, stat)),
      absent: true,
      value: (stat) => (stat === null ? undefined : toStat(stat)),
    })
  }

  async get(path: string, options: WatchSpec & CallOptions = {}): Promise<NodeData> {
    type Reply = readonly [ZooKeeperStat | null, Uint8Array | string | null]
    return this.#read<Reply, NodeData>('get', path, options, {
      plain: (client, reply) => client.a_get(path, false, (code, _, stat, data) => reply(code, [stat, data])),
      watching: (client, watcher, reply) =>
        client.aw_get(path, watcher, (code, _, stat, data) => reply(code, [stat, data])),
      absent: false,
      value: ([stat, data]) => ({ data: Buffer.from(data ?? ''), stat: toStat(present(stat)) }),
    })
  }

  async children(path: string, options: WatchSpec & CallOptions = {}): Promise<Children> {
    type Reply = readonly [readonly string[] | null, ZooKeeperStat | null]
    return this.#read<Reply, Children>('children', path, options, {
      plain: (client, reply) =>
        client.a_get_children2(path, false, (code, _, names, stat) => reply(code, [names, stat])),
      watching: (client, watcher, reply) =>
        client.aw_get_children2(path, watcher, (code, _, names, stat) => reply(code, [names, stat])),
      absent: false,
      value: ([names, stat]) => ({ children: [...(names ?? [])], stat: toStat(present(stat)) }),
    })
  }

  async set(path: string, data: Data, options: VersionSpec & CallOptions = {}): Promise<Stat> {
    validatePath(path)
    const bytes = Buffer.from(toBytes(data) ?? [])
    const version = toVersion(options.version)
    return this.#link.request<Stat>({
      what: 'set',
      path,
      options,
      send: (client, done) =>
        client.a_set(path, bytes, version, (code, _, stat) => done(code, () => toStat(present(stat)))),
    })
  }

  async sync(path: string, options: CallOptions = {}): Promise<void> {
    validatePath(path)
    await this.#link.request<undefined>({
      what: 'sync',
      path,
      options,
      send: (client, done) => client.a_sync(path, (code) => done(code, () => undefined)),
    })
  }

  transaction(): Transaction {
    throw unsupported('transactions', 'use the built-in client, connect() of latchkey')
  }

  async ensurePath(
    path: string,
    options: { mode?: 'persistent' | 'container'; acl?: readonly Acl[] } & CallOptions = {},
  ): Promise<void> {
    validatePath(path)
    refuseAcl(options.acl, path)
    await ensurePath(this, path, this, options)
  }

  /** Here only: the server and the package keep their side until it fires. */
  async removeWatch(path: string, listener: WatchListener, options: CallOptions = {}): Promise<void> {
    validatePath(path)
    options.signal?.throwIfAborted()
    this.#link.watches.remove(path, listener)
    return Promise.resolve()
  }

  async watch(path: string): Promise<Watch> {
    const error = unsupported('persistent watches', 'set a one-shot watch with get, exists or children')
    return Promise.reject(new UnsupportedError('UNSUPPORTED', error.message, { path }))
  }

  async multiRead(): Promise<MultiReadResult[]> {
    return Promise.reject(unsupported('multi-reads', 'read one by one'))
  }

  /** Closes the session, the package's client with it. What waits rejects with `ClosedError`. Idempotent. */
  async close(): Promise<void> {
    this.#link.close()
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #read<R, T>(
    what: string,
    path: string,
    options: WatchSpec & CallOptions,
    how: {
      readonly plain: (client: ZooKeeperClient, reply: (code: number, value: R) => void) => number
      readonly watching: (
        client: ZooKeeperClient,
        watcher: Watcher,
        reply: (code: number, value: R) => void,
      ) => number
      /** That there is no znode is an answer, and sets the watch too. */
      readonly absent: boolean
      readonly value: (reply: R) => T
    },
  ): Promise<T> {
    validatePath(path)
    const { watch } = options
    return this.#link.request<T>({
      what,
      path,
      options,
      send: (client, done) => {
        const opened = watch === undefined ? undefined : this.#link.watches.open(path, watch)
        const reply = (given: number, value: R): void => {
          const code = how.absent && given === ResultCode.NO_NODE ? 0 : given
          if (code !== 0) opened?.cancel()
          done(code, () => how.value(value))
        }
        const refused =
          opened === undefined ? how.plain(client, reply) : how.watching(client, opened.watcher, reply)
        if (refused !== 0) opened?.cancel()
        return refused
      },
    })
  }
}

function present(stat: ZooKeeperStat | null): ZooKeeperStat {
  if (stat === null) throw new ConnectionLossError('the package zookeeper gave no stat')
  return stat
}

function unsupported(what: string, wayOut: string): UnsupportedError {
  return new UnsupportedError('UNSUPPORTED', `the npm package zookeeper has no ${what}: ${wayOut}`)
}

function refuseAcl(acl: readonly Acl[] | undefined, path: string): void {
  if (acl === undefined || JSON.stringify(acl) === JSON.stringify(OPEN_ACL)) return
  const { message } = unsupported('ACLs at creation', 'leave `acl` out, or use the built-in client')
  throw new UnsupportedError('UNSUPPORTED', message, { path })
}
