/** One run: workers and nemesis at once, then everything healed, then the histories judged. */
import { connect } from '../../src/index.js'
import { sleep } from '../../src/runtime/abort.js'
import { systemClock } from '../../src/runtime/clock.js'
import { audit, type Leftovers } from './audit.js'
import { beliefsIn, Excuses } from './check/beliefs.js'
import { checkFences, type FenceReport } from './check/fences.js'
import { checkHolders, type Excess, type Violation } from './check/holders.js'
import { checkProgress } from './check/progress.js'
import { countBy } from './count-by.js'
import { now, readHistory, type HistoryEvent } from './history.js'
import { faultsOf, Nemesis } from './nemesis/nemesis.js'
import type { TortureOptions } from './options.js'
import { recipeNamed } from './recipes/index.js'
import { endOf } from './run-end.js'
import { MAX_BACK_OFF_MS, Stage, SYNC_LIMIT_TICKS, TICK_MS } from './stage.js'

export interface TortureReport {
  readonly options: TortureOptions
  readonly version: string
  readonly seconds: number
  readonly acquisitions: Readonly<Record<string, number>>
  readonly processFaults: number
  /** By track and kind. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Kinds of faults that the nemesis knows here and did not get to. */
  readonly missing: readonly string[]
  readonly proxyFaults: Readonly<Record<string, number>>
  readonly excesses: readonly Excess[]
  readonly lateGrants: Readonly<Record<string, number>>
  readonly recoveriesMs: readonly number[]
  readonly recoveryBoundMs: number
  readonly failures: Readonly<Record<string, number>>
  readonly fences: Omit<FenceReport, 'violations'> & { readonly lostUpdates: number }
  readonly left: Leftovers
  readonly violations: readonly Violation[]
  readonly events: readonly HistoryEvent[]
}

/** A worker that was asked to end waits for its place in line, and at the worst for a dead session's. */
function drainLimitMs({ sessionTimeoutMs }: TortureOptions): number {
  return 2 * sessionTimeoutMs + 20_000
}

async function drain(stage: Stage): Promise<Violation[]> {
  for (const { worker } of stage.staff) worker.stop()
  const limit = new AbortController()
  const late = sleep(systemClock, drainLimitMs(stage.options), limit.signal).catch(() => undefined)
  await Promise.race([Promise.all(stage.staff.map(async ({ worker }) => worker.ended)), late])
  limit.abort()
  const violations = stage.staff
    .filter(({ worker }) => !worker.isGone || !worker.isDone)
    .map(({ worker }) => ({
      checker: 'stuck',
      t: now(),
      text: `${worker.name} ${worker.isGone ? 'ended by itself' : 'did not end when it was asked to'}`,
    }))
  for (const member of [...stage.staff]) {
    await member.worker.kill()
    await stage.dismiss(member)
  }
  return violations
}

/** @param keep - called with the histories' folder before it is removed. */
export async function torture(
  options: TortureOptions,
  say: (text: string) => void,
  keep: (folder: string, report: TortureReport) => Promise<void>,
): Promise<TortureReport> {
  await using stage = await Stage.start(options)
  say(`ZooKeeper ${stage.ensemble.version} by ${options.engine}, seed ${options.seed}`)
  for (let i = 0; i < options.workers; i++) await stage.spawn()
  await Promise.all(stage.staff.map(async ({ worker }) => worker.ready))
  const start = systemClock.now()
  await new Nemesis(stage, endOf(stage)).rage()
  const seconds = (systemClock.now() - start) / 1_000
  say('the nemesis is done; waiting for the workers to end')
  const notEnded = await drain(stage)
  if (stage.storeEnded) throw new Error('the fenced store ended by itself: nothing was shown')
  const lostUpdates = await stage.lostUpdates()
  const left = await audit(stage)
  const notKept = await promises(stage)
  const report = judge(stage, seconds, { notEnded: [...notEnded, ...notKept], lostUpdates, left })
  await keep(stage.folder, report)
  return report
}

