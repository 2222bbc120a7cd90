/** It comes back, nobody is stuck, and nothing fails but for the reasons that were asked for. */
import type { HistoryEvent } from '../history.js'
import type { Violation } from './holders.js'

/** What an acquire may reject with: its own limit, its own signal. */
const EXPECTED = new Set(['TIMEOUT', 'TimeoutError', 'AbortError'])

export interface ProgressReport {
  readonly violations: readonly Violation[]
  /** From each healing to the first grant after it, in milliseconds. */
  readonly recoveriesMs: readonly number[]
  readonly failures: Readonly<Record<string, number>>
}

/** @param boundMs - session timeout, two ticks and the longest back-off. */
export function checkProgress(events: readonly HistoryEvent[], boundMs: number): ProgressReport {
  const recovery = recoveries(events, boundMs)
  const failures: Record<string, number> = {}
  const violations = [...recovery.violations, ...stuck(events)]
  for (const event of events) {
    if (event.e !== 'fail') continue
    failures[event.code] = (failures[event.code] ?? 0) + 1
    if (!EXPECTED.has(event.code))
      violations.push({
        checker: 'failure',
        t: event.t,
        text: `${event.id}: ${event.code}: ${event.text ?? ''}`,
      })
  }
  return { violations, recoveriesMs: recovery.recoveriesMs, failures }
}

function recoveries(
  events: readonly HistoryEvent[],
  boundMs: number,
): Pick<ProgressReport, 'violations' | 'recoveriesMs'> {
  const violations: Violation[] = []
  const recoveriesMs: number[] = []
  const last = events.findLast(({ e }) => e === 'ask')?.t ?? 0
  let healed: Extract<HistoryEvent, { e: 'healed' }> | undefined
  for (const event of events) {
    if (healed !== undefined && event.t - healed.t > boundMs * 1_000 && healed.t + boundMs * 1_000 < last) {
      const text = `no grant within ${boundMs} ms after ${healed.after} was over`
      violations.push({ checker: 'comes back', t: healed.t, text })
      healed = undefined
    }
    // Broken again before the time was over: it says nothing.
    if (event.e === 'fault' && event.track === 'server') healed = undefined
    if (event.e === 'healed') healed = event
    if (event.e === 'grant' && healed !== undefined) {
      recoveriesMs.push((event.t - healed.t) / 1_000)
      healed = undefined
    }
  }
  return { violations, recoveriesMs }
}

/** Asked, and never answered, though nobody killed it. */
function stuck(events: readonly HistoryEvent[]): Violation[] {
  const open = new Map<string, { t: number; w: string; r: string }>()
  const killed = new Set<string>()
  for (const event of events) {
    if (event.e === 'ask') open.set(event.id, event)
    if (event.e === 'done' || event.e === 'fail') open.delete(event.id)
    if (event.e === 'killed') killed.add(event.w)
  }
  return [...open]
    .filter(([, { w }]) => !killed.has(w))
    .map(([id, { t, r }]) => ({ checker: 'stuck', t, text: `${id} (${r}) was never done` }))
}
