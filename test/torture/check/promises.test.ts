import { describe, expect, test } from 'vitest'
import type { HistoryEvent } from '../history.js'
import { additionsTo, checkCounter } from '../recipes/counter.js'
import { checkDoubleBarrier } from '../recipes/double-barrier.js'
import { checkQueue } from '../recipes/queue.js'
import { beliefsIn, Excuses } from './beliefs.js'

type Outcome = 'ok' | 'no' | 'unknown'

/** One act of a recipe; without an outcome its process was killed meanwhile. */
function act(what: string, path: string, t: number, outcome?: Outcome, value?: string): HistoryEvent[] {
  const id = `${what} ${path} ${t}`
  const tried: HistoryEvent = { e: 'try', t, id, what, path }
  if (outcome === undefined) return [tried]
  return [tried, { e: 'did', t: t + 5, id, outcome, ...(value !== undefined && { value }) }]
}

describe("the counter's promise", () => {
  const judge = (events: HistoryEvent[], final: bigint): string[] =>
    checkCounter(additionsTo('/c', events), final)
  const three = [
    ...act('add 2', '/c', 0, 'ok', '2'),
    ...act('add 4', '/c', 1, 'unknown'),
    ...act('add 8', '/c', 2, 'no'),
  ]

  test('it is the sum of what was added, and at most what may have been', () => {
    expect([2n, 6n].map((final) => judge(three, final))).toEqual([[], []])
    expect([0n, 7n, 14n].map((final) => judge(three, final).length)).toEqual([1, 1, 1])
    expect(judge([...three, ...act('add 1', '/c', 3)], 7n)).toEqual([])
  })

  test('nobody is answered less than what was there, and no two the same', () => {
    const back = [...act('add 2', '/c', 0, 'ok', '9'), ...act('add 3', '/c', 10, 'ok', '5')]
    expect(judge(back, 5n)).toEqual(['5 was answered to one who asked after 9'])
    const meanwhile = [...act('add 2', '/c', 0, 'ok', '5'), ...act('add 3', '/c', 3, 'ok', '3')]
    expect(judge(meanwhile, 5n)).toEqual([])
    const same = [...act('add 2', '/c', 0, 'ok', '5'), ...act('add 3', '/c', 3, 'ok', '5')]
    expect(judge(same, 5n)).toEqual(['two got the same sum'])
  })
})

describe("the queue's promise", () => {
  const judge = (events: HistoryEvent[], left: readonly string[] = []): string[] =>
    checkQueue('/q', new Set(left), { events, beliefs: beliefsIn(events), excuses: new Excuses(events, 100) })
  const taken = (t: number, path = '/q/a'): HistoryEvent => {
    const claims = [{ path, share: 1, capacity: 1 }]
    return { e: 'grant', t, id: `w:${t}`, w: 'w', r: 'queue', s: '1', claims }
  }
  const put = act('put', '/q/a', 0, 'ok')

  test('what was put is acknowledged or still there', () => {
    expect(judge(put)).toEqual(['/q/a is lost'])
    expect(judge(put, ['/q/a'])).toEqual([])
    expect(judge([...put, ...act('ack', '/q/a', 10, 'no')])).toEqual(['/q/a is lost'])
    for (const outcome of ['ok', 'unknown', undefined] as const)
      expect(judge([...put, ...act('ack', '/q/a', 10, outcome)])).toEqual([])
    expect(judge(act('put', '/q/a', 0, 'unknown'))).toEqual([])
  })

  test('nothing comes that was never put, and nothing again after its acknowledgement', () => {
    expect(judge([], ['/q/b'])).toEqual(['/q/b is there, and nobody put it'])
    expect(judge([...act('put', '/q/a', 0, 'no'), taken(9)])).toEqual([
      '/q/a was handed out, and nobody put it',
    ])
    const acknowledged = [...put, taken(9), ...act('ack', '/q/a', 10, 'ok')]
    expect(judge(acknowledged, ['/q/a'])).toEqual(['/q/a is still there after its acknowledgement'])
    expect(judge([...acknowledged, taken(20)])).toEqual([
      '/q/a was handed out to w:20 after its acknowledgement',
    ])
    const stall: HistoryEvent = { e: 'stall', from: 5, t: 21, w: 'w' }
    expect(judge([...acknowledged, taken(20), stall])).toEqual([])
  })

  test('what is left comes in the order in which it was put, as far as there was one', () => {
    const [a, b, c] = [act('put', '/q/a', 0, 'ok'), act('put', '/q/b', 3, 'ok'), act('put', '/q/c', 9, 'ok')]
    const all = [...a, ...b, ...c].sort((one, other) => one.t - other.t)
    expect(judge(all, ['/q/b', '/q/a', '/q/c'])).toEqual([])
    expect(judge(all, ['/q/a', '/q/c', '/q/b'])).toEqual(['/q/b came after /q/c, which was put later'])
    expect(judge(all, ['/q/c', '/q/b', '/q/a'])).toHaveLength(2)
  })

  test('a turn that took nothing breaks no promise', () => {
    expect(judge([{ e: 'grant', t: 1, id: 'w:1', w: 'w', r: 'queue', s: '1', claims: [] }])).toEqual([])
  })
})

describe("the double barrier's promise", () => {
  const judge = (...members: (readonly HistoryEvent[])[]): string[] => {
    const events = members.flat().sort((a, b) => a.t - b.t)
    return checkDoubleBarrier({ events, beliefs: beliefsIn(events), excuses: new Excuses(events, 100) }, 2)
  }
  /** It asks, enters 5 later, and is told `leaving` that all have left. */
  const member = (
    name: string,
    round: number,
    asked: number,
    ended: number,
    told?: number,
  ): HistoryEvent[] => {
    const id = `${name}:${asked}`
    const claims = [{ path: `/b/${name}`, share: 1, capacity: 1 }]
    const leaving = told === undefined ? [] : act('leave', `/b/${name}`, told - 5, 'ok')
    return [
      ...act('enter', '/b', asked, 'ok', `${round} /b/${name}`).map((event) => ({ ...event, id })),
      { e: 'grant', t: asked + 6, id, w: name, r: 'double-barrier', s: name, claims },
      { e: 'end', t: ended, id, how: 'release' },
      ...leaving,
    ]
  }

  test('all have asked before one enters, and no more than there are members', () => {
    expect(judge(member('a', 1, 0, 20, 40), member('b', 1, 3, 30, 40))).toEqual([])
    expect(judge(member('a', 1, 0, 20, 40), member('b', 1, 6, 30, 40))).toEqual([
      'round 1: /b/a entered before all had asked',
    ])
    expect(judge(member('a', 1, 0, 20), member('b', 1, 1, 20), member('c', 1, 2, 20))).toEqual([
      'round 1: 3 entered, of 2',
    ])
    expect(judge(member('a', 1, 0, 20), member('b', 2, 9, 20))).toEqual([])
  })

  test('nobody is told that all have left while one is inside, unless it can not know that it counts as gone', () => {
    const [early, inside] = [member('a', 1, 0, 10, 20), member('b', 1, 1, 30)]
    expect(judge(early, inside)).toEqual(['round 1: /b/a was told that all had left, while /b/b was inside'])
    expect(judge(early, inside, [{ e: 'stall', from: 12, t: 31, w: 'b' }])).toEqual([])
  })
})
