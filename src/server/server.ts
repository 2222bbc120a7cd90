/**
 * The embedded server: one ZooKeeper node in this process, on the real wire protocol. State, log and sessions outlive
 * {@link EmbeddedServer.stop} and {@link EmbeddedServer.start}; connections do not.
 *
 * Invariants: one tick's writes reach the log before any reply that tells of them reaches a socket; nothing that a
 * client sends ends the process.
 */
import { OpCode } from '../protocol/constants.js'
import { isLoopback } from '../transport/socket-connection.js'
import { tcpAcceptor } from '../transport/tcp-acceptor.js'
import type { Connection, ConnectionEvents, Listener } from '../transport/transport.js'
import { Access } from './access.js'
import { ClientConnection } from './client-connection.js'
import type { ServerControl, SessionInfo } from './control.js'
import { Faults } from './control.js'
import type { Facts } from './four-letter-words.js'
import { answerCommand } from './four-letter-words.js'
import type { Caller, Context } from './handlers/context.js'
import type { ServerSettings, StartServerOptions } from './options.js'
import { settle } from './options.js'
import { Reaper } from './reaper.js'
import type { ServerCore } from './server-core.js'
import type { ServerSession } from './sessions.js'
import { SessionTable } from './sessions.js'
import { State } from './state.js'
import { Journal } from './journal.js'
import type { Transaction } from './transactions.js'
import { Watches } from './watches.js'

/** Opcodes that came after 3.5. */
const SINCE_36: ReadonlySet<number> = new Set([
  OpCode.multiRead,
  OpCode.getEphemerals,
  OpCode.getAllChildrenNumber,
  OpCode.setWatches2,
  OpCode.addWatch,
  OpCode.whoAmI,
])

export class EmbeddedServer implements AsyncDisposable {
  readonly #settings: ServerSettings
  readonly #state: State<Caller>
  readonly #reaper: Reaper
  readonly #faults = new Faults()
  readonly #core: ServerCore
  readonly #connections = new Set<ClientConnection>()
  readonly #observers = new Set<(transaction: Transaction) => void>()
  #dirty: ClientConnection[] = []
  #journal: Journal | undefined
  #listener: Listener | undefined
  #port: number
  #isAccepting = true
  #startedAt = 0
  readonly #past = { received: 0, sent: 0 }
  #isClosed = false
  /** Test hooks. */
  readonly control: ServerControl

