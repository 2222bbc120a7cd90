import { describe, expect, test } from 'vitest'
import type { HistoryEvent } from '../history.js'
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
    lostReplies: 0,
    lostRequests: 0,
    ended,
    ghosts: 0,
    stuck: 0,
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
    expect(score(overlapping([expired('fffffffffffffffe')]))).toMatchObject({ overlaps: 0, excusedMs: [10] })
  })

  test('the end of another session excuses nothing', () => {
    expect(score(overlapping([expired('7')]))).toMatchObject({ overlaps: 1, excusedMs: [] })
    expect(score(overlapping([]))).toMatchObject({ overlaps: 1, excusedMs: [] })
  })
})
