/**
 * Never too many at once, and in order: a sweep over the beliefs of each path by the time of their grants. What is
 * excused is not forgotten: it is the histogram of how far beliefs went beyond ownership.
 */
import type { Claim } from '../history.js'
import type { Belief, Cause, Excuses } from './beliefs.js'

export interface Violation {
  readonly checker: string
  readonly t: number
  readonly text: string
}

/** Two believed at once, or a grant came late, for a reason that nobody can do anything about. */
export interface Excess {
  readonly cause: Cause
  readonly us: number
  /** Who. */
  readonly text: string
}

export interface HoldersReport {
  readonly violations: readonly Violation[]
  readonly excesses: readonly Excess[]
  /** Grants that reached their holder when a later one had been given, by cause. */
  readonly lateGrants: Readonly<Record<string, number>>
}

interface Entry extends Belief {
  readonly claim: Claim
}

const isExclusive = ({ share, capacity }: Claim): boolean => share === capacity

/** @param boundsMs - how long a belief may go beyond ownership, by its cause: the most that the cause explains. */
export function checkHolders(
  beliefs: readonly Belief[],
  excuses: Excuses,
  boundsMs: Readonly<Record<Cause, number>>,
): HoldersReport {
  const byPath = new Map<string, Entry[]>()
  for (const belief of beliefs)
    for (const claim of belief.claims) {
      const list = byPath.get(claim.path) ?? []
      list.push({ ...belief, claim })
      byPath.set(claim.path, list)
    }
  const report = {
    violations: [] as Violation[],
    excesses: [] as Excess[],
    lateGrants: {} as Record<string, number>,
  }
  for (const entries of byPath.values()) {
    entries.sort((a, b) => a.from - b.from)
    sweep(entries, excuses, report)
    checkOrder(entries, excuses, report)
  }
  for (const { cause, us, text } of report.excesses)
    if (us > boundsMs[cause] * 1_000)
      report.violations.push({ checker: 'bound', t: 0, text: `${cause}: ${us / 1_000} ms: ${text}` })
  return report
}

interface Collected {
  readonly violations: Violation[]
  readonly excesses: Excess[]
  readonly lateGrants: Record<string, number>
}

/** At each grant: those who believe and have no excuse, and the new one, must fit. */
function sweep(entries: readonly Entry[], excuses: Excuses, { violations, excesses }: Collected): void {
  let active: Entry[] = []
  for (const entry of entries) {
    active = active.filter(({ to }) => to > entry.from)
    const { share, capacity, path } = entry.claim
    const total = active.reduce((sum, { claim }) => sum + claim.share, share)
    if (total > capacity) {
      let unexcused = share
      for (const other of active) {
        const until = Math.min(other.to, entry.to)
        // Whoever has the lower token is the one who is wrong; without tokens, whoever was there before.
        const stale = isLower(entry, other) ? entry : other
        const cause = excuses.of(stale, entry.from, until)
        if (cause === undefined) unexcused += other.claim.share
        else if (isExclusive(entry.claim) || isExclusive(other.claim))
          excesses.push({
            cause,
            us: until - entry.from,
            text: `${path}: ${describe(other)}, ${describe(entry)}`,
          })
      }
      if (unexcused > capacity) {
        const who = active.map(describe).join('; ')
        violations.push({
          checker: 'overlap',
          t: entry.from,
          text: `${path}: ${describe(entry)} was granted while these believed: ${who}`,
        })
      }
    }
    active.push(entry)
  }
}

/** A token is greater than those of all earlier grants that it excludes. */
function checkOrder(entries: readonly Entry[], excuses: Excuses, report: Collected): void {
  let highest: Entry | undefined
  let highestExclusive: Entry | undefined
  for (const entry of entries) {
    if (entry.claim.token === undefined) continue
    const before = isExclusive(entry.claim) ? highest : highestExclusive
    if (before !== undefined && !isLower(before, entry)) {
      const cause = excuses.of(entry, entry.from, entry.from)
      if (cause !== undefined) report.lateGrants[cause] = (report.lateGrants[cause] ?? 0) + 1
      else
        report.violations.push({
          checker: 'order',
          t: entry.from,
          text: `${entry.claim.path}: ${describe(entry)} was granted after ${describe(before)}`,
        })
    }
    if (highest === undefined || isLower(highest, entry)) highest = entry
    if (isExclusive(entry.claim) && (highestExclusive === undefined || isLower(highestExclusive, entry)))
      highestExclusive = entry
  }
}

function isLower(a: Entry, b: Entry): boolean {
  return BigInt(a.claim.token ?? 0) < BigInt(b.claim.token ?? 0)
}

function describe({ id, recipe, session, claim, from, to }: Entry): string {
  return `${id} (${recipe}, session ${session}, token ${claim.token ?? 'none'}, ${from} to ${to})`
}
