import { describe, expect, test } from 'vitest'
import type { HistoryEvent } from '../history.js'
import { spread } from './score-table.js'
import { score } from './score.js'
import type { PeerRun } from './workload.js'

const MS = 1_000

/** Two that believe at once for 10 ms; the first one's session is -2, as kazoo and Curator write what is 0xff…fe. */
function overlapping(ended: readonly HistoryEvent[]): PeerRun {
  const grant = { event: 'grant', path: '/l' }
  return {
    kind: { name: 'kazoo', version: '1', command: () => [] },
    lines: [
      { ...grant, t: 0, id: '1:1', session: '-2', process: 0 },
      { ...grant, t: 40 * MS, id: '2:1', session: '7', process: 1 },
      { event: 'end', t: 50 * MS, id: '1:1', process: 0 },
      { event: 'end', t: 60 * MS, id: '2:1', process: 1 },
    ],
    rounds: [
      { from: 0, to: 100 * MS, ended, lostReplies: 3, lostRequests: 2, ghosts: 1, stuck: 0 },
      { from: 100 * MS, to: 200 * MS, ended: [], lostReplies: 0, lostRequests: 0, ghosts: 0, stuck: 0 },
    ],
  }
}

const expired = (on: string): HistoryEvent => ({
  e: 'fault',
  t: 30 * MS,
  to: 35 * MS,
  track: 'worker',
  kind: 'expire session',
  on,
})

describe("the peers' score", () => {
  test('a session that was ended from outside excuses its holder', () => {
    const [first, second] = score(overlapping([expired('fffffffffffffffe')])).rounds
    expect(first).toMatchObject({ acquisitions: 2, ghosts: 1, overlaps: 0, excusedMs: [10] })
    expect(second).toMatchObject({ acquisitions: 0, ghosts: 0, overlaps: 0, excusedMs: [] })
  })

  test('the end of another session excuses nothing', () => {
    for (const ended of [[expired('7')], []])
      expect(score(overlapping(ended)).rounds[0]).toMatchObject({ overlaps: 1, excusedMs: [] })
  })

  test('is told in all, and as the median and the range of its rounds', () => {
    expect(spread([5, 0, 2, 1])).toBe('8: 1.5 (0 to 5)')
    expect(spread([3, 3, 4])).toBe('10: 3 (3 to 4)')
  })
})
