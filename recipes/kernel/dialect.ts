/**
 * Whose names we speak: a dialect is data that says how our znodes are called, which children count as contenders and
 * where their sequence number stands. Processes of one dialect contend as equals, in whatever language they are
 * written. Curator's is the default; what others write is in docs/mutex.md.
 *
 * Invariant, checked when a dialect is first used: a name that we create is one of our own contenders.
 */
import { SEQUENCE_PATTERN, formatSequence, parseSequence } from './sequence.js'

export interface Dialect {
  /** For messages. */
  readonly name: string
  /**
   * The name to create, without the sequence number that the server appends. It holds exactly one of `{uuid}`
   * (lower case, with dashes) and `{hex}` (32 hex digits): the mark by which we find our znode again when the reply
   * to its creation was lost.
   */
  readonly create: string
  /** A child that one of these matches is a contender. The first group is its sequence number, at the very end. */
  readonly contenders: readonly RegExp[]
  /** Reads the first group. Default: as the server prints it, signed. */
  readonly parseSequence?: ((text: string) => number | undefined) | undefined
  /** How missing parents are made: containers vanish when they are empty for a while. Default `container`. */
  readonly parents?: 'container' | 'persistent' | undefined
  /** What a znode holds when the caller says nothing: this host's address in ASCII, or no bytes. Default `empty`. */
  readonly data?: 'address' | 'empty' | undefined
}

export type DialectName = 'curator' | 'kazoo' | 'go-zookeeper'

const ending = (before: string): RegExp => new RegExp(`${before}${SEQUENCE_PATTERN}$`)

/** The presets. */
export const dialects: Readonly<Record<DialectName, Dialect>> = Object.freeze({
  /** Curator orders by what follows the last `lock-`, whatever stands before it; so any such name is an equal. */
  curator: {
    name: 'curator',
    create: '_c_{uuid}-lock-',
    contenders: [ending('lock-')],
    parents: 'container',
    data: 'address',
  },
  kazoo: {
    name: 'kazoo',
    create: '{hex}__lock__',
    contenders: [ending('__lock__')],
    parents: 'persistent',
    data: 'empty',
  },
  /** go-zookeeper takes the number after the last `-`, or else the last `__`, of every child. */
  'go-zookeeper': {
    name: 'go-zookeeper',
    create: '_c_{hex}-lock-',
    contenders: [ending('(?:-|__)')],
    parents: 'persistent',
    data: 'empty',
  },
})

/** The preset of that name, or the dialect itself once it is checked. Throws `TypeError` for anything else. */
export function dialectOf(dialect: DialectName | Dialect): Dialect {
  if (typeof dialect === 'string') {
    if (!Object.hasOwn(dialects, dialect)) {
      const known = Object.keys(dialects).join(', ')
      throw new TypeError(`unknown dialect ${JSON.stringify(dialect)}: use one of ${known}, or a Dialect`)
    }
    return dialects[dialect]
  }
  const problem = problemWith(dialect)
  if (problem !== undefined) throw new TypeError(`invalid dialect: ${problem}`)
  return dialect
}

function problemWith(dialect: Partial<Record<keyof Dialect, unknown>> | null): string | undefined {
  if (typeof dialect !== 'object' || dialect === null) return 'it must be the name of a preset or an object'
  const { name, create, contenders, parents, data } = dialect
  if (typeof name !== 'string' || name === '') return 'name must be a non-empty string'
  if (typeof create !== 'string') return 'create must be a string'
  if (create.includes('/')) return 'create must not hold a slash: contenders are children of one znode'
  if (create.split(/\{uuid\}|\{hex\}/).length !== 2) return 'create must hold exactly one of {uuid} and {hex}'
  if (!Array.isArray(contenders) || contenders.length === 0) return 'contenders must be a non-empty array'
  for (const pattern of contenders) {
    if (!(pattern instanceof RegExp)) return 'contenders must be regular expressions'
    if (pattern.global || pattern.sticky) return `${String(pattern)} must not have the flags g or y`
  }
  if (parents !== undefined && parents !== 'container' && parents !== 'persistent') {
    return 'parents must be container or persistent'
  }
  if (data !== undefined && data !== 'address' && data !== 'empty') return 'data must be address or empty'
  return ownNameProblem(dialect as unknown as Dialect)
}

/** An own name must be read back as a contender with its number, before the overflow and after it. */
function ownNameProblem(dialect: Dialect): string | undefined {
  for (const sequence of [0, 2_147_483_647, -2_147_483_648, -5]) {
    const name = namePrefix(dialect, '00000000-0000-4000-8000-000000000000') + formatSequence(sequence)
    if (sequenceOf(dialect, name) === sequence) continue
    return `its own name ${name} must match one of contenders, with the sequence number as the first group`
  }
  return undefined
}

/** The name to create for one attempt, without the sequence number. */
export function namePrefix(dialect: Dialect, uuid: string): string {
  const { create } = dialect
  return create.includes('{uuid}')
    ? create.replace('{uuid}', uuid)
    : create.replace('{hex}', uuid.replaceAll('-', ''))
}

/** The sequence number of a contender; undefined if the child is none in this dialect. */
export function sequenceOf(dialect: Dialect, name: string): number | undefined {
  const parse = dialect.parseSequence ?? parseSequence
  for (const pattern of dialect.contenders) {
    const digits = pattern.exec(name)?.[1]
    const sequence = digits === undefined ? undefined : parse(digits)
    if (sequence !== undefined) return sequence
  }
  return undefined
}
