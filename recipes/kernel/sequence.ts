/**
 * The number that the server appends to a sequential znode, and the order of two of them.
 *
 * It is the parent's child counter (cversion), a signed int32 printed with `%010d`. After 2147483647 comes
 * -2147483648, which is 11 characters long; from -999999999 on the sign is part of the ten. So names are never
 * compared as strings (as Curator and kazoo do: two holders at the overflow), but by serial arithmetic: a comes
 * before b if the way from a to b is shorter forwards than backwards. That is a total order as long as the places in
 * a queue span less than 2^31 creations.
 */

/** Source of a regular expression with one group, for exactly what the server can append. */
export const SEQUENCE_PATTERN = '(\\d{10}|-\\d{9,10})'

const whole = new RegExp(`^${SEQUENCE_PATTERN}$`)

/** The number that `text` stands for, or undefined if the server can't have written it. */
export function parseSequence(text: string): number | undefined {
  if (!whole.test(text)) return undefined
  const value = Number(text)
  const int32 = value | 0
  return int32 === value ? int32 : undefined
}

/** Negative if `a` was handed out before `b`, positive if after, 0 if they are the same. */
export function compareSequence(a: number, b: number): number {
  return (a - b) | 0
}

/** As the server prints it: `%010d`. */
export function formatSequence(sequence: number): string {
  const digits = String(Math.abs(sequence))
  return sequence < 0 ? `-${digits.padStart(9, '0')}` : digits.padStart(10, '0')
}
