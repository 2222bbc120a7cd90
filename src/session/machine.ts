/**
 * The life of a client's sessions as a pure function: `step(state, event, vitals)` gives the next state and what to do.
 * It reads no clock, opens no socket and keeps nothing, so it can be tested exhaustively and replayed.
 *
 * Two things change side by side: the *link* (one connection after another) and the *session* (outlives links, ends
 * once). The public state follows from both:
 *
 *   connecting ──► connected ◄──► suspended ──► lost ──► connected (next generation)
 *        └───────► readOnly ◄──────────┘          any ──► closed (absorbs everything)
 *
 * Invariants:
 * - `closed` is final: no event leaves it and none has an effect in it.
 * - A session ends exactly once (`session-over`), and its generation is never used again.
 * - A session is over locally no later than `provenAt + timeoutMs`, where `provenAt` is when the last request that the
 *   server answered was sent: the server cannot have let it expire before that, and nobody tells a client that is cut off.
 * - What a read-only server answers proves nothing about a session: it does not know whether the quorum let it expire.
 * - A reconnect that is answered with another session id is the end of the old session (ClickHouse Keeper #116690).
 */
import type { LostReason, ZkError } from '../api/errors.js'
import { ClosedError, SessionExpiredError } from '../api/errors.js'
import type { SessionState } from '../api/zk.js'
import { backOffMs, pingIntervalMs, readTimeoutMs } from './timeouts.js'

export interface SessionRecord {
  readonly id: bigint
  readonly password: Buffer
  readonly timeoutMs: number
  readonly generation: number
  /** False while only a read-only server has vouched for it: then the next connect must not send its id. */
  readonly readWrite: boolean
}

/** The one connection that is under way or up. `until` is when patience with the phase ends. */
export type LinkPhase =
  | { readonly name: 'none' }
  | { readonly name: 'waiting'; readonly until: number }
  | { readonly name: 'dialing'; readonly until: number }
  /** `closing`: close() was called; the session is closed as soon as the server has answered. */
  | { readonly name: 'handshaking'; readonly until: number; readonly closing: boolean }
  | {
      readonly name: 'authenticating'
      readonly until: number
      readonly fresh: boolean
      readonly readOnly: boolean
    }
  | { readonly name: 'up'; readonly readOnly: boolean }
  | { readonly name: 'closing'; readonly until: number }

export interface Settings {
  /** Asked for; the server has the last word. */
  readonly sessionTimeoutMs: number
  /** Patience with one dial or one handshake. */
  readonly connectTimeoutMs: number
  readonly maxBackOffMs: number
  /** Attach mode: the first session must be this one; if it is over, so is the client. */
  readonly attached: boolean
}

export interface MachineState {
  readonly state: SessionState
  readonly link: LinkPhase
  readonly session: SessionRecord | undefined
  readonly generation: number
  /** Rounds through all hosts that failed since something last worked. */
  readonly failedRounds: number
  readonly settings: Settings
}

/** What the shell has observed, on the monotonic clock in milliseconds. */
export interface Vitals {
  readonly now: number
  /** Last bytes from the server on this link. */
  readonly heardAt: number
  /** Last bytes to the server on this link. */
  readonly sentAt: number
  /** Send time of the newest request on this session that a read-write server answered. */
  readonly provenAt: number
}

export interface Handshake {
  readonly timeoutMs: number
  readonly sessionId: bigint
  readonly password: Buffer
  readonly readOnly: boolean
}

export type MachineEvent =
  | { readonly type: 'start' }
  | { readonly type: 'opened' }
  /**
   * The link is gone, at whatever phase. `roundOver`: every host has been tried since one last worked; `stable`: this
   * link had worked for a while, so that a server which accepts and drops is not called again without a pause.
   */
  | {
      readonly type: 'link-lost'
      readonly roundOver: boolean
      readonly stable: boolean
      readonly jitter: number
    }
  | { readonly type: 'handshake'; readonly reply: Handshake }
  | { readonly type: 'authenticated' }
  | { readonly type: 'auth-failed'; readonly error: ZkError }
  /** The server answered something with SESSION_EXPIRED. */
  | { readonly type: 'expired' }
  | { readonly type: 'read-write-found' }
  | { readonly type: 'tick' }
  /** `keepSession`: leave the session to whoever attaches to it. */
  | { readonly type: 'close'; readonly keepSession: boolean }
  | { readonly type: 'close-answered' }

