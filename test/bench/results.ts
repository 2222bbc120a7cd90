/** Runs to try the pipeline on. */
import type { Header } from '../../bench/header.js'
import type { Run, Sample } from '../../bench/records.js'

export const header: Header = {
  kind: 'header',
  bench: 'client',
  date: '2026-01-01T00:00:00.000Z',
  commit: 'aaaaaaa',
  node: 'v20.0.0',
  machine: '2 × some processor',
  load: 0.5,
  servers: '3 servers, ZooKeeper 3.8.0, engine java, fsync on',
  rounds: 3,
  warmUp: 1,
  scale: 1,
  versions: { latchkey: '0.1.0', 'lean-probe': '-' },
  missing: {},
}

/** A round for each rate. A faster subject takes less CPU and has shorter latencies. */
export function samplesOf(scenario: string, subject: string, rates: readonly number[]): Sample[] {
  return rates.map((opsPerSecond, round) => ({
    kind: 'sample',
    scenario,
    subject,
    round,
    operations: 100,
    elapsedMs: 100_000 / opsPerSecond,
    cpuMs: 1,
    p50Us: 1e6 / opsPerSecond,
    p99Us: 2e6 / opsPerSecond,
    opsPerSecond,
    cpuUs: 1e5 / opsPerSecond,
    requests: 1,
  }))
}

export function runOf(samples: readonly Sample[], changes: Partial<Header> = {}): Run {
  return { header: { ...header, ...changes }, samples, gaps: [], counts: [], weights: [] }
}
