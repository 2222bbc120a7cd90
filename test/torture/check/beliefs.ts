/**
 * What each holder believed, from when to when, and when it had an excuse to be wrong: its process stood still, somebody
 * ended its session behind its back, or a follower was cut from its leader. Nothing else excuses a belief beyond
 * ownership.
 */
import type { Claim, HistoryEvent } from '../history.js'

export interface Belief {
  readonly id: string
  readonly worker: string
  readonly recipe: string
  readonly session: string
  readonly claims: readonly Claim[]
  readonly from: number
  /** When it ended: released, lost, killed, or the end of the history. */
  readonly to: number
}

export type Cause = 'stall' | 'expiry' | 'cut'

export interface Excuse {
  readonly cause: Cause
  readonly from: number
  readonly to: number
}

/** A process that goes on after a stall needs a moment until what is due runs. */
const AFTER_STALL_US = 50_000

export function beliefsIn(events: readonly HistoryEvent[]): Belief[] {
  const last = events.at(-1)?.t ?? 0
  const ends = new Map<string, number>()
  const killed = new Map<string, number>()
  for (const event of events) {
    if (event.e === 'end') ends.set(event.id, event.t)
    if (event.e === 'killed') killed.set(event.w, event.t)
  }
  return events.flatMap((event) => {
    if (event.e !== 'grant') return []
    const { id, w: worker, r: recipe, s: session, claims, t: from } = event
    const to = ends.get(id) ?? killed.get(worker) ?? last
    return [{ id, worker, recipe, session, claims, from, to: Math.max(from, to) }]
  })
}

export class Excuses {
  readonly #ofWorker = new Map<string, Excuse[]>()
  readonly #ofSession = new Map<string, Excuse[]>()
  readonly #ofAll: Excuse[] = []

  constructor(events: readonly HistoryEvent[], sessionTimeoutMs: number) {
    const session = sessionTimeoutMs * 1_000
    for (const event of events) {
      if (event.e === 'stall') {
        put(this.#ofWorker, event.w, { cause: 'stall', from: event.from, to: event.t + AFTER_STALL_US })
      } else if (event.e === 'fault' && event.kind === 'expire session') {
        put(this.#ofSession, event.on, { cause: 'expiry', from: event.t, to: event.to + session })
      } else if (event.e === 'fault' && event.kind === 'follower cut from leader') {
        this.#ofAll.push({ cause: 'cut', from: event.t, to: event.to + session })
      }
    }
  }

  /** Why this holder may have been wrong all the time from `from` to `to`; undefined if there is no excuse. */
  of({ worker, session }: Belief, from: number, to: number): Cause | undefined {
    const all = [
      ...(this.#ofWorker.get(worker) ?? []),
      ...(this.#ofSession.get(session) ?? []),
      ...this.#ofAll,
    ]
    const covering = all.filter((excuse) => excuse.from <= to && excuse.to >= from)
    return covers(covering, from, to) ? covering[0]?.cause : undefined
  }
}

function put(map: Map<string, Excuse[]>, key: string, excuse: Excuse): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [excuse])
  else list.push(excuse)
}

/** Whether the excuses, one after the other, leave no gap. */
function covers(excuses: readonly Excuse[], from: number, to: number): boolean {
  let reached = from
  for (const excuse of [...excuses].sort((a, b) => a.from - b.from)) {
    if (excuse.from > reached) return false
    reached = Math.max(reached, excuse.to)
    if (reached >= to) return true
  }
  return reached >= to && excuses.length > 0
}
