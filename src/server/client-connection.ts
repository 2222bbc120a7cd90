/**
 * One client's connection: handshake, requests in order, replies and events in order. A real server's NIOServerCnxn.
 *
 * Invariants: requests are answered in the order they came; an event is written before the reply of the write that
 * caused it, and before any later reply; what is written in one tick goes out in one piece, after the log has it;
 * bytes that can't be right end this connection and nothing else; no more is read from a client that does not read.
 */
import { timingSafeEqual } from 'node:crypto'
import { ProtocolError } from '../api/errors.js'
import { Perms } from '../api/acl.js'
import { FrameSplitter } from '../codec/frame.js'
import { Reader } from '../codec/reader.js'
import { KeeperState, OpCode, Xid } from '../protocol/constants.js'
import type { Operation, OperationName, RequestOf, operations } from '../protocol/operations.js'
import { operationByCode } from '../protocol/operations.js'
import type { AclEntry, ConnectRequest } from '../protocol/records.js'
import { connectReply, connectRequest, tokenRecord, watcherEvent } from '../protocol/records.js'
import { OK, ResultCode } from '../protocol/result-codes.js'
import type { Timer } from '../runtime/clock.js'
import type { Connection, ConnectionEvents } from '../transport/transport.js'
import type { Identity } from './access.js'
import type { Caller, Handler } from './handlers/context.js'
import type { ConnectionOperation } from './handlers/index.js'
import { handlers } from './handlers/index.js'
import { DigestMd5Exchange } from './digest-md5.js'
import type { FaultKind } from './control.js'
import { pathsOf } from './control.js'
import { Outbox } from './outbox.js'
import { Refusal } from './refusal.js'
import type { ServerCore } from './server-core.js'
import type { ServerSession } from './sessions.js'
import { PASSWORD_BYTES } from './sessions.js'

/** Bytes of a connect request without its password and the trailing readOnly. */
const CONNECT_BYTES = 28
/** How long a peer may take to read our last words. */
const LINGER_MS = 2_000

type AnyHandler = Handler<unknown, unknown>
type AuthPacket = RequestOf<typeof operations.auth>

export class ClientConnection implements Caller, ConnectionEvents {
  readonly wire: Connection
  readonly #core: ServerCore
  readonly #splitter: FrameSplitter
  readonly #reader = new Reader(Buffer.alloc(0))
  readonly #out: Outbox
  #phase: 'handshake' | 'open' | 'ending' | 'closed' = 'handshake'
  /** The first four bytes, which may be a command in place of a length. */
  #head: Buffer | undefined = Buffer.alloc(0)
  #session: ServerSession<Caller> | undefined
  #identities: readonly Identity[]
  #sasl: DigestMd5Exchange | undefined
  #timer: Timer | undefined
  #isPaused = false
  /** Requests that came in one piece with one whose reply filled the buffer. */
  #backlog: Buffer[] = []
  received = 0
  readonly establishedAt: number

  constructor(core: ServerCore, wire: Connection) {
    this.#core = core
    this.wire = wire
    this.#splitter = new FrameSplitter(core.settings.limits.frameBytes)
    this.#identities = [{ scheme: 'ip', id: wire.remoteAddress }]
    this.establishedAt = core.settings.runtime.clock.wall()
    const { clock } = core.settings.runtime
    this.#out = new Outbox(wire, clock, () => core.schedule(this))
    this.#timer = clock.setTimer(core.settings.limits.handshakeMs, () => this.drop('no handshake in time'))
  }

  /** Frames written. */
  get sent(): number {
    return this.#out.sent
  }

