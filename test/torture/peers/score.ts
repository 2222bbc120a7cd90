/** What a peer's history shows, round by round, by the same sweep that judges ours. */
import { beliefsIn, Excuses } from '../check/beliefs.js'
import { checkHolders } from '../check/holders.js'
import type { HistoryEvent } from '../history.js'
import { countBy } from '../count-by.js'
import type { PeerRound, PeerRun } from './workload.js'
import { sessionName, WORKLOAD } from './workload.js'

export interface RoundScore {
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

export interface PeerScore {
  readonly name: string
  readonly version: string
  readonly rounds: readonly RoundScore[]
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

export function score({ kind, lines, rounds }: PeerRun): PeerScore {
  const sorted = [...lines].sort((a, b) => Number(a['t']) - Number(b['t']))
  const of = (round: PeerRound): RoundScore =>
    scoreOf(
      sorted.filter(({ t }) => Number(t) >= round.from && Number(t) < round.to),
      round,
    )
  return { name: kind.name, version: kind.version, rounds: rounds.map(of) }
}

function scoreOf(lines: readonly Line[], round: PeerRound): RoundScore {
  const said = lines.map(eventOf).filter((event) => event !== undefined)
  const events = [...said, ...round.ended].sort((a, b) => a.t - b.t)
  const { sessionTimeoutMs } = WORKLOAD
  // The same for all: as in the torture of ours, an ended session excuses its holder until its client's own clock ends it.
  const bounds = { stall: 0, expiry: sessionTimeoutMs, cut: 0 }
  const holders = checkHolders(beliefsIn(events), new Excuses(events, sessionTimeoutMs), bounds)
  const durations = acquireDurations(lines)
  const codes = (during: string): Record<string, number> =>
    countBy(
      lines
        .filter((line) => line.event === 'fail' && line['during'] === during)
        .map((line) => text(line, 'code')),
    )
  const { TIMEOUT: timeouts = 0, ...acquireErrors } = codes('acquire')
  const { lostReplies, lostRequests, ghosts, stuck, ended } = round
  return {
    ...{ lostReplies, lostRequests, ghosts, stuck },
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
    stale: lines.filter(({ event }) => event === 'stale').length,
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
