import { describe, expect, test } from 'vitest'
import type { Claim, HistoryEvent } from '../history.js'
import { FencedStore } from '../fenced-store.js'
import { beliefsIn, Excuses } from './beliefs.js'
import { checkFences } from './fences.js'
import { checkHolders, type HoldersReport } from './holders.js'
import { checkProgress } from './progress.js'

const BOUNDS = { stall: Infinity, expiry: 3_000, cut: 1_500 }
const MS = 1_000

/** `id` is worker:number. Times in milliseconds. */
function held(id: string, from: number, to: number | undefined, claim: Partial<Claim> = {}): HistoryEvent[] {
  const w = id.split(':')[0] ?? ''
  const claims = [{ path: '/l', share: 1, capacity: 1, ...claim }]
  return [
    { e: 'grant', t: from * MS, id, w, r: 'mutex', s: `s-${w}`, claims },
    ...(to === undefined ? [] : [{ e: 'end' as const, t: to * MS, id, how: 'release' as const }]),
  ]
}

const sorted = (...events: readonly HistoryEvent[][]): HistoryEvent[] =>
  events.flat().sort((a, b) => a.t - b.t)

function judge(events: readonly HistoryEvent[]): HoldersReport {
  return checkHolders(beliefsIn(events), new Excuses(events, 3_000), BOUNDS)
}

const kinds = (report: { violations: readonly { checker: string }[] }): string[] =>
  report.violations.map(({ checker }) => checker)

describe('holders', () => {
  test('one after the other, with growing tokens, is right', () => {
    const events = sorted(held('a:1', 0, 10, { token: '1' }), held('b:1', 10, 20, { token: '2' }))
    expect(judge(events)).toEqual({ violations: [], excesses: [], lateGrants: {} })
  })

  test('two at once are a violation', () => {
    const events = sorted(held('a:1', 0, 10, { token: '1' }), held('b:1', 9, 20, { token: '2' }))
    expect(kinds(judge(events))).toEqual(['overlap'])
  })

  test('a token that goes back is a violation', () => {
    const events = sorted(held('a:1', 0, 10, { token: '2' }), held('b:1', 10, 20, { token: '1' }))
    expect(kinds(judge(events))).toEqual(['order'])
  })

  test('a holder that was never told to end believes until it is killed', () => {
    const killed: HistoryEvent = { e: 'killed', t: 5 * MS, w: 'a' }
    const events = sorted(
      held('a:1', 0, undefined, { token: '1' }),
      [killed],
      held('b:1', 6, 8, { token: '2' }),
    )
    expect(kinds(judge(events))).toEqual([])
    expect(kinds(judge(events.filter(({ e }) => e !== 'killed')))).toEqual(['overlap'])
  })

  test('a process that stood still may be wrong so long, and a moment more', () => {
    const stall = (from: number, t: number): HistoryEvent => ({
      e: 'stall',
      from: from * MS,
      t: t * MS,
      w: 'a',
    })
    const two = sorted(held('a:1', 0, 5_010, { token: '1' }), held('b:1', 4_000, 6_000, { token: '2' }))
    const excused = judge(sorted(two, [stall(1, 5_000)]))
    expect(kinds(excused)).toEqual([])
    expect(excused.excesses).toMatchObject([{ cause: 'stall', us: 1_010 * MS }])
    expect(kinds(judge(sorted(two, [stall(1, 4_500)])))).toEqual(['overlap'])
    expect(kinds(judge(sorted(two, [{ ...stall(1, 5_000), w: 'b' } as HistoryEvent])))).toEqual(['overlap'])
  })

  test('a session that was ended behind its back excuses its holders only, and not for ever', () => {
    const expire: HistoryEvent = {
      e: 'fault',
      t: MS,
      to: 2 * MS,
      track: 'worker',
      kind: 'expire session',
      on: 's-a',
    }
    const soon = sorted(held('a:1', 0, 50, { token: '1' }), held('b:1', 40, 60, { token: '2' }), [expire])
    expect(judge(soon)).toMatchObject({ violations: [], excesses: [{ cause: 'expiry' }] })
    const late = sorted(held('a:1', 0, 5_000, { token: '1' }), held('b:1', 40, 60_000, { token: '2' }), [
      expire,
    ])
    expect(kinds(judge(late))).toEqual(['overlap'])
  })

  test('readers share, a writer does not', () => {
    const reader = { share: 1, capacity: 9 }
    const writer = { share: 9, capacity: 9 }
    const readers = sorted(
      held('a:1', 0, 10, { ...reader, token: '2' }),
      held('b:1', 1, 9, { ...reader, token: '1' }),
    )
    expect(kinds(judge(readers))).toEqual([])
    expect(kinds(judge(sorted(readers, held('c:1', 5, 6, { ...writer, token: '3' }))))).toEqual(['overlap'])
    expect(kinds(judge(sorted(readers, held('c:1', 11, 12, { ...writer, token: '1' }))))).toEqual(['order'])
  })

  test('permits are counted', () => {
    const two = { share: 2, capacity: 4 }
    const full = sorted(held('a:1', 0, 10, two), held('b:1', 1, 9, two))
    expect(kinds(judge(full))).toEqual([])
    expect(kinds(judge(sorted(full, held('c:1', 5, 6, { share: 1, capacity: 4 }))))).toEqual(['overlap'])
  })
})

