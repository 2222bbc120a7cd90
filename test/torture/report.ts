/** A run in words and tables. */
import type { TortureReport } from './run.js'

const BINS_MS = [1, 5, 20, 100, 500, 1_000, 2_000, 5_000]

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0)

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none'

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN
}

/** How far beliefs went beyond ownership, by cause. */
export function histogram({ excesses }: Pick<TortureReport, 'excesses'>): string {
  const causes = ['stall', 'expiry', 'cut'] as const
  const head = `| two believed at once, for | ${causes.join(' | ')} |\n| --- | ${causes.map(() => '---').join(' | ')} |`
  const rows = [...BINS_MS, Infinity].map((to, index) => {
    const from = BINS_MS[index - 1] ?? 0
    const counts = causes.map(
      (cause) =>
        excesses.filter((each) => each.cause === cause && each.us / 1e3 >= from && each.us / 1e3 < to).length,
    )
    const label = to === Infinity ? `${from} ms and more` : `${from} to ${to} ms`
    return `| ${label} | ${counts.join(' | ')} |`
  })
  return [head, ...rows].join('\n')
}

/** The lines that CI shows. */
export function summary(report: TortureReport): string {
  const { acquisitions, faults, proxyFaults, seconds, processFaults, violations, left, fences } = report
  const total = sum(acquisitions)
  const stalls = report.events.flatMap((event) => (event.e === 'stall' ? [event.t - event.from] : []))
  const longest = stalls.reduce((most, us) => Math.max(most, us), 0) / 1_000
  return [
    `${total} acquisitions in ${seconds.toFixed(0)} s (${(total / seconds).toFixed(0)} a second): ${list(acquisitions)}`,
    `${processFaults} process faults; servers: ${list(faults['server'] ?? {})}`,
    `workers: ${list(faults['worker'] ?? {})}; stood still ${stalls.length} times, ${longest.toFixed(0)} ms at the longest`,
    `kinds of faults that did not come: ${report.missing.join('; ') || 'none'}`,
    `network: ${sum(proxyFaults)} at the proxies: ${list(proxyFaults)}`,
    `two believed at once ${report.excesses.length} times (all excused), late grants ${sum(report.lateGrants)}`,
    `first grant after a heal: median ${quantile(report.recoveriesMs, 0.5).toFixed(0)} ms, longest ` +
      `${quantile(report.recoveriesMs, 1).toFixed(0)} ms, allowed ${report.recoveryBoundMs} ms`,
    `fenced store: ${fences.accepted} accepted, ${fences.refused} refused, ${fences.lostUpdates} lost updates; ` +
      `left behind: ${left.orphans.length} znodes, ${left.watches} watches`,
    `acquires that failed: ${list(report.failures)}`,
    `violations: ${violations.length}`,
  ].join('\n')
}

export function reportText(report: TortureReport): string {
  const { options, violations, version, faults, proxyFaults, acquisitions } = report
  const again =
    `npm run torture -- --minutes ${options.minutes} --seed ${options.seed} --engine ${options.engine} ` +
    `--recipes ${options.recipes.join(',')} --workers ${options.workers} --clients ${options.clients} --tasks ${options.tasks}`
  const table = (title: string, counts: Readonly<Record<string, number>>): string =>
    `| ${title} | |\n| --- | --- |\n${Object.entries(counts)
      .map(([name, count]) => `| ${name} | ${count} |`)
      .join('\n')}`
  const said = violations.map(({ checker, t, text }) => `- ${checker}, at ${t}: ${text}`).join('\n')
  return `# Torture: ${violations.length === 0 ? 'nothing violated' : `${violations.length} violations`}

\`${again}\` (the seed decides which faults come when, not what the machine makes of them)

Three ZooKeeper ${version} servers (${options.engine}, \`forceSync=no\`), sessions of ${options.sessionTimeoutMs} ms, ${options.workers} worker
processes with ${options.clients} sessions each and ${options.tasks} tasks a session.

${summary(report)
  .split('\n')
  .map((line) => `- ${line}`)
  .join('\n')}

![Acquisitions a second, and the faults](plot.svg)

${table('acquisitions', acquisitions)}

${table('faults of servers', faults['server'] ?? {})}

${table('faults of workers', faults['worker'] ?? {})}

${table('faults at the proxies', proxyFaults)}

## Beliefs beyond ownership

A holder whose process stands still, whose session somebody ends behind its back, or whose follower is cut from the
leader, can't know at once. For so long:

${histogram(report)}
${said === '' ? '' : `\n## Violations\n\n${said}\n`}`
}
