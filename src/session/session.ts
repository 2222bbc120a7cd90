/**
 * The shell round the session machine: links, timers, requests and watches. All decisions about the life of links
 * and sessions are the machine's; this file observes, asks it, and carries out what it says.
 *
 * Non-obvious:
 * - Events are queued while one is being handled, so an effect may cause an event without re-entering the machine.
 * - Before bytes are looked at, the local deadline is: after a stall nothing is delivered in an overdue session's name.
 * - When a link is lost, reads go back to the head of the queue; writes that were in flight end in doubt.
 * - Order after a reconnect: credentials, watches, then requests (a watched znode may need the credentials).
 */
import type { LostReason, ZkError } from '../api/errors.js'
import { ClosedError, ConnectionLossError } from '../api/errors.js'
import type { Session, SessionState } from '../api/zk.js'
import type { Reader } from '../codec/reader.js'
import { operations } from '../protocol/operations.js'
import type { ConnectReply } from '../protocol/records.js'
import { ResultCode } from '../protocol/result-codes.js'
import { quietController } from '../runtime/abort.js'
import { Authenticator } from './authenticator.js'
import { Hosts } from './hosts.js'
import { Link } from './link.js'
import type { Effect, MachineEvent, MachineState, Vitals } from './machine-types.js'
import { initialState, step, wakeAt } from './machine.js'
import type { Entry } from './pending.js'
import { ReadWriteProbe } from './read-write-probe.js'
import { SessionHandle } from './session-handle.js'
import type { SessionClientOptions } from './session-options.js'
import { Traffic } from './traffic.js'
import { WakeTimer } from './wake-timer.js'
import { XidCounter } from './xid-counter.js'

export interface SessionEvents {
  state(state: SessionState, session: Session | undefined): void
}

/** A link that worked for this long was a success, and its end is no reason to pause. */
const STABLE_MS = 1_000
/** A timer that is later than this was held up by something else in the process. */
const STALL_MS = 100
export class SessionClient {
  readonly traffic: Traffic
  readonly #options: SessionClientOptions
  readonly #events: SessionEvents
  readonly #hosts: Hosts
  readonly #queue: MachineEvent[] = []
  readonly #closeWaiters: (() => void)[] = []
  #machine: MachineState
  readonly #authenticator: Authenticator
  readonly #timer: WakeTimer
  readonly #xids: XidCounter
  #handling = false
  #link: Link | undefined
  /** Counts dials, so that an answer of the resolver for an abandoned one is not taken for this one's. */
  #dials = 0
  #upSince = Infinity
  #provenAt = 0
  #resumedAt = -Infinity
  #probe: ReadWriteProbe | undefined
  #handle: SessionHandle | undefined
  #controller = quietController()
  #closedWith: ZkError | undefined
  #lastFailure: unknown
  #announced: SessionState = 'connecting'

  constructor(options: SessionClientOptions, events: SessionEvents) {
    this.#options = options
    this.#events = events
    this.#hosts = new Hosts(options.servers, options.transport, options.runtime.random)
    this.#authenticator = new Authenticator(options.credentials, options.allowInsecureAuth)
    this.#timer = new WakeTimer(options.runtime.clock, (lateMs) => this.#wake(lateMs))
    this.#xids = options.attach === undefined ? new XidCounter() : XidCounter.anywhere(options.runtime.random)
    this.#machine = initialState(options.settings, options.attach)
    this.traffic = new Traffic(options)
  }

  get state(): SessionState {
    return this.#announced
  }

  get session(): Session | undefined {
    return this.#handle
  }

  get closedWith(): ZkError | undefined {
    return this.#closedWith
  }

  /** Why the last attempt to connect failed: the cause to show when a deadline passes. */
  get lastFailure(): unknown {
    return this.#lastFailure
  }

  /** For attaching to the session from another client. Secret: whoever has it owns the session's locks. */
  get password(): Buffer | undefined {
    return this.#machine.session?.password
  }

  start(): void {
    this.#dispatch({ type: 'start' })
  }

