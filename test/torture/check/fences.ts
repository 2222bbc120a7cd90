/** The fenced store refuses only those who should not believe any more. */
import type { HistoryEvent } from '../history.js'
import type { Belief, Excuses } from './beliefs.js'
import type { Violation } from './holders.js'

export interface FenceReport {
  readonly violations: readonly Violation[]
  readonly accepted: number
  readonly refused: number
}

export function checkFences(
  events: readonly HistoryEvent[],
  beliefs: readonly Belief[],
  excuses: Excuses,
): FenceReport {
  const byId = new Map(beliefs.map((belief) => [belief.id, belief]))
  const highest = new Map<string, bigint>()
  const violations: Violation[] = []
  let accepted = 0
  let refused = 0
  for (const event of events) {
    if (event.e === 'store' && event.ok) {
      accepted++
      const token = BigInt(event.token)
      if (token < (highest.get(event.path) ?? 0n))
        violations.push({
          checker: 'fence',
          t: event.t,
          text: `${event.path}: ${token} accepted after a higher one`,
        })
      highest.set(event.path, token)
    }
    if (event.e !== 'fence' || event.ok) continue
    refused++
    const belief = byId.get(event.id)
    const isBelieved = belief !== undefined && event.t < belief.to
    if (isBelieved && excuses.of(belief, event.t, event.t) === undefined)
      violations.push({
        checker: 'fence',
        t: event.t,
        text: `${event.id} was fenced off while it held, without a cause`,
      })
  }
  return { violations, accepted, refused }
}