  /** @internal Use {@link startServer}. */
  constructor(settings: ServerSettings) {
    this.#settings = settings
    this.#port = settings.port
    const { runtime, tickTimeMs } = settings
    const sessions = new SessionTable<Caller>(runtime, tickTimeMs, (session) => this.#expire(session))
    this.#state = new State(runtime, sessions, new Watches<Caller>(settings.emulate === '3.9'), {
      applied: (transaction) => this.#applied(transaction),
    })
    const { reapIntervalMs: intervalMs, maxNeverUsedMs } = settings
    this.#reaper = new Reaper(this.#state, { intervalMs, maxNeverUsedMs, runtime })
    this.#core = this.#makeCore()
    this.control = this.#makeControl()
  }

  /** The address it listens on. */
  get host(): string {
    return this.#listener?.host ?? this.#settings.host
  }

  /** The port it listens on; the same after a restart. */
  get port(): number {
    return this.#port
  }

  /** What to give to `connect()`. */
  get connectString(): string {
    const host = this.host === '0.0.0.0' ? '127.0.0.1' : this.host === '::' ? '::1' : this.host
    return host.includes(':') ? `[${host}]:${this.#port}` : `${host}:${this.#port}`
  }

  get isRunning(): boolean {
    return this.#listener !== undefined
  }

  /**
   * Listens again after {@link stop}, on the same port. Sessions get their whole timeout anew, as when a real server
   * comes back. Rejects with the system's error if the port is taken. Does nothing if it runs.
   */
  async start(): Promise<void> {
    if (this.#isClosed) throw new Error('the server is closed; start another one')
    if (this.#listener !== undefined) return
    const { settings } = this.#core
    if (settings.dataDir !== undefined && this.#journal === undefined) {
      this.#journal = new Journal(settings.dataDir, this.#state, settings)
    }
    const acceptor = settings.acceptor ?? tcpAcceptor(settings.tls)
    this.#listener = await acceptor.listen({ host: settings.host, port: this.#port }, (wire) =>
      this.#accept(wire),
    )
    this.#port = this.#listener.port
    if (!isLoopback(this.host)) {
      const fields = { host: this.host, port: this.#port }
      settings.logger.warn(fields, 'the embedded server listens beyond loopback: anyone there can use it')
    }
    this.#startedAt = settings.runtime.clock.now()
    this.#state.sessions.start()
    this.#reaper.start()
  }

  /**
   * Closes the port and every connection, at once and without a word, as a crash would. Sessions and data stay; time
   * stands still for them until {@link start}.
   */
  async stop(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    this.#reaper.stop()
    this.#state.sessions.stop()
    this.control.dropConnections()
    this.#save()
    await listener?.close()
  }

  /** {@link stop}, then {@link start}. */
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Stops for good, and writes a snapshot if there is a data directory. Idempotent. */
  async close(): Promise<void> {
    await this.stop()
    if (this.#isClosed) return
    this.#isClosed = true
    this.#journal?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #accept(wire: Connection): ConnectionEvents {
    const connection = new ClientConnection(this.#core, wire)
    this.#connections.add(connection)
    if (!this.#isAccepting) connection.drop('accepting is paused')
    else if (this.#connections.size > this.#settings.limits.connections)
      connection.drop('too many connections')
    return connection
  }

  #applied(transaction: Transaction): void {
    this.#journal?.append(transaction)
    for (const observer of this.#observers) observer(transaction)
  }

  #expire(session: ServerSession<Caller>): void {
    const connection = session.attachment
    session.attachment = undefined
    // First the connection, then its znodes: it must not hear of their end.
    if (connection instanceof ClientConnection) connection.drop('the session has expired')
    this.#state.closeSession(session)
  }

  #schedule(connection: ClientConnection): void {
    this.#dirty.push(connection)
    if (this.#dirty.length === 1) this.#settings.runtime.clock.defer(() => this.#flush())
  }

  #flush(): void {
    const dirty = this.#dirty
    this.#dirty = []
    this.#save()
    for (const connection of dirty) connection.endTick()
  }

  /** Makes safe what was applied. If that fails nobody may be told of it: the server stops, the process goes on. */
  #save(): void {
    try {
      this.#journal?.flush()
    } catch (error) {
      this.#settings.logger.error({ err: error }, 'the data directory can not be written: the server stops')
      this.#journal = undefined
      this.#isClosed = true
      void this.stop()
    }
  }

  #facts(): Facts {
    const { runtime } = this.#settings
    return {
      settings: this.#settings,
      state: this.#state,
      connections: this.#connections,
      port: this.#port,
      past: this.#past,
      uptimeMs: runtime.clock.now() - this.#startedAt,
    }
  }

  #makeCore(): ServerCore {
    const settings = this.#settings
    const { emulate, limits, extendedTypes, reconfigEnabled, sequenceOverflow, superDigest } = settings
    const state = this.#state
    const context: Context = {
      state,
      access: new Access({ superDigest, sasl: settings.saslUsers.size > 0 }),
      limits,
      extendedTypes,
      reconfigEnabled,
      sequenceOverflow,
      exactWatchRemoval: emulate === '3.9',
      strictChecks: emulate !== '3.5',
    }
    return {
      settings,
      state,
      context,
      faults: this.#faults,
      eventsCarryZxid: emulate === '3.9',
      knows: (opcode) => emulate !== '3.5' || !SINCE_36.has(opcode),
      answerCommand: (word) => answerCommand(word, () => this.#facts()),
      schedule: (connection) => this.#schedule(connection),
      beforeFlush: () => this.#save(),
      closed: (connection) => {
        this.#connections.delete(connection)
        this.#past.received += connection.received
        this.#past.sent += connection.sent
      },
    }
  }

  #makeControl(): ServerControl {
    const state = this.#state
    const faults = this.#faults
    const connections = this.#connections
    return {
      dropBefore: (match) => faults.arm(match, { kind: 'dropBefore' }),
      dropAfter: (match) => faults.arm(match, { kind: 'dropAfter' }),
      delayReply: (match, delayMs) => faults.arm(match, { kind: 'delay', delayMs }),
      clearFaults: () => faults.clear(),
      expireSession: (id) => {
        const session = state.sessions.get(id)
        if (session !== undefined) this.#expire(session)
        return session !== undefined
      },
      dropConnection: (id) => {
        const connection = state.sessions.get(id)?.attachment
        if (!(connection instanceof ClientConnection)) return false
        connection.drop('dropped by a test')
        return true
      },
      dropConnections: () => {
        for (const connection of [...connections]) connection.drop('the server drops all connections')
      },
      setSequence: (path, next) => state.setSequence(path, next),
      setVersion: (path, version) => state.setVersion(path, version),
      sessions: () => [...state.sessions.all()].map((session) => sessionInfo(state, session)),
      watchCounts: () => ({ data: state.watches.data.size, children: state.watches.children.size }),
      get connectionCount() {
        return connections.size
      },
      pauseAccepting: () => (this.#isAccepting = false),
      resumeAccepting: () => (this.#isAccepting = true),
      reap: () => this.#reaper.reap(),
      onApply: (listener) => {
        this.#observers.add(listener)
        return () => void this.#observers.delete(listener)
      },
      get zxid() {
        return state.zxid
      },
    }
  }
}

function sessionInfo(state: State<Caller>, session: ServerSession<Caller>): SessionInfo {
  const { id, timeoutMs, requests, attachment } = session
  const { data, children } = state.watches
  return {
    id,
    timeoutMs,
    requests,
    connected: attachment !== undefined,
    ephemerals: state.tree.ephemeralsOf(id),
    dataWatches: attachment === undefined ? [] : [...(data.watchers.get(attachment) ?? [])],
    childWatches: attachment === undefined ? [] : [...(children.watchers.get(attachment) ?? [])],
  }
}

/**
 * Starts an embedded ZooKeeper server in this process. Resolves when it listens.
 *
 * @returns the server; dispose or close it, its port keeps the process alive.
 * Rejects with `TypeError` or `RangeError` for an option that can't be, with the system's error if the port is taken
 * or the data directory can't be used.
 */
export async function startServer(options: StartServerOptions = {}): Promise<EmbeddedServer> {
  const server = new EmbeddedServer(settle(options))
  try {
    await server.start()
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}