export type Effect =
  | { readonly type: 'dial' }
  | { readonly type: 'send-connect' }
  | { readonly type: 'authenticate' }
  /** The link takes requests. `fresh`: on a new session, else on the old one, whose watches must be set again. */
  | { readonly type: 'established'; readonly fresh: boolean }
  | { readonly type: 'begin-session' }
  | { readonly type: 'session-over'; readonly reason: LostReason; readonly error: ZkError }
  | { readonly type: 'drop'; readonly why: string }
  | { readonly type: 'ping' }
  | { readonly type: 'send-close' }
  | { readonly type: 'closed'; readonly error: ZkError }

export interface Step {
  readonly state: MachineState
  readonly effects: readonly Effect[]
}

export function initialState(settings: Settings, attach?: { id: bigint; password: Buffer }): MachineState {
  const session =
    attach === undefined
      ? undefined
      : { ...attach, timeoutMs: settings.sessionTimeoutMs, generation: 1, readWrite: true }
  return {
    state: 'connecting',
    link: { name: 'none' },
    session,
    generation: session === undefined ? 0 : 1,
    failedRounds: 0,
    settings,
  }
}

export function step(state: MachineState, event: MachineEvent, vitals: Vitals): Step {
  if (state.state === 'closed') return { state, effects: [] }
  // Whatever happened, an overdue session ends first: after a stall nothing may be done in its name.
  if (isOverdue(state, vitals) && event.type !== 'close' && !isClosing(state)) {
    return overdue(state, event, vitals)
  }
  return react(state, event, vitals)
}

function overdue(state: MachineState, event: MachineEvent, vitals: Vitals): Step {
  const ended = endSession(state, vitals, 'session-in-doubt', `not confirmed for ${timeoutOf(state)} ms`)
  if (ended.state.state === 'closed') return ended
  const linkIsGone = event.type === 'link-lost'
  const kept = linkIsGone ? ended.effects.filter((effect) => effect.type !== 'drop') : ended.effects
  // A link that is being dropped has nothing more to say; one that never carried the session has.
  if (kept.some((effect) => effect.type === 'drop')) return ended
  const then = react(ended.state, event, vitals)
  return { state: then.state, effects: [...kept, ...then.effects] }
}

function react(state: MachineState, event: MachineEvent, vitals: Vitals): Step {
  const { link } = state
  switch (event.type) {
    case 'start':
      return link.name === 'none' ? dial(state, vitals) : stay(state)
    case 'opened':
      return link.name === 'dialing' ? handshake(state, vitals) : stay(state)
    case 'handshake':
      return link.name === 'handshaking' ? answered(state, event.reply, vitals) : stay(state)
    case 'authenticated':
      return link.name === 'authenticating' ? established(state, link.fresh, link.readOnly) : stay(state)
    case 'auth-failed':
      return close(state, event.error)
    case 'link-lost':
      return linkLost(state, event, vitals)
    case 'expired':
      return state.session === undefined || isClosing(state)
        ? stay(state)
        : endSession(state, vitals, 'session-expired', 'the server has let it expire')
    case 'read-write-found':
      return link.name === 'up' && link.readOnly
        ? { state, effects: [{ type: 'drop', why: 'a read-write server was found' }] }
        : stay(state)
    case 'tick':
      return tick(state, vitals)
    case 'close':
      return event.keepSession ? close(state, new ClosedError()) : beginClose(state, vitals)
    case 'close-answered':
      return link.name === 'closing' ? close(state, new ClosedError()) : stay(state)
  }
}

/** When `tick` is next due. Infinity: only an event from outside can change anything. */
export function wakeAt(state: MachineState, vitals: Omit<Vitals, 'now'>): number {
  if (state.state === 'closed') return Infinity
  const { link } = state
  const expiry = hasProof(state) ? vitals.provenAt + timeoutOf(state) : Infinity
  switch (link.name) {
    case 'none':
      return expiry
    case 'closing':
      return link.until
    case 'up': {
      const timeoutMs = timeoutOf(state)
      const silent = vitals.heardAt + readTimeoutMs(timeoutMs)
      return Math.min(expiry, silent, vitals.sentAt + pingIntervalMs(timeoutMs))
    }
    default:
      return Math.min(expiry, link.until)
  }
}

