/**
 * Judges a run from what it left: the journal and the counter. Pure, so that it can be tried on runs that went wrong.
 *
 * If the lock works, turns are one after the other: each begins after the one before it ended, with a larger fencing
 * token, and finds the number that the one before it left. The last turn of a killed worker may have no end; whether
 * its write had happened is then told by what the next turn found.
 */
import type { Entry } from './counter.js'

export interface Turn {
  readonly begin: Extract<Entry, { kind: 'begin' }>
  /** Undefined for a turn that was cut off. */
  readonly end: Extract<Entry, { kind: 'end' }> | undefined
}

export interface Audit {
  readonly turns: readonly Turn[]
  /** The turn that the kill cut off, if it did, and whether its write had happened. */
  readonly cutOff: { readonly turn: Turn; readonly written: boolean } | undefined
  /** From the end of a turn to the begin of the next, in milliseconds; the one after the kill is left out. */
  readonly handOversMs: readonly number[]
  /** Empty if all is well. */
  readonly problems: readonly string[]
}

function turnsOf(journal: readonly Entry[], problems: string[]): Turn[] {
  const turns: Turn[] = []
  for (const entry of journal) {
    const last = turns.at(-1)
    if (entry.kind === 'begin') turns.push({ begin: entry, end: undefined })
    else if (last?.end === undefined && last?.begin.fence === entry.fence)
      turns[turns.length - 1] = { begin: last.begin, end: entry }
    else problems.push(`turn ${entry.fence} of worker ${entry.worker} ended while another one was on`)
  }
  return turns
}

/** What is wrong with how a turn follows the one before it (or the start). */
function orderProblems({ begin, end }: Turn, before: Turn | undefined): string[] {
  const problems: string[] = []
  if (before === undefined && begin.from !== 0) problems.push(`the first turn found ${begin.from}, not 0`)
  if (before !== undefined && BigInt(begin.fence) <= BigInt(before.begin.fence))
    problems.push(`the fencing token went from ${before.begin.fence} to ${begin.fence}`)
  if (end !== undefined && end.to !== begin.from + 1)
    problems.push(`turn ${begin.fence} made ${end.to} out of ${begin.from}`)
  return problems
}

/**
 * @param counter - what the counter's file says at the end.
 * @param killed - the number of the worker that was killed.
 */
export function audit(journal: readonly Entry[], counter: number, killed?: number): Audit {
  const problems: string[] = []
  const turns = turnsOf(journal, problems)
  const lastOfKilled = turns.findLast(({ begin }) => begin.worker === killed)
  const handOversMs: number[] = []
  let cutOff: Audit['cutOff']
  for (const [index, turn] of turns.entries()) {
    const { begin, end } = turn
    const next = turns[index + 1]
    problems.push(...orderProblems(turn, turns[index - 1]))
    const found = next?.begin.from ?? counter
    if (end === undefined && turn === lastOfKilled) cutOff = { turn, written: found === begin.from + 1 }
    else if (end === undefined) problems.push(`turn ${begin.fence} of worker ${begin.worker} never ended`)
    const left = end?.to ?? begin.from + (cutOff?.turn === turn && cutOff.written ? 1 : 0)
    if (found !== left) problems.push(`turn ${begin.fence} left ${left}, and then there was ${found}`)
    if (end !== undefined && next !== undefined && turn !== lastOfKilled)
      handOversMs.push((next.begin.atUs - end.atUs) / 1000)
  }
  const expected = turns.length - (cutOff?.written === false ? 1 : 0)
  if (counter !== expected) problems.push(`the counter is ${counter}, and must be ${expected}`)
  return { turns, cutOff, handOversMs, problems }
}
