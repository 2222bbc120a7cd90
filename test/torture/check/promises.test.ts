import { describe, expect, test } from 'vitest'
import type { HistoryEvent } from '../history.js'
import { additionsTo, checkCounter } from '../recipes/counter.js'
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

  test('a turn that took nothing breaks no promise', () => {
    expect(judge([{ e: 'grant', t: 1, id: 'w:1', w: 'w', r: 'queue', s: '1', claims: [] }])).toEqual([])
  })
})