function isClosing(state: MachineState): boolean {
  return state.link.name === 'closing' || (state.link.name === 'handshaking' && state.link.closing)
}

function stay(state: MachineState): Step {
  return { state, effects: [] }
}

function timeoutOf(state: MachineState): number {
  return state.session?.timeoutMs ?? state.settings.sessionTimeoutMs
}

/** Whether the local deadline applies: an attached session that no server has vouched for yet has none. */
function hasProof(state: MachineState): boolean {
  return state.session?.readWrite === true && state.state !== 'connecting'
}

function isOverdue(state: MachineState, vitals: Vitals): boolean {
  return hasProof(state) && vitals.now >= vitals.provenAt + timeoutOf(state)
}

function dial(state: MachineState, vitals: Vitals): Step {
  const link: LinkPhase = { name: 'dialing', until: vitals.now + state.settings.connectTimeoutMs }
  return { state: { ...state, link }, effects: [{ type: 'dial' }] }
}

function handshake(state: MachineState, vitals: Vitals): Step {
  const link: LinkPhase = {
    name: 'handshaking',
    until: vitals.now + state.settings.connectTimeoutMs,
    closing: false,
  }
  return { state: { ...state, link }, effects: [{ type: 'send-connect' }] }
}

/** The server's answer to our connect request: our session goes on, it is over, or there is a new one. */
function answered(state: MachineState, reply: Handshake, vitals: Vitals): Step {
  const wasClosing = isClosing(state)
  const next = opened(state, reply, vitals)
  return wasClosing && next.state.link.name === 'authenticating' ? beginClose(next.state, vitals) : next
}

function opened(state: MachineState, reply: Handshake, vitals: Vitals): Step {
  const old = state.session
  const claimed = old?.readWrite === true ? old : undefined
  if (reply.timeoutMs <= 0 || reply.sessionId === 0n) {
    if (claimed !== undefined)
      return endSession(state, vitals, 'session-expired', 'the server has let it expire')
    return { state, effects: [{ type: 'drop', why: 'the server refused to open a session' }] }
  }
  const until = vitals.now + state.settings.connectTimeoutMs
  if (claimed?.id === reply.sessionId) {
    // Negotiated anew on each connect; a read-only server's word on it does not count.
    const session = reply.readOnly
      ? claimed
      : { ...claimed, timeoutMs: reply.timeoutMs, password: reply.password }
    const link: LinkPhase = {
      name: 'authenticating',
      until,
      fresh: state.state === 'connecting',
      readOnly: reply.readOnly,
    }
    return { state: { ...state, session, link }, effects: begin(link.fresh) }
  }
  if (old === undefined) return fresh(state, reply, until)
  const ended = endSession(state, vitals, 'session-expired', 'the server answered with another session')
  if (ended.state.state === 'closed') return ended
  // Keep the link: it is the next session's already.
  const over = ended.effects.filter((effect) => effect.type === 'session-over')
  const next = fresh({ ...ended.state, session: undefined }, reply, until)
  return { state: next.state, effects: [...over, ...next.effects] }
}

function begin(isFresh: boolean): readonly Effect[] {
  return isFresh ? [{ type: 'begin-session' }, { type: 'authenticate' }] : [{ type: 'authenticate' }]
}

function fresh(state: MachineState, reply: Handshake, until: number): Step {
  const generation = state.generation + 1
  const session: SessionRecord = {
    id: reply.sessionId,
    password: reply.password,
    timeoutMs: reply.timeoutMs,
    generation,
    readWrite: !reply.readOnly,
  }
  const link: LinkPhase = { name: 'authenticating', until, fresh: true, readOnly: reply.readOnly }
  return { state: { ...state, session, generation, link }, effects: begin(true) }
}

function established(state: MachineState, isFresh: boolean, readOnly: boolean): Step {
  return {
    state: { ...state, state: readOnly ? 'readOnly' : 'connected', link: { name: 'up', readOnly } },
    effects: [{ type: 'established', fresh: isFresh }],
  }
}

type LinkLost = Extract<MachineEvent, { type: 'link-lost' }>

