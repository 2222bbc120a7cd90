/** What a peer's history shows, by the same sweep that judges ours. */
import { beliefsIn, Excuses } from '../check/beliefs.js'
import { checkHolders } from '../check/holders.js'
import type { HistoryEvent } from '../history.js'
import { countBy } from '../count-by.js'
import type { PeerRun } from './workload.js'
import { WORKLOAD } from './workload.js'

export interface PeerScore {
  readonly name: string
  readonly version: string
  readonly acquisitions: number
  readonly lostReplies: number
  readonly lostRequests: number
  readonly sessionsEnded: number
  readonly ghosts: number
  readonly stuck: number
  readonly overlaps: number
  /** Acquires that came back, however, later than their limit and half a second; and the latest. */
  readonly overdue: number
  readonly longestMs: number
  readonly timeouts: number
  /** Other than its limit, what acquire and release threw. */
  readonly acquireErrors: Readonly<Record<string, number>>
  readonly releaseErrors: Readonly<Record<string, number>>
  /** Said to be held when the client knew of a newer session. */
  readonly stale: number
}

type Line = PeerRun['lines'][number]

const text = (line: Line, field: string): string => String(line[field])

function eventOf(line: Line): HistoryEvent | undefined {
  const t = Number(line['t'])
  const id = text(line, 'id')
  const w = String(line.process)
  if (line.event === 'end') return { e: 'end', t, id, how: 'release' }
  if (line.event !== 'grant') return undefined
  const claims = [{ path: text(line, 'path'), share: 1, capacity: 1 }]
  return { e: 'grant', t, id, w, r: 'mutex', s: '', claims }
}

export function score({ kind, lines, ...counts }: PeerRun): PeerScore {
  const sorted = [...lines].sort((a, b) => Number(a['t']) - Number(b['t']))
  const events = sorted.map(eventOf).filter((event) => event !== undefined)
  const never = { stall: 0, expiry: 0, cut: 0 }
  const holders = checkHolders(beliefsIn(events), new Excuses([], 0), never)
  const durations = acquireDurations(sorted)
  const codes = (during: string): Record<string, number> =>
    countBy(
      sorted
        .filter((line) => line.event === 'fail' && line['during'] === during)
        .map((line) => text(line, 'code')),
    )
  const { TIMEOUT: timeouts = 0, ...acquireErrors } = codes('acquire')
  return {
    name: kind.name,
    version: kind.version,
    ...counts,
    acquisitions: events.filter(({ e }) => e === 'grant').length,
    overlaps: holders.violations.length,
    overdue: durations.filter((ms) => ms > WORKLOAD.limitMs + 500).length,
    longestMs: Math.max(0, ...durations),
    timeouts,
    acquireErrors,
    releaseErrors: codes('release'),
    stale: sorted.filter(({ event }) => event === 'stale').length,
  }
}

function acquireDurations(lines: readonly Line[]): number[] {
  const asked = new Map<string, number>()
  return lines.flatMap((line) => {
    const id = text(line, 'id')
    if (line.event === 'ask') asked.set(id, Number(line['t']))
    const from = asked.get(id)
    const isAnswer = line.event === 'grant' || (line.event === 'fail' && line['during'] === 'acquire')
    return isAnswer && from !== undefined ? [(Number(line['t']) - from) / 1_000] : []
  })
}

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ') || '0'

export function scoreTable(scores: readonly PeerScore[]): string {
  const rows: readonly (readonly [string, (score: PeerScore) => string | number])[] = [
    ['version', ({ version }) => version],
    ['acquisitions', ({ acquisitions }) => acquisitions],
    ['replies lost / requests lost', ({ lostReplies, lostRequests }) => `${lostReplies} / ${lostRequests}`],
    ['sessions ended behind its back', ({ sessionsEnded }) => sessionsEnded],
    ['**ghost znodes** when all were idle', ({ ghosts }) => ghosts],
    ['two believed at once', ({ overlaps }) => overlaps],
    ['said to be held when its client knew of a newer session', ({ stale }) => stale],
    [`acquires that came back later than limit (${WORKLOAD.limitMs} ms) + 500 ms`, ({ overdue }) => overdue],
    ['longest acquire', ({ longestMs }) => `${Math.round(longestMs)} ms`],
    ['acquires that timed out', ({ timeouts }) => timeouts],
    ['acquires that threw something else', ({ acquireErrors }) => list(acquireErrors)],
    ['releases that threw', ({ releaseErrors }) => list(releaseErrors)],
    ['processes stuck a minute after all was healed', ({ stuck }) => stuck],
  ]
  const head = `| | ${scores.map(({ name }) => name).join(' | ')} |\n| --- |${' ---: |'.repeat(scores.length)}`
  return [head, ...rows.map(([label, of]) => `| ${label} | ${scores.map(of).join(' | ')} |`)].join('\n')
}
