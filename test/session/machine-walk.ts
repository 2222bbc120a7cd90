/**
 * Walks the session machine through events as a shell would observe them, in any order and with any delay between
 * them, and checks after each step what must hold in all of them.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import { AuthFailedError } from '../../src/api/errors.js'
import type { Effect, MachineEvent, MachineState, Settings, Vitals } from '../../src/session/machine-types.js'
import { initialState, step, wakeAt } from '../../src/session/machine.js'

export const settings: Settings = {
  sessionTimeoutMs: 9_000,
  connectTimeoutMs: 3_000,
  maxBackOffMs: 1_000,
  attached: false,
}

/** What the world does next. */
export type Move =
  | { readonly move: 'wait'; readonly ms: number }
  /** Time passes to when the machine wants to be woken, and `late` more. */
  | { readonly move: 'wake'; readonly late: number }
  | { readonly move: 'opened' }
  | { readonly move: 'lost'; readonly roundOver: boolean; readonly stable: boolean }
  | {
      readonly move: 'handshake'
      readonly answer: 'same' | 'other' | 'expired' | 'zero'
      readonly readOnly: boolean
      readonly timeoutMs: number
    }
  | { readonly move: 'authenticated' }
  | { readonly move: 'auth-failed' }
  | { readonly move: 'expired' }
  | { readonly move: 'read-write-found' }
  /** Everything sent so far is answered. */
  | { readonly move: 'answered' }
  | { readonly move: 'close'; readonly keepSession: boolean }
  | { readonly move: 'close-answered' }

const often = <T>(
  weight: number,
  arbitrary: fc.Arbitrary<T>,
): { weight: number; arbitrary: fc.Arbitrary<T> } => ({
  weight,
  arbitrary,
})
const constant = <const T>(value: T): fc.Arbitrary<T> => fc.constant(value)

export const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    often(2, fc.record({ move: constant('wait'), ms: fc.integer({ min: 0, max: 4_000 }) })),
    often(3, fc.record({ move: constant('wake'), late: fc.oneof(constant(0), fc.nat(20_000)) })),
    often(4, constant({ move: 'opened' })),
    often(3, fc.record({ move: constant('lost'), roundOver: fc.boolean(), stable: fc.boolean() })),
    often(
      6,
      fc.record({
        move: constant('handshake'),
        answer: fc.constantFrom('same', 'same', 'same', 'other', 'expired', 'zero'),
        readOnly: fc.oneof(constant(false), constant(false), fc.boolean()),
        timeoutMs: fc.constantFrom(9_000, 4_000, 1),
      }),
    ),
    often(5, constant({ move: 'authenticated' })),
    often(1, constant({ move: 'auth-failed' })),
    often(1, constant({ move: 'expired' })),
    often(1, constant({ move: 'read-write-found' })),
    often(3, constant({ move: 'answered' })),
    often(1, fc.record({ move: constant('close'), keepSession: fc.boolean() })),
    often(1, constant({ move: 'close-answered' })),
  ),
  { maxLength: 60 },
)

export class MachineWalk {
  state: MachineState
  now = 0
  heardAt = 0
  sentAt = 0
  provenAt = 0
  readonly effects: Effect[] = []
  readonly begun: number[] = []
  readonly over: number[] = []
  #nextId = 100n

  constructor(options: { attach?: boolean } = {}) {
    this.state =
      options.attach === true
        ? initialState({ ...settings, attached: true }, { id: 7n, password: Buffer.alloc(16) })
        : initialState(settings)
    this.feed({ type: 'start' })
  }

  get vitals(): Vitals {
    const { now, heardAt, sentAt, provenAt } = this
    return { now, heardAt, sentAt, provenAt, resumedAt: -Infinity }
  }

  play(move: Move): void {
    switch (move.move) {
      case 'wait':
        this.now += move.ms
        return
      case 'wake': {
        const due = wakeAt(this.state, this.vitals)
        if (due === Infinity) return
        this.now = Math.max(this.now, due) + move.late
        return this.feed({ type: 'tick' })
      }
      case 'lost':
        return this.lose(move.roundOver, move.stable)
      case 'answered':
        if (this.state.link.name === 'up' && !this.state.link.readOnly) this.provenAt = this.sentAt
        this.heardAt = this.now
        return
      case 'handshake':
        return this.#handshake(move)
      case 'auth-failed':
        if (this.state.link.name !== 'authenticating') return
        return this.feed({ type: 'auth-failed', error: new AuthFailedError('no') })
      case 'close':
        return this.feed({ type: 'close', keepSession: move.keepSession })
      default:
        return this.feed({ type: move.move })
    }
  }