/** What single recipes promise beyond the rest. */
async function promises({ ensemble, folder, root, options }: Stage): Promise<Violation[]> {
  const events = readHistory(folder)
  const run = { events, beliefs: beliefsIn(events), excuses: new Excuses(events, options.sessionTimeoutMs) }
  await using zk = await connect(ensemble.connectString)
  await zk.sync(root)
  const found: Violation[] = []
  for (const name of options.recipes)
    found.push(...((await recipeNamed(name).check?.(zk, `${root}/${name}`, run)) ?? []))
  return found
}

function judge(
  stage: Stage,
  seconds: number,
  {
    notEnded,
    lostUpdates,
    left,
  }: { readonly notEnded: readonly Violation[]; readonly lostUpdates: number; readonly left: Leftovers },
): TortureReport {
  const { options } = stage
  const events = readHistory(stage.folder)
  const beliefs = beliefsIn(events)
  const excuses = new Excuses(events, options.sessionTimeoutMs)
  const holders = checkHolders(beliefs, excuses, {
    // As long as the process stood still, which is what excuses it.
    stall: Infinity,
    // Until the client finds out, at the latest by its own clock.
    expiry: options.sessionTimeoutMs,
    // A follower serves on until it misses its leader.
    cut: SYNC_LIMIT_TICKS * TICK_MS,
  })
  const recoveryBoundMs = options.sessionTimeoutMs + 2 * TICK_MS + MAX_BACK_OFF_MS
  const progress = checkProgress(events, recoveryBoundMs)
  const fences = checkFences(events, beliefs, excuses)
  const { processFaults } = stage
  const faults = countFaults(events)
  const verdicts = [notEnded, holders.violations, progress.violations, fences.violations]
  return {
    options,
    version: stage.ensemble.version,
    seconds,
    acquisitions: countBy(beliefs.map(({ recipe }) => recipe)),
    processFaults,
    faults,
    missing: faultsOf(options.engine)
      .flat()
      .map(({ kind }) => kind)
      .filter((kind) => !Object.values(faults).some((kinds) => kind in kinds)),
    proxyFaults: stage.proxyFaults,
    excesses: holders.excesses,
    lateGrants: holders.lateGrants,
    recoveriesMs: progress.recoveriesMs,
    recoveryBoundMs,
    failures: progress.failures,
    fences: { accepted: fences.accepted, refused: fences.refused, lostUpdates },
    left,
    violations: [
      ...verdicts.flat(),
      ...remains({ left, lostUpdates }),
      ...tooFew(options, beliefs.length, processFaults),
    ],
    events,
  }
}

/** What should not be there in the end. */
function remains({
  left,
  lostUpdates,
}: {
  readonly left: Leftovers
  readonly lostUpdates: number
}): Violation[] {
  const found: Omit<Violation, 't'>[] = left.orphans.map((path) => ({ checker: 'orphan', text: path }))
  if (left.watches > 0) found.push({ checker: 'watches', text: `${left.watches} left on the servers` })
  if (lostUpdates > 0) found.push({ checker: 'store', text: `${lostUpdates} lost updates` })
  return found.map((each) => ({ ...each, t: now() }))
}

/** A run in which nothing happened shows nothing. */
function tooFew({ atLeast }: TortureOptions, acquisitions: number, processFaults: number): Violation[] {
  const found = [
    ...(acquisitions >= atLeast.acquisitions ? [] : [`${acquisitions} acquisitions`]),
    ...(processFaults >= atLeast.processFaults ? [] : [`${processFaults} process faults`]),
  ]
  return found.map((text) => ({ checker: 'too few', t: now(), text }))
}

/** By track and kind. */
function countFaults(events: readonly HistoryEvent[]): TortureReport['faults'] {
  const faults: Record<string, Record<string, number>> = {}
  for (const event of events) {
    if (event.e !== 'fault') continue
    const kinds = (faults[event.track] ??= {})
    kinds[event.kind] = (kinds[event.kind] ?? 0) + 1
  }
  return faults
}
