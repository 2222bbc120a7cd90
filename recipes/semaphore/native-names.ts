/** Our own layout's names: `<uuid>-permits-<how many>-<sequence>`, so that a list alone tells who is let in. */
import type { Dialect } from '../kernel/dialect.js'
import type { Contender } from '../kernel/line.js'
import { SEQUENCE_PATTERN } from '../kernel/sequence.js'

const contenders = [new RegExp(`-permits-\\d{1,10}-${SEQUENCE_PATTERN}$`)]
const count = /-permits-(\d{1,10})-(?:\d{10}|-\d{9,10})$/

/** To ask for, or to keep, that many. */
export function namesFor(permits: number): Dialect {
  return {
    name: 'native semaphore',
    create: `{uuid}-permits-${permits}-`,
    contenders,
    parents: 'container',
    data: 'address',
  }
}

export function permitsIn(name: string): number {
  return Number(count.exec(name)?.[1] ?? 0)
}

export function sumOf(line: readonly Pick<Contender, 'name'>[]): number {
  return line.reduce((sum, { name }) => sum + permitsIn(name), 0)
}
