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
import type {
  Effect,
  Handshake,
  LinkPhase,
  MachineEvent,
  MachineState,
  SessionRecord,
  Settings,
  Step,
  Vitals,
} from './machine-types.js'
import { backOffMs, closePatienceMs, pingIntervalMs, readTimeoutMs } from './timeouts.js'

export function initialState(settings: Settings, attach?: { id: bigint; password: Buffer }): MachineState {
  const session =
    attach === undefined
      ? undefined
      : { ...attach, timeoutMs: settings.sessionTimeoutMs, generation: 1, readWrite: true, begun: false }
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
      return link.name === 'authenticating' ? established(state, link.readOnly) : stay(state)
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
  const expiry = expiryOf(state, vitals)
  if (link.name === 'none') return expiry
  // A session that is being closed is not looked after any more: only the server's word is waited for.
  if (link.name === 'closing' || (link.name === 'handshaking' && link.closing)) return link.until
  switch (link.name) {
    case 'up':
      return Math.min(expiry, deadAt(state, vitals), vitals.sentAt + pingIntervalMs(timeoutOf(state)))
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

/** The local deadline of the session: the server can't have let it expire before. */
function expiryOf(state: MachineState, { provenAt }: Pick<Vitals, 'provenAt'>): number {
  return hasProof(state) ? provenAt + timeoutOf(state) : Infinity
}

function isOverdue(state: MachineState, vitals: Vitals): boolean {
  return vitals.now >= expiryOf(state, vitals)
}

/**
 * When silence means that the link is dead. After a stall of our own the silence was ours: what the server said may
 * wait in the socket, or we did not even ask. Then the link gets half of the time that the session has left, and the
 * next server the other half.
 */
function deadAt(state: MachineState, vitals: Omit<Vitals, 'now'>): number {
  const patience = readTimeoutMs(timeoutOf(state))
  const { heardAt, resumedAt } = vitals
  if (resumedAt < heardAt) return heardAt + patience
  return Math.max(
    heardAt + patience,
    Math.min(resumedAt + patience, (resumedAt + expiryOf(state, vitals)) / 2),
  )
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
  if (!wasClosing || next.state.link.name !== 'authenticating') return next
  // What has ended or begun with this answer is said all the same; only credentials are not needed any more.
  const said = next.effects.filter((effect) => effect.type !== 'authenticate')
  const closing = beginClose(next.state, vitals)
  return { state: closing.state, effects: [...said, ...closing.effects] }
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
    const negotiated = reply.readOnly ? {} : { timeoutMs: reply.timeoutMs, password: reply.password }
    const session: SessionRecord = { ...claimed, ...negotiated, begun: true }
    const link: LinkPhase = { name: 'authenticating', until, readOnly: reply.readOnly }
    return { state: { ...state, session, link }, effects: begin(!claimed.begun) }
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
    begun: true,
  }
  const link: LinkPhase = { name: 'authenticating', until, readOnly: reply.readOnly }
  return { state: { ...state, session, generation, link }, effects: begin(true) }
}

function established(state: MachineState, readOnly: boolean): Step {
  return {
    state: { ...state, state: readOnly ? 'readOnly' : 'connected', link: { name: 'up', readOnly } },
    effects: [{ type: 'established' }],
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
      if (vitals.now >= deadAt(state, vitals)) {
        return drop(state, `nothing heard for ${Math.round(vitals.now - vitals.heardAt)} ms`)
      }
      if (vitals.now >= vitals.sentAt + pingIntervalMs(timeoutOf(state)))
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
  const until = vitals.now + closePatienceMs(state.settings.connectTimeoutMs)
  switch (link.name) {
    case 'closing':
      return stay(state)
    case 'handshaking':
      // The server is about to open or resume a session: wait for its word, so that none is left behind.
      return {
        state: { ...state, link: { ...link, closing: true, until: Math.min(link.until, until) } },
        effects: [],
      }
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
