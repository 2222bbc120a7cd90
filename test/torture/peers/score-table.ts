/** The peers side by side: of all rounds, and of one round the median and the range. */
import type { PeerScore, RoundScore } from './score.js'
import { WORKLOAD } from './workload.js'

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

/** Of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? 0
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.floor(sorted.length / 2))) / 2
}

const whole = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1))

/** `14: 2 (0 to 5)`: in all, and in one round the median and the range. */
export function spread(values: readonly number[]): string {
  const range = `${whole(Math.min(...values))} to ${whole(Math.max(...values))}`
  return `${whole(total(values))}: ${whole(median(values))} (${range})`
}

function list(rounds: readonly Readonly<Record<string, number>>[]): string {
  const names = [...new Set(rounds.flatMap((counts) => Object.keys(counts)))]
  const told = names.map((name) => `${total(rounds.map((counts) => counts[name] ?? 0))} ${name}`)
  return told.join(', ') || '0'
}

function excused(rounds: readonly RoundScore[]): string {
  const all = rounds.flatMap(({ excusedMs }) => excusedMs)
  return all.length === 0 ? '0' : `${all.length}, for ${Math.max(...all).toFixed(1)} ms at most`
}

export function scoreTable(scores: readonly PeerScore[]): string {
  const each =
    (of: (round: RoundScore) => number) =>
    (rounds: readonly RoundScore[]): string =>
      spread(rounds.map(of))
  const sum =
    (of: (round: RoundScore) => number) =>
    (rounds: readonly RoundScore[]): string =>
      String(total(rounds.map(of)))
  const late = `limit (${WORKLOAD.limitMs} ms) + 500 ms`
  const rows: readonly (readonly [string, (rounds: readonly RoundScore[]) => string])[] = [
    ['acquisitions', each(({ acquisitions }) => acquisitions)],
    ['replies lost', each(({ lostReplies }) => lostReplies)],
    ['requests lost', each(({ lostRequests }) => lostRequests)],
    ['sessions ended from outside', sum(({ sessionsEnded }) => sessionsEnded)],
    ['**ghost znodes** when all were idle', each(({ ghosts }) => ghosts)],
    [`**acquires that came back later than ${late}**`, each(({ overdue }) => overdue)],
    [
      'longest acquire',
      (rounds) => `${Math.round(Math.max(...rounds.map(({ longestMs }) => longestMs)))} ms`,
    ],
    ['**two believed at once, nothing excused**', each(({ overlaps }) => overlaps)],
    ['two believed at once after a session was ended from outside', excused],
    ['said to be held when its client knew of a newer session', sum(({ stale }) => stale)],
    ['acquires that timed out', each(({ timeouts }) => timeouts)],
    [
      'acquires that threw something else',
      (rounds) => list(rounds.map(({ acquireErrors }) => acquireErrors)),
    ],
    ['releases that threw', (rounds) => list(rounds.map(({ releaseErrors }) => releaseErrors))],
    ['processes stuck a minute after all was healed', sum(({ stuck }) => stuck)],
  ]
  const head = `| in all: median of a round (range) | ${scores.map(({ name, version }) => `${name} ${version}`).join(' | ')} |`
  const lines = rows.map(
    ([label, of]) => `| ${label} | ${scores.map(({ rounds }) => of(rounds)).join(' | ')} |`,
  )
  return [head, `| --- |${' ---: |'.repeat(scores.length)}`, ...lines].join('\n')
}