  get session(): ServerSession<Caller> {
    if (this.#session === undefined) throw new Error('the connection has no session yet')
    return this.#session
  }

  get sessionId(): bigint {
    return this.#session?.id ?? 0n
  }

  get sessionTimeoutMs(): number {
    return this.#session?.timeoutMs ?? 0
  }

  get identities(): readonly Identity[] {
    return this.#identities
  }

  // What comes in.

  data(chunk: Buffer): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return
    try {
      const bytes = this.#head === undefined ? chunk : this.#takeHead(chunk)
      if (bytes !== undefined) this.#splitter.push(bytes, (frame) => this.#frame(frame))
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Until four bytes are there, keeps them; then lets a command be answered or the bytes through. */
  #takeHead(chunk: Buffer): Buffer | undefined {
    const bytes = Buffer.concat([this.#head ?? Buffer.alloc(0), chunk])
    if (bytes.length < 4) {
      this.#head = bytes
      return undefined
    }
    this.#head = undefined
    const answer = this.#core.answerCommand(bytes.toString('latin1', 0, 4))
    if (answer === undefined) return bytes
    this.#out.raw(Buffer.from(answer))
    this.end()
    return undefined
  }

  #frame(frame: Buffer): boolean {
    if (this.#isPaused) this.#backlog.push(Buffer.from(frame))
    else this.#take(frame)
    return this.#phase === 'handshake' || this.#phase === 'open'
  }

  #take(frame: Buffer): void {
    this.received++
    if (this.#phase === 'handshake') this.#handshake(frame)
    else this.#request(frame)
    this.#checkBuffer()
  }

  #fail(error: unknown): void {
    if (error instanceof ProtocolError) return this.drop(error.message)
    this.#core.settings.logger.error({ err: error }, 'a request failed in a way it never should')
    this.drop('internal error')
  }

  // The handshake.

  #handshake(frame: Buffer): void {
    const request = connectRequest.read(this.#reader.reset(frame))
    const { core, zxid } = { core: this.#core, zxid: this.#core.state.zxid }
    if (request.lastZxidSeen > zxid) {
      return this.drop(`the client has seen zxid ${request.lastZxidSeen}, we have only ${zxid}`)
    }
    this.#timer?.cancel()
    this.#timer = undefined
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = core.settings
    const timeoutMs = Math.min(Math.max(request.timeoutMs, minSessionTimeoutMs), maxSessionTimeoutMs)
    const withReadOnly = frame.length > CONNECT_BYTES + (request.password?.length ?? 0)
    if (request.sessionId !== 0n) return this.#reattach(request, timeoutMs, withReadOnly)
    if (core.state.sessions.size >= core.settings.limits.sessions) return this.drop('too many sessions')
    this.#open(core.state.createSession(timeoutMs), timeoutMs, withReadOnly)
  }

  #reattach(request: ConnectRequest, timeoutMs: number, withReadOnly: boolean): void {
    const session = this.#core.state.sessions.get(request.sessionId)
    // As on a real server: before the password is looked at.
    if (session?.attachment instanceof ClientConnection) session.attachment.end()
    const { password } = request
    const known =
      session !== undefined &&
      password?.length === session.password.length &&
      timingSafeEqual(password, session.password)
    if (known) return this.#open(session, timeoutMs, withReadOnly)
    this.#connectReply(0, 0n, Buffer.alloc(PASSWORD_BYTES), withReadOnly)
    this.end()
  }

  #open(session: ServerSession<Caller>, timeoutMs: number, withReadOnly: boolean): void {
    session.attachment = this
    session.timeoutMs = timeoutMs
    this.#core.state.sessions.touch(session)
    this.#session = session
    this.#phase = 'open'
    this.#connectReply(timeoutMs, session.id, session.password, withReadOnly)
  }

  #connectReply(timeoutMs: number, sessionId: bigint, password: Buffer, withReadOnly: boolean): void {
    this.#out.frame((writer) => {
      connectReply.write(writer, { protocolVersion: 0, timeoutMs, sessionId, password, readOnly: false })
      // Old clients know no such byte and would take it for the start of the next frame's length.
      if (!withReadOnly) writer.offset -= 1
    })
  }

  // Requests.

  #request(frame: Buffer): void {
    const reader = this.#reader.reset(frame)
    const xid = reader.int()
    const type = reader.int()
    const { session } = this
    this.#core.state.sessions.touch(session)
    if (type === OpCode.ping) return this.#reply(Xid.ping, OK)
    session.requests++
    const entry = this.#core.knows(type) ? operationByCode.get(type) : undefined
    if (entry === undefined) {
      this.#reply(xid, ResultCode.UNIMPLEMENTED, -1n)
      return this.end()
    }
    const { key, operation } = entry
    let request: unknown
    try {
      request = operation.request.read(reader)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      // A real server answers a body that it can't read, and goes on: the frame's length was right.
      if (type === OpCode.multi) this.#core.state.burnZxid(session.id, ResultCode.MARSHALLING_ERROR)
      return this.#reply(xid, ResultCode.MARSHALLING_ERROR)
    }
    const fault = this.#core.faults.armed ? this.#fault(key, request) : undefined
    if (fault?.kind === 'dropBefore') return this.end()
    if (fault?.kind === 'delay') this.#out.hold(fault.delayMs, () => this.drain())
    if (fault?.kind === 'dropAfter') {
      // What was answered before goes out; what this one causes here does not.
      this.#core.beforeFlush()
      this.#out.mute()
    }
    this.#answer(xid, key, operation, request)
    if (this.#out.isMuted) this.end()
  }

  #fault(operation: OperationName, request: unknown): FaultKind | undefined {
    const { id, requests } = this.session
    return this.#core.faults.strike({
      session: id,
      number: requests,
      operation,
      paths: pathsOf(request),
    })
  }

  #answer(xid: number, key: OperationName, operation: Operation, request: unknown): void {
    switch (key) {
      case 'ping':
        return
      case 'auth':
        return this.#authenticate(xid, request as AuthPacket)
      case 'sasl':
        return this.#saslStep(xid, (request as { token: Uint8Array | null }).token)
      case 'closeSession':
        return this.#closeSession(xid)
      default:
        this.#handle(xid, key, operation, request)
    }
  }

  #handle(
    xid: number,
    key: Exclude<OperationName, ConnectionOperation>,
    operation: Operation,
    request: unknown,
  ): void {
    let result: unknown
    try {
      result = (handlers[key] as AnyHandler)(this.#core.context, this, request)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return this.#reply(xid, error.code)
    }
    this.#out.message(xid, this.#core.state.zxid, OK, (writer) => {
      operation.reply.write(writer, result)
      // Its own error code once more, which no client reads.
      if (key === 'addWatch') writer.int(OK)
    })
  }

  #reply(xid: number, err: number, zxid = this.#core.state.zxid): void {
    this.#out.header(xid, zxid, err)
  }

  #closeSession(xid: number): void {
    this.#core.state.closeSession(this.session)
    this.#reply(xid, OK)
    this.end()
  }

  #authenticate(xid: number, packet: AuthPacket): void {
    const found = this.#core.context.access.authenticate(packet.scheme, packet.auth, this.wire.remoteAddress)
    if (found === undefined) {
      this.#reply(xid, ResultCode.AUTH_FAILED, 0n)
      return this.end()
    }
    this.#prove(found)
    this.#reply(xid, OK, 0n)
  }

  #prove(found: readonly Identity[]): void {
    const isNew = ({ scheme, id }: Identity): boolean =>
      !this.#identities.some((own) => own.scheme === scheme && own.id === id)
    this.#identities = [...this.#identities, ...found.filter(isNew)]
  }

  #saslStep(xid: number, token: Uint8Array | null): void {
    const { saslUsers, runtime } = this.#core.settings
    // Without SASL a real server answers with no token, and the client goes on without it.
    if (saslUsers.size === 0) return this.#tokenReply(xid, OK, null)
    this.#sasl ??= new DigestMd5Exchange(saslUsers, runtime.random)
    const step = this.#sasl.respond(Buffer.from(token ?? []))
    if (step === undefined) {
      this.#tokenReply(xid, ResultCode.AUTH_FAILED, null)
      return this.end()
    }
    if (step.user !== undefined) this.#prove([{ scheme: 'sasl', id: step.user }])
    this.#tokenReply(xid, OK, step.token)
  }

  #tokenReply(xid: number, err: number, token: Buffer | null): void {
    this.#out.message(xid, 0n, err, (writer) => tokenRecord.write(writer, { token }))
  }

  /** A watch has fired. Who may not read the znode does not hear of it (CVE-2024-23944). */
  notify(type: number, path: string, zxid: bigint, acl: readonly AclEntry[] | undefined): void {
    if (this.#phase !== 'open') return
    const { context, eventsCarryZxid } = this.#core
    if (acl !== undefined && !context.access.allows(acl, Perms.READ, this.#identities)) return
    this.#out.message(Xid.notification, eventsCarryZxid ? zxid : -1n, OK, (writer) => {
      watcherEvent.write(writer, { type, state: KeeperState.syncConnected, path })
    })
    this.#checkBuffer()
  }

  // What goes out.

  /** The core calls it at the end of a tick in which something was written, when the log is safe. */
  endTick(): void {
    this.#out.endTick()
    // What the system took at once is never announced as drained.
    if (this.wire.buffered <= this.#core.settings.limits.bufferedBytes) this.drain()
  }

  #checkBuffer(): void {
    const { waiting } = this.#out
    const { bufferedBytes, bufferedBytesMax } = this.#core.settings.limits
    if (waiting > bufferedBytesMax) return this.drop('the client does not read what it is sent')
    if (waiting <= bufferedBytes || this.#isPaused) return
    this.#isPaused = true
    this.wire.pause()
  }

  drain(): void {
    if (!this.#isPaused || this.#out.isHeld) return
    this.#isPaused = false
    const backlog = this.#backlog
    this.#backlog = []
    try {
      // Those that do not fit now wait again, in order.
      for (const frame of backlog) if (!this.#frame(frame)) return
    } catch (error) {
      return this.#fail(error)
    }
    // #frame may have set it again.
    if (!(this.#isPaused as boolean)) this.wire.resume()
  }

  // The end.

  /** Sends what is written, then closes. Nothing more is read. */
  end(): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return
    this.#core.beforeFlush()
    this.#out.flush()
    this.#detach('ending')
    const { clock } = this.#core.settings.runtime
    this.#timer = clock.setTimer(LINGER_MS, () => this.#destroy())
    this.wire.end()
  }

  /** Closes at once. */
  drop(reason: string): void {
    if (this.#phase === 'closed') return
    const { remoteAddress } = this.wire
    this.#core.settings.logger.debug({ remoteAddress, reason }, 'connection dropped')
    this.#destroy()
  }

  #destroy(): void {
    this.wire.destroy()
    this.close()
  }

  close(): void {
    if (this.#phase === 'closed') return
    this.#detach('closed')
    this.#core.closed(this)
  }

  #detach(phase: 'ending' | 'closed'): void {
    this.#phase = phase
    this.#timer?.cancel()
    this.#timer = undefined
    this.#out.close()
    this.#backlog = []
    this.#core.state.watches.removeWatcher(this)
    if (this.#session?.attachment === this) this.#session.attachment = undefined
  }
}