  async close(keepSession: boolean): Promise<void> {
    if (this.#closedWith !== undefined) return
    const closed = new Promise<void>((resolve) => this.#closeWaiters.push(resolve))
    this.traffic.requests.refuse(new ClosedError())
    this.#dispatch({ type: 'close', keepSession })
    return closed
  }

  /** Adds an identity to this and every later connection. Resolves when the server has accepted it. */
  async addCredential(scheme: string, auth: Buffer): Promise<void> {
    const { name } = this.#machine.link
    const link = name === 'up' || name === 'authenticating' ? this.#link : undefined
    return this.#authenticator.add(scheme, auth, link)
  }

  #vitals(): Vitals {
    const now = this.#options.runtime.clock.now()
    const link = this.#link
    return {
      now,
      heardAt: link?.heardAt ?? now,
      sentAt: link?.sentAt ?? now,
      provenAt: this.#provenAt,
      resumedAt: this.#resumedAt,
    }
  }

  #dispatch(event: MachineEvent): void {
    this.#queue.push(event)
    if (this.#handling) return
    this.#handling = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const { state, effects } = step(this.#machine, next, this.#vitals())
        this.#machine = state
        for (const effect of effects) this.#run(effect)
        this.#announce()
      }
    } finally {
      this.#handling = false
    }
    this.#arm()
  }

  #announce(): void {
    const { state } = this.#machine
    if (state === this.#announced) return
    this.#announced = state
    this.#options.logger.info({ state, ...this.#describe() }, `session ${state}`)
    this.#events.state(state, this.#handle)
  }

  #describe(): object {
    const server = this.#link?.endpoint
    return {
      ...(this.#handle === undefined
        ? {}
        : { sessionId: this.#handle.idHex, generation: this.#handle.generation }),
      ...(server === undefined ? {} : { server: `${server.hostName}:${server.port}` }),
    }
  }

  #arm(): void {
    this.#timer.arm(wakeAt(this.#machine, this.#vitals()))
  }

  #wake(lateMs: number): void {
    // Once a silence: a loop that is always late must not keep a dead link for ever.
    const heardAt = this.#link?.heardAt ?? Infinity
    if (lateMs > STALL_MS && heardAt > this.#resumedAt) this.#resumedAt = this.#options.runtime.clock.now()
    this.#dispatch({ type: 'tick' })
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        return this.#dial()
      case 'send-connect':
        return this.#sendConnect()
      case 'begin-session':
        return this.#beginSession()
      case 'authenticate':
        return this.#authenticate()
      case 'established':
        return this.#established()
      case 'session-over':
        return this.#sessionOver(effect.reason, effect.error)
      case 'drop':
        return this.#linkLost(new ConnectionLossError(effect.why))
      case 'ping':
        return this.#link?.ping()
      case 'send-close':
        return this.#sendClose()
      case 'closed':
        return this.#closed(effect.error)
    }
  }

  #dial(): void {
    const dial = ++this.#dials
    this.#hosts.next().then(
      (endpoint) => {
        if (dial !== this.#dials) return
        this.#link = this.#newLink(endpoint)
      },
      (error: unknown) => {
        if (dial === this.#dials) this.#linkLost(error)
      },
    )
  }

  #newLink(endpoint: { hostName: string; address: string; port: number }): Link {
    const { transport, runtime, maxFrameBytes } = this.#options
    const link: Link = new Link(
      transport,
      endpoint,
      { clock: runtime.clock, maxFrameBytes, xids: this.#xids },
      {
        opened: () => this.#dispatch({ type: 'opened' }),
        heard: (now) => this.#heard(link, now),
        handshake: (reply) => this.#shaken(reply),
        notification: (type, path, zxid) => this.traffic.notified(type, path, zxid),
        reply: (entry, err, zxid, reader) => this.#replied(entry, err, zxid, reader),
        proven: (sentAt) => this.#proven(sentAt),
        lost: (error) => this.#linkLost(error ?? new ConnectionLossError('the server closed the connection')),
      },
    )
    return link
  }

  /** Before a chunk is read: an overdue session must end first, and with it this link. */
  #heard(link: Link, now: number): boolean {
    if (now >= this.#timer.due && now >= wakeAt(this.#machine, this.#vitals()))
      this.#dispatch({ type: 'tick' })
    return this.#link === link
  }

  #proven(sentAt: number): void {
    const { link } = this.#machine
    if ((link.name === 'up' || link.name === 'authenticating') && link.readOnly) return
    if (sentAt > this.#provenAt) this.#provenAt = sentAt
  }

  #sendConnect(): void {
    const { session, settings } = this.#machine
    const { allowReadOnly } = this.#options
    const resumed = session?.readWrite === true ? session : undefined
    this.#link?.sendConnect({
      protocolVersion: 0,
      lastZxidSeen: this.traffic.lastZxid,
      timeoutMs: settings.sessionTimeoutMs,
      sessionId: resumed?.id ?? 0n,
      password: resumed?.password ?? Buffer.alloc(16),
      readOnly: allowReadOnly,
    })
  }

  #shaken(reply: ConnectReply): void {
    const sentAt = this.#link?.sentAt ?? 0
    const { timeoutMs, sessionId, readOnly } = reply
    // A server that takes writes has just vouched for the session, whichever one it is.
    if (!readOnly && timeoutMs > 0) this.#provenAt = Math.max(this.#provenAt, sentAt)
    const password = Buffer.from(reply.password ?? Buffer.alloc(16))
    this.#dispatch({ type: 'handshake', reply: { timeoutMs, sessionId, password, readOnly } })
    if (this.#machine.session !== undefined) this.#handle?.renegotiated(this.#machine.session.timeoutMs)
  }

  #beginSession(): void {
    const { session } = this.#machine
    if (session === undefined) return
    this.#controller = quietController()
    this.#handle = new SessionHandle(session, this.#controller.signal)
    this.traffic.requests.begin(session.generation)
  }

  #authenticate(): void {
    const link = this.#link
    if (link === undefined) return
    if (this.#authenticator.hasNone) return this.#dispatch({ type: 'authenticated' })
    this.#authenticator
      .present(link, async (token) => this.traffic.requests.saslStep(link, token))
      .then(
        () => {
          if (this.#link === link) this.#dispatch({ type: 'authenticated' })
        },
        (error: unknown) => {
          if (this.#link === link) this.#dispatch({ type: 'auth-failed', error: error as ZkError })
        },
      )
  }

  #established(): void {
    const link = this.#link
    if (link === undefined) return
    this.#upSince = this.#options.runtime.clock.now()
    this.#lastFailure = undefined
    this.#authenticator.accepted()
    this.traffic.restoreWatches(link)
    if (this.#machine.link.name === 'up' && this.#machine.link.readOnly) this.#startProbe()
    this.traffic.requests.open(link)
  }

  #startProbe(): void {
    this.#probe?.stop()
    const { runtime, transport } = this.#options
    this.#probe = new ReadWriteProbe(runtime, transport, this.#hosts, (endpoint) => {
      this.#hosts.prefer(endpoint)
      this.#dispatch({ type: 'read-write-found' })
    })
  }

  #replied(entry: Entry, err: number, zxid: bigint, reader: Reader): void {
    this.traffic.replied(entry, err, zxid, reader)
    if (err === ResultCode.SESSION_EXPIRED) this.#dispatch({ type: 'expired' })
    if (entry.operation === operations.closeSession) this.#dispatch({ type: 'close-answered' })
  }

  #linkLost(error: unknown): void {
    const link = this.#link
    this.#dials++
    this.#link = undefined
    this.#probe?.stop()
    this.#probe = undefined
    this.#lastFailure = error
    const { clock, random } = this.#options.runtime
    const stable = clock.now() - this.#upSince >= STABLE_MS
    this.#upSince = Infinity
    if (stable) this.#hosts.restart()
    this.#options.logger.debug({ err: error, server: link?.endpoint.hostName }, 'connection lost')
    if (link !== undefined) this.traffic.requests.suspend(link, error)
    this.#dispatch({
      type: 'link-lost',
      roundOver: !stable && this.#hosts.exhausted,
      stable,
      jitter: random.next(),
    })
  }

  #sessionOver(reason: LostReason, error: ZkError): void {
    const handle = this.#handle
    this.#handle = undefined
    if (reason !== 'closed') this.#options.logger.warn({ err: error, reason }, 'session over')
    // First, so that who hears of the end and asks for something is not served by this session's link any more.
    this.traffic.requests.sessionOver(error)
    handle?.end(reason)
    this.#controller.abort(error)
    this.traffic.forgetSession()
  }

  #sendClose(): void {
    const link = this.#link
    if (link === undefined) return
    // Whoever holds something by this session hears of it before the server gives it to the next one.
    this.#handle?.end('closed')
    this.#controller.abort(new ClosedError())
    // A session that is still authenticating has taken no requests; closing it needs no credentials.
    this.traffic.requests.closeSession(link)
  }

  #closed(error: ZkError): void {
    this.#closedWith = error
    this.#dials++
    this.#probe?.stop()
    this.#timer.stop()
    this.#authenticator.closed(error)
    const link = this.#link
    this.#link = undefined
    this.traffic.close(link, error)
    for (const resolve of this.#closeWaiters.splice(0)) resolve()
  }
}