function linkLost(state: MachineState, event: LinkLost, vitals: Vitals): Step {
  if (isClosing(state)) return close(state, new ClosedError())
  const failedRounds = (event.stable ? 0 : state.failedRounds) + (event.roundOver ? 1 : 0)
  const live = state.state === 'connected' || state.state === 'readOnly'
  const next: MachineState = { ...state, failedRounds, state: live ? 'suspended' : state.state }
  if (!event.roundOver) return dial(next, vitals)
  const until = vitals.now + backOffMs(failedRounds, state.settings.maxBackOffMs, event.jitter)
  return { state: { ...next, link: { name: 'waiting', until } }, effects: [] }
}

/** The session is over, by the server's word or by the local deadline. A new one is on its way. */
function endSession(state: MachineState, vitals: Vitals, reason: LostReason, what: string): Step {
  const error = new SessionExpiredError(`session 0x${hex(state.session?.id)}: ${what}`)
  const over: Effect = { type: 'session-over', reason, error }
  const firstAttach = state.settings.attached && state.state === 'connecting'
  if (firstAttach) {
    const closed = close(state, error)
    return { state: closed.state, effects: [over, ...closed.effects] }
  }
  const next: MachineState = { ...state, session: undefined, state: 'lost' }
  switch (state.link.name) {
    case 'waiting':
      return { state: next, effects: [over] }
    case 'none':
    case 'dialing': {
      // A dial that is under way serves the next session as well: it has said nothing yet.
      return state.link.name === 'none' ? prepend(over, dial(next, vitals)) : { state: next, effects: [over] }
    }
    default:
      return { state: next, effects: [over, { type: 'drop', why: error.message }] }
  }
}

function prepend(effect: Effect, rest: Step): Step {
  return { state: rest.state, effects: [effect, ...rest.effects] }
}

function hex(id: bigint | undefined): string {
  return BigInt.asUintN(64, id ?? 0n).toString(16)
}

function tick(state: MachineState, vitals: Vitals): Step {
  const { link } = state
  switch (link.name) {
    case 'none':
      return stay(state)
    case 'waiting':
      return vitals.now >= link.until ? dial(state, vitals) : stay(state)
    case 'dialing':
      return vitals.now >= link.until ? drop(state, 'the server can not be reached') : stay(state)
    case 'handshaking':
    case 'authenticating':
      if (vitals.now >= link.until && isClosing(state)) return close(state, new ClosedError())
      return vitals.now >= link.until ? drop(state, `no answer while ${link.name}`) : stay(state)
    case 'closing':
      return vitals.now >= link.until ? close(state, new ClosedError()) : stay(state)
    case 'up': {
      const timeoutMs = timeoutOf(state)
      if (vitals.now - vitals.heardAt >= readTimeoutMs(timeoutMs)) {
        return drop(state, `nothing heard for ${Math.round(vitals.now - vitals.heardAt)} ms`)
      }
      if (vitals.now - vitals.sentAt >= pingIntervalMs(timeoutMs))
        return { state, effects: [{ type: 'ping' }] }
      return stay(state)
    }
  }
}

function drop(state: MachineState, why: string): Step {
  return { state, effects: [{ type: 'drop', why }] }
}

function beginClose(state: MachineState, vitals: Vitals): Step {
  const { link } = state
  const until = vitals.now + state.settings.connectTimeoutMs
  switch (link.name) {
    case 'closing':
      return stay(state)
    case 'handshaking':
      // The server is about to open or resume a session: wait for its word, so that none is left behind.
      return { state: { ...state, link: { ...link, closing: true } }, effects: [] }
    case 'authenticating':
    case 'up':
      if (link.readOnly) return close(state, new ClosedError())
      return { state: { ...state, link: { name: 'closing', until } }, effects: [{ type: 'send-close' }] }
    default:
      return close(state, new ClosedError())
  }
}

function close(state: MachineState, error: ZkError): Step {
  const effects: Effect[] = []
  if (state.session !== undefined) {
    if (!(error instanceof SessionExpiredError))
      effects.push({ type: 'session-over', reason: 'closed', error })
  }
  effects.push({ type: 'closed', error })
  return { state: { ...state, state: 'closed', link: { name: 'none' }, session: undefined }, effects }
}