describe('progress', () => {
  const ask = (id: string, ms: number): HistoryEvent => ({ e: 'ask', t: ms * MS, id, w: 'a', r: 'mutex' })
  const done = (id: string, ms: number): HistoryEvent => ({ e: 'done', t: ms * MS, id })
  const healed: HistoryEvent = { e: 'healed', t: 0, after: 'it' }

  test('no grant in time after a heal is a violation, unless something broke meanwhile', () => {
    const events = [healed, ...held('a:1', 5_000, 5_001), ask('a:2', 9_000), done('a:2', 9_001)]
    expect(kinds(checkProgress(events, 4_000))).toEqual(['comes back'])
    expect(checkProgress(events, 6_000).recoveriesMs).toEqual([5_000])
    const broken: HistoryEvent = { e: 'fault', t: MS, to: 2 * MS, track: 'server', kind: 'kill', on: '1' }
    expect(kinds(checkProgress(sorted(events, [broken]), 4_000))).toEqual([])
  })

  test('who asked and was never answered is stuck, unless it was killed', () => {
    expect(kinds(checkProgress([ask('a:1', 1)], 1))).toEqual(['stuck'])
    expect(kinds(checkProgress([ask('a:1', 1), { e: 'killed', t: 2, w: 'a' }], 1))).toEqual([])
  })

  test('only limits of their own may fail', () => {
    const fail = (code: string): HistoryEvent => ({ e: 'fail', t: 2, id: 'a:1', code })
    expect(kinds(checkProgress([fail('TIMEOUT')], 1))).toEqual([])
    expect(kinds(checkProgress([fail('CONNECTION_LOSS')], 1))).toEqual(['failure'])
  })
})

describe('the fenced store', () => {
  test('accepts no token lower than one that it has seen, and loses no update', () => {
    const answers: boolean[] = []
    const store = new FencedStore((_path, _token, ok) => answers.push(ok))
    expect(store.answer('/a 5 read')).toBe('ok 0')
    expect(store.answer('/a 7 read')).toBe('ok 0')
    expect(store.answer('/a 5 write 1')).toBe('refused')
    expect(store.answer('/a 7 write 1')).toBe('ok 1')
    expect(store.answer('/b 1 read')).toBe('ok 0')
    expect(answers).toEqual([true, true, false, true, true])
    expect(store.lostUpdates()).toBe(0)
  })

  test('a holder that it fenced off must have had a cause', () => {
    const refused: HistoryEvent = { e: 'fence', t: 5 * MS, id: 'a:1', ok: false }
    const events = sorted(held('a:1', 0, 10, { token: '1' }), [refused])
    const verdict = (all: HistoryEvent[]): string[] =>
      kinds(checkFences(all, beliefsIn(all), new Excuses(all, 3_000)))
    expect(verdict(events)).toEqual(['fence'])
    const stall: HistoryEvent = { e: 'stall', from: MS, t: 6 * MS, w: 'a' }
    expect(verdict(sorted(events, [stall]))).toEqual([])
    expect(verdict(sorted(held('a:1', 0, 4, { token: '1' }), [refused]))).toEqual([])
  })
})
