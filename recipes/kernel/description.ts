/** A line or part of one for a log: who holds, who waits, and for how long. */
import type { Clock } from '../../src/runtime/clock.js'

interface Described {
  readonly role: 'holder' | 'waiter'
  readonly id: string
  readonly sessionId: bigint
  readonly since: Date
  readonly isRevokeRequested: boolean
}

/** Holders that are named; of more, only the number is told. */
const NAMED = 3
/** Others write the ids, so they are cut and quoted. */
const LONGEST_ID = 40

/** Such as `held by "10.0.0.7" (session 0x1000…) for 12 s; 3 waiting, the first for 4 s`. */
export function describeLine(
  contenders: readonly Described[],
  clock: Pick<Clock, 'wall'>,
  unheld = 'free',
): string {
  const now = clock.wall()
  const holders = contenders.filter(({ role }) => role === 'holder')
  const waiters = contenders.filter(({ role }) => role === 'waiter')
  const [first] = waiters
  const held = holders.length === 0 ? unheld : `held by ${namesOf(holders, now)}`
  if (first === undefined) return held
  return `${held}; ${waiters.length} waiting, the first for ${age(first, now)}`
}

function namesOf(holders: readonly Described[], now: number): string {
  const named = holders.slice(0, NAMED).map((holder) => {
    const { id, sessionId, isRevokeRequested } = holder
    const shown = JSON.stringify(id.length > LONGEST_ID ? `${id.slice(0, LONGEST_ID)}…` : id)
    const session = BigInt.asUintN(64, sessionId).toString(16)
    const asked = isRevokeRequested ? ', asked to give up' : ''
    return `${shown} (session 0x${session}${asked}) for ${age(holder, now)}`
  })
  const others = holders.length - named.length
  return named.join(', ') + (others > 0 ? ` and ${others} more` : '')
}

/** Their clocks and ours may differ: never less than nothing. */
function age({ since }: Described, now: number): string {
  const seconds = Math.max(0, now - since.getTime()) / 1_000
  if (seconds < 120) return `${Math.floor(seconds)} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3_600)} h`
}
