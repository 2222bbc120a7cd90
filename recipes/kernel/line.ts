/**
 * The queue as one list of children shows it, and who in it must go before a given place is served.
 *
 * Strangers, that is children that the dialect does not know, are of two kinds:
 * - A name that does not end in a sequence number (`config`, `!x`) is no claim on the lock: it is ignored. Curator
 *   counts it, by string order, and a child such as `!x` blocks every Java peer for ever. Ignoring it can't let two in:
 *   Java peers ahead of us are contenders that we wait for, and Java peers behind us wait for us.
 * - A name that ends in a sequence number may be the claim of a client that speaks another dialect. All sequential
 *   children of a parent share one counter, so its number says truly whether it was there before us. The safe reading:
 *   we wait for it if it was, unless it turns out not to be ephemeral (then no living process stands behind it).
 *   Curator itself would wait only for those whose whole name sorts before its own number.
 */
import { sequenceOf, type Dialect } from './dialect.js'
import { compareSequence } from './sequence.js'

export interface Contender {
  readonly name: string
  readonly sequence: number
  /** Of another dialect: it may be a claim, or not. */
  readonly stranger: boolean
}

export interface Line {
  /** First come, first. */
  readonly contenders: readonly Contender[]
  /** Names that are no contenders in our dialect, those that we take for a claim included. */
  readonly strangers: readonly string[]
}

/** Who stands in the way of a place, and what follows when that one is gone. */
export interface Obstacle {
  readonly contender: Contender
  /** Nobody else is in the way: its deletion is the grant, as nobody can come in front. */
  readonly sole: boolean
}

/** Decides from a line and an index in it. Undefined: this place is served. */
export type Admission = (contenders: readonly Contender[], index: number) => Obstacle | undefined

/** One at a time, in order: watch only the neighbour ahead, so that a release wakes one waiter. */
export const first: Admission = (contenders, index) => {
  const contender = contenders[index - 1]
  return contender === undefined ? undefined : { contender, sole: index === 1 }
}

/**
 * Sorts children into a line.
 *
 * @param own - our own sequence number. Only with one do strangers count: those before it, as possible claims.
 * @param inert - strangers that are known to be no claim.
 */
export function lineUp(
  children: readonly string[],
  dialect: Dialect,
  own?: number,
  inert?: ReadonlySet<string>,
): Line {
  const contenders: Contender[] = []
  const strangers: string[] = []
  for (const name of children) {
    const sequence = sequenceOf(dialect, name)
    if (sequence !== undefined) {
      contenders.push({ name, sequence, stranger: false })
      continue
    }
    strangers.push(name)
    if (own === undefined || inert?.has(name) === true) continue
    const claim = claimOf(name, own)
    if (claim !== undefined) contenders.push({ name, sequence: claim, stranger: true })
  }
  contenders.sort((a, b) => compareSequence(a.sequence, b.sequence))
  return { contenders, strangers }
}

/**
 * The number at the end of a stranger's name, if it lies before ours. Whether a `-` in front of ten digits is a sign
 * or a separator can't be told from the name; numbers are close together, so it is read with the sign of our own.
 */
function claimOf(name: string, own: number): number | undefined {
  const match = /(-?)(\d{10})$|(-)(\d{9})$/.exec(name)
  const digits = match?.[2] ?? match?.[4]
  if (digits === undefined) return undefined
  const negative = own < 0 && (match?.[1] ?? match?.[3]) === '-'
  if (digits.length < 10 && !negative) return undefined
  const sequence = Number(digits) * (negative ? -1 : 1)
  return sequence === (sequence | 0) && compareSequence(sequence, own) < 0 ? sequence : undefined
}
