/** What a peer's history shows, by the same sweep that judges ours. */
import { beliefsIn, Excuses } from '../check/beliefs.js'
import { checkHolders } from '../check/holders.js'
import type { HistoryEvent } from '../history.js'
import { countBy } from '../count-by.js'
import type { PeerRun } from './workload.js'
import { sessionName, WORKLOAD } from './workload.js'

export interface PeerScore {
  readonly name: string
  readonly version: string
  readonly acquisitions: number
  readonly lostReplies: number
  readonly lostRequests: number
  readonly sessionsEnded: number
  readonly ghosts: number
  readonly stuck: number
  /** Two believed at once, and neither's session had been ended from outside. */
  readonly overlaps: number
  /** How long two believed at once because one's session had been ended, in milliseconds. */
  readonly excusedMs: readonly number[]
  readonly violations: readonly string[]
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
  return { e: 'grant', t, id, w, r: 'mutex', s: sessionName(line['session']), claims }
}

/** What a peer said and what was done to its sessions, in the order of time. */
export function historyOf({ lines, ended }: PeerRun): HistoryEvent[] {
  const said = lines.map(eventOf).filter((event) => event !== undefined)
  return [...said, ...ended].sort((a, b) => a.t - b.t)
}

export function score(run: PeerRun): PeerScore {
  const { kind, lines, ended, ...counts } = run
  const sorted = [...lines].sort((a, b) => Number(a['t']) - Number(b['t']))
  const events = historyOf(run)
  const { sessionTimeoutMs } = WORKLOAD
  // The same for all: as in the torture of ours, an ended session excuses its holder until its client's own clock ends it.
  const bounds = { stall: 0, expiry: sessionTimeoutMs, cut: 0 }
  const holders = checkHolders(beliefsIn(events), new Excuses(events, sessionTimeoutMs), bounds)
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
    sessionsEnded: ended.length,
    overlaps: holders.violations.length,
    violations: holders.violations.map(({ checker, t, text }) => `${checker} at ${t}: ${text}`),
    excusedMs: holders.excesses.map(({ us }) => us / 1_000),
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

const excused = ({ excusedMs }: PeerScore): string =>
  excusedMs.length === 0 ? '0' : `${excusedMs.length}, for ${Math.max(...excusedMs).toFixed(1)} ms at most`

export function scoreTable(scores: readonly PeerScore[]): string {
  const rows: readonly (readonly [string, (score: PeerScore) => string | number])[] = [
    ['version', ({ version }) => version],
    ['acquisitions', ({ acquisitions }) => acquisitions],
    ['replies lost / requests lost', ({ lostReplies, lostRequests }) => `${lostReplies} / ${lostRequests}`],
    ['sessions ended from outside', ({ sessionsEnded }) => sessionsEnded],
    ['**ghost znodes** when all were idle', ({ ghosts }) => ghosts],
    ['two believed at once, nothing excused', ({ overlaps }) => overlaps],
    ['two believed at once after a session was ended from outside', excused],
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
