/**
 * The raw results: JSON lines, a run after the other. A run opens with its header; samples, gaps and counts follow.
 * Everything that is shown (tables, plots, targets, the page) is made from these.
 */
import type { Header } from './header.js'
import type { Measured } from './workloads.js'

/** One round of one subject. */
export interface Sample extends Measured {
  readonly kind: 'sample'
  readonly scenario: string
  readonly subject: string
  readonly round: number
  readonly opsPerSecond: number
  readonly cpuUs: number
  /** By the servers' counters: packets from clients per operation. */
  readonly requests: number
}

/** A sample of one operation that was timed from outside: no CPU, no requests are known of it. */
export function timedOnce(scenario: string, subject: string, round: number, elapsedMs: number): Sample {
  return {
    kind: 'sample',
    scenario,
    subject,
    round,
    operations: 1,
    elapsedMs,
    cpuMs: 0,
    p50Us: elapsedMs * 1e3,
    p99Us: elapsedMs * 1e3,
    opsPerSecond: 1e3 / elapsedMs,
    cpuUs: 0,
    requests: 0,
  }
}

/** Why a subject has no samples of a scenario. */
export interface Gap {
  readonly kind: 'gap'
  readonly scenario: string
  readonly subject: string
  readonly reason: string
}

/** What a hand-over costs with so many waiting. */
export interface Count {
  readonly kind: 'waiters'
  readonly what: string
  readonly waiters: number
  readonly handOvers: number
  /** Events of watches that the server sent for a release. */
  readonly wakeUps: number
  /** All requests from one release until the next holder has it, the release included. */
  readonly requestsPerHandOver: number
  /** Requests that it took to queue up, per waiter. */
  readonly requestsPerEnqueue: number
  /** On all connections, both ways. Early runs did not count them. */
  readonly bytesPerHandOver?: number
  readonly bytesPerEnqueue?: number
  /** From the release until the next one holds it. */
  readonly p50Us?: number
  readonly p99Us?: number
}

/** How much a process grew by holding so many of something. */
export interface Weight {
  readonly kind: 'weight'
  readonly scenario: string
  readonly subject: string
  readonly round: number
  readonly count: number
  /** Resident memory of its process, in bytes. */
  readonly bytes: number
}

/** What one operation costs when nobody is in its way. */
export interface Cost {
  readonly kind: 'cost'
  readonly recipe: string
  readonly operation: string
  readonly requests: number
}

export type Entry = Header | Sample | Gap | Count | Weight | Cost

export interface Run {
  readonly header: Header
  readonly samples: readonly Sample[]
  readonly gaps: readonly Gap[]
  readonly counts: readonly Count[]
  readonly weights: readonly Weight[]
  readonly costs?: readonly Cost[]
}

export const linesOf = (entries: readonly Entry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')

/** Throws if something comes before the first header, or is none of these. */
export function runsIn(text: string): Run[] {
  const runs: {
    header: Header
    samples: Sample[]
    gaps: Gap[]
    counts: Count[]
    weights: Weight[]
    costs?: Cost[]
  }[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const entry = JSON.parse(line) as Entry
    if (entry.kind === 'header') {
      runs.push({ header: entry, samples: [], gaps: [], counts: [], weights: [] })
      continue
    }
    const run = runs.at(-1)
    if (run === undefined) throw new Error(`a ${entry.kind} comes before any header`)
    if (entry.kind === 'sample') run.samples.push(entry)
    else if (entry.kind === 'gap') run.gaps.push(entry)
    else if (entry.kind === 'waiters') run.counts.push(entry)
    else if (entry.kind === 'weight') run.weights.push(entry)
    else (run.costs ??= []).push(entry)
  }
  return runs
}
