import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { wakeAt } from '../../src/session/machine.js'
import type { Move } from './machine-walk.js'
import { MachineWalk, moves } from './machine-walk.js'

const RUNS = Number(process.env['LATCHKEY_MACHINE_RUNS'] ?? 3_000)

function connected(options: { attach?: boolean } = {}): MachineWalk {
  const walk = new MachineWalk(options)
  walk.play({ move: 'opened' })
  walk.play({ move: 'handshake', answer: 'same', readOnly: false, timeoutMs: 9_000 })
  walk.play({ move: 'authenticated' })
  return walk
}

describe('in every order of events', () => {
  test.each([{ attach: false }, { attach: true }])(
    'a session ends once, no generation comes twice, and nothing gets stuck (attach: $attach)',
    (options) => {
      fc.assert(
        fc.property(moves, (list) => {
          const walk = new MachineWalk(options)
          for (const move of list) {
            walk.play(move)
            walk.checkDeadline()
          }
          // Whatever has happened, close() ends it within bounded time and everything begun is over.
          walk.play({ move: 'close', keepSession: false })
          walk.play({ move: 'close', keepSession: false })
          for (let i = 0; i < 3 && walk.state.state !== 'closed'; i++) walk.play({ move: 'wake', late: 0 })
          expect(walk.state.state).toBe('closed')
          expect(walk.effects.filter((effect) => effect.type === 'closed')).toHaveLength(1)
          expect(walk.over).toEqual(walk.begun)
        }),
        { numRuns: RUNS },
      )
    },
  )

  test('waking up when asked to always leads somewhere: the machine does not spin', () => {
    fc.assert(
      fc.property(moves, (list) => {
        const walk = new MachineWalk()
        for (const move of list) walk.play(move)
        // Left to itself it may do a few things at one moment, but then time must pass.
        let atOnce = 0
        for (let i = 0; i < 15 && walk.state.state !== 'closed'; i++) {
          const before = walk.now
          walk.play({ move: 'wake', late: 0 })
          atOnce = walk.now > before ? 0 : atOnce + 1
          expect(atOnce).toBeLessThan(5)
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('a session that is cut off ends exactly at its deadline if it is looked at in time', () => {
    fc.assert(
      fc.property(moves, (list) => {
        const walk = new MachineWalk()
        for (const move of list) walk.play(move)
        const { state, session, link } = walk.state
        if (state !== 'suspended' || session?.readWrite !== true) return
        if (link.name === 'closing' || (link.name === 'handshaking' && link.closing)) return
        const due = walk.provenAt + session.timeoutMs
        if (walk.now >= due) return
        // From here on nobody answers.
        while (walk.state.session?.generation === session.generation && walk.now <= due)
          walk.play({ move: 'wake', late: 0 })
        expect(walk.now).toBe(due)
        expect(walk.over).toContain(session.generation)
      }),
      { numRuns: RUNS },
    )
  })
})

describe('one by one', () => {
  test('a stall longer than the timeout ends the session before anything else', () => {
    for (const move of ['read-write-found', 'expired', 'close-answered'] as const) {
      const walk = connected()
      walk.now += 9_000
      walk.play({ move })
      expect(walk.over).toEqual([1])
      expect(walk.effects.at(-1)).toMatchObject({ type: 'dial' })
    }
  })

  test('another session id in the reply is the end of the old session and the start of the next', () => {
    const walk = connected()
    walk.lose(false, true)
    walk.play({ move: 'opened' })
    walk.play({ move: 'handshake', answer: 'other', readOnly: false, timeoutMs: 9_000 })
    expect(walk.over).toEqual([1])
    expect(walk.begun).toEqual([1, 2])
    expect(walk.state.state).toBe('lost')
    walk.play({ move: 'authenticated' })
    expect(walk.state.state).toBe('connected')
  })

  test('closing while a reconnect is answered with another session ends both sessions', () => {
    const walk = connected()
    walk.lose(false, true)
    walk.play({ move: 'opened' })
    walk.play({ move: 'close', keepSession: false })
    walk.play({ move: 'handshake', answer: 'other', readOnly: false, timeoutMs: 9_000 })
    expect(walk.effects.at(-1)).toMatchObject({ type: 'send-close' })
    walk.play({ move: 'close-answered' })
    expect(walk.begun).toEqual([1, 2])
    expect(walk.over).toEqual([1, 2])
  })

  test('closing during a handshake waits for its answer without spinning, past the session deadline too', () => {
    const walk = connected()
    walk.lose(false, true)
    walk.now += 8_000
    walk.play({ move: 'opened' })
    walk.play({ move: 'close', keepSession: false })
    expect(wakeAt(walk.state, walk.vitals)).toBe(walk.now + 3_000)
    walk.play({ move: 'wake', late: 0 })
    expect(walk.state.state).toBe('closed')
  })

  test('a first session whose connection dies before it is up is begun once', () => {
    const walk = new MachineWalk()
    const shake: Move = { move: 'handshake', answer: 'same', readOnly: false, timeoutMs: 9_000 }
    walk.play({ move: 'opened' })
    walk.play(shake)
    walk.lose(false, false)
    walk.play({ move: 'opened' })
    walk.play(shake)
    walk.play({ move: 'authenticated' })
    expect(walk.state.state).toBe('connected')
    expect(walk.effects.filter((effect) => effect.type === 'begin-session')).toHaveLength(1)
  })

  test('what a read-only server says proves nothing: the session ends at its deadline all the same', () => {
    const walk = connected()
    walk.lose(false, true)
    walk.play({ move: 'opened' })
    walk.play({ move: 'handshake', answer: 'same', readOnly: true, timeoutMs: 9_000 })
    walk.play({ move: 'authenticated' })
    expect(walk.state.state).toBe('readOnly')
    for (let i = 0; i < 10 && walk.over.length === 0; i++) {
      walk.play({ move: 'answered' })
      walk.play({ move: 'wake', late: 0 })
    }
    expect(walk.over).toEqual([1])
    expect(walk.now).toBe(walk.provenAt + 9_000)
  })

  test('an attached session that is over closes the client instead of opening another', () => {
    const walk = new MachineWalk({ attach: true })
    walk.play({ move: 'opened' })
    walk.play({ move: 'handshake', answer: 'expired', readOnly: false, timeoutMs: 0 })
    expect(walk.state.state).toBe('closed')
    expect(walk.effects.at(-1)).toMatchObject({ type: 'closed', error: { code: 'SESSION_EXPIRED' } })
  })

  test('servers that accept and drop are called with growing pauses', () => {
    const walk = new MachineWalk()
    const pauses: number[] = []
    for (let i = 0; i < 8; i++) {
      walk.play({ move: 'opened' })
      walk.play({ move: 'handshake', answer: 'same', readOnly: false, timeoutMs: 9_000 })
      walk.play({ move: 'authenticated' })
      walk.lose(true, false)
      const { link } = walk.state
      if (link.name !== 'waiting') throw new Error(`${link.name}: it should wait`)
      pauses.push(link.until - walk.now)
      walk.play({ move: 'wake', late: 0 })
    }
    expect(pauses.slice(1).every((pause, at) => pause >= (pauses[at] ?? 0))).toBe(true)
    expect(pauses.at(-1)).toBe(750)
  })
})