  lose(roundOver: boolean, stable: boolean): void {
    // Without a link or a dial there is nothing that could be lost.
    const { name } = this.state.link
    if (name !== 'none' && name !== 'waiting')
      this.feed({ type: 'link-lost', roundOver, stable, jitter: 0.5 })
  }

  #handshake({ answer, readOnly, timeoutMs }: Extract<Move, { move: 'handshake' }>): void {
    if (this.state.link.name !== 'handshaking') return
    // As the shell does it: before bytes are looked at, the deadline is.
    if (wakeAt(this.state, this.vitals) <= this.now) {
      this.feed({ type: 'tick' })
      if (this.#phase() !== 'handshaking') return
    }
    const claimed = this.state.session?.readWrite === true ? this.state.session.id : undefined
    const sessionId =
      answer === 'zero' ? 0n : answer === 'same' && claimed !== undefined ? claimed : this.#nextId++
    const granted = answer === 'expired' ? 0 : timeoutMs
    if (granted > 0 && !readOnly) this.provenAt = Math.max(this.provenAt, this.sentAt)
    this.heardAt = this.now
    const reply = { sessionId, timeoutMs: granted, readOnly, password: Buffer.alloc(16) }
    this.feed({ type: 'handshake', reply })
  }

  #phase(): string {
    return this.state.link.name
  }

  feed(event: MachineEvent): void {
    const before = this.state
    const vitals = this.vitals
    const { state, effects } = step(before, event, vitals)
    if (before.state === 'closed') {
      expect(state).toBe(before)
      expect(effects).toEqual([])
    }
    this.state = state
    for (const effect of effects) this.#carryOut(effect, before)
    this.#check(effects)
    if (effects.some((effect) => effect.type === 'drop')) this.lose(false, false)
  }

  #carryOut(effect: Effect, before: MachineState): void {
    this.effects.push(effect)
    switch (effect.type) {
      case 'dial':
        this.heardAt = this.sentAt = this.now
        return
      case 'send-connect':
      case 'ping':
      case 'send-close':
        this.sentAt = this.now
        return
      case 'begin-session': {
        const generation = this.state.generation
        // Never used before, and the one before it is over.
        expect(this.begun).not.toContain(generation)
        expect(this.over).toEqual(this.begun)
        this.begun.push(generation)
        return
      }
      case 'session-over': {
        const generation = before.session?.generation ?? this.state.generation
        expect(this.over).not.toContain(generation)
        this.over.push(generation)
        // An attached one may end before it has begun here.
        if (!this.begun.includes(generation)) this.begun.push(generation)
        return
      }
      case 'closed':
        expect(this.over).toEqual(this.begun)
        return
      default:
    }
  }

  #check(effects: readonly Effect[]): void {
    const { state, link, session } = this.state
    if (state === 'closed') {
      expect(wakeAt(this.state, this.vitals)).toBe(Infinity)
      expect(session).toBeUndefined()
      return
    }
    const dropping = effects.some((effect) => effect.type === 'drop')
    if (dropping) return
    // Never stuck: there is always a moment at which something happens by itself.
    expect(wakeAt(this.state, this.vitals)).toBeLessThan(Infinity)
    expect(link.name).not.toBe('none')
    if (state === 'connected' || state === 'readOnly') {
      expect(session).toBeDefined()
      expect(['up', 'closing']).toContain(link.name)
    }
    if (state === 'suspended') expect(session).toBeDefined()
  }

  /** The session that is said to be live has been proven within its timeout. */
  checkDeadline(): void {
    const { state, session, link } = this.state
    if (state !== 'connected' && state !== 'suspended') return
    if (session?.readWrite !== true || link.name === 'closing') return
    if (link.name === 'handshaking' && link.closing) return
    const due = this.provenAt + session.timeoutMs
    expect(wakeAt(this.state, this.vitals)).toBeLessThanOrEqual(due)
  }
}
