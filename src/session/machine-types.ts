/** The session machine in types: what it knows, what it is told and what it says. What it does is in `machine.ts`. */
import type { LostReason, ZkError } from '../api/errors.js'
import type { SessionState } from '../api/zk.js'

export interface SessionRecord {
  readonly id: bigint
  readonly password: Buffer
  readonly timeoutMs: number
  readonly generation: number
  /** False while only a read-only server has vouched for it: then the next connect must not send its id. */
  readonly readWrite: boolean
  /** Callers have been shown it (`begin-session`). False only for one to attach to that no server has confirmed. */
  readonly begun: boolean
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
  /** When the event loop came back from the last stall that hid this link's silence from us; −Infinity: never. */
  readonly resumedAt: number
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
  /** The link takes requests, once the session's watches are set on it again. */
  | { readonly type: 'established' }
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
