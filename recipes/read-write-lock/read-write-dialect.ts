/** Whose names a read-write lock speaks: two kinds of contenders under one parent, numbered by one counter. */
import type { Dialect } from '../kernel/dialect.js'
import { SEQUENCE_PATTERN } from '../kernel/sequence.js'

export type ReadWriteDialectName = 'curator' | 'kazoo'

export interface ReadWriteDialect {
  /** Each knows the contenders of both kinds, and makes those of one. */
  readonly read: Dialect
  readonly write: Dialect
  /** Of two contenders, those that do not exclude each other. */
  readonly isReader: (name: string) => boolean
}

type Rest = Omit<Dialect, 'create' | 'contenders'>

function pair(prefix: string, readMark: string, writeMark: string, rest: Rest): ReadWriteDialect {
  const readers = new RegExp(`${readMark}${SEQUENCE_PATTERN}$`)
  const contenders = [readers, new RegExp(`${writeMark}${SEQUENCE_PATTERN}$`)]
  return {
    read: { ...rest, create: prefix + readMark, contenders },
    write: { ...rest, create: prefix + writeMark, contenders },
    isReader: (name) => readers.test(name),
  }
}

const dialects: Readonly<Record<ReadWriteDialectName, ReadWriteDialect>> = {
  /** InterProcessReadWriteLock. */
  curator: pair('_c_{uuid}-', '__READ__', '__WRIT__', {
    name: 'curator',
    parents: 'container',
    data: 'address',
  }),
  /** ReadLock and WriteLock; kazoo's plain Lock on the same path is a writer to them. */
  kazoo: pair('{hex}', '__rlock__', '__lock__', { name: 'kazoo', parents: 'persistent', data: 'empty' }),
}

/** Throws `TypeError` for an unknown name. */
export function readWriteDialectOf(name: ReadWriteDialectName): ReadWriteDialect {
  if (Object.hasOwn(dialects, name)) return dialects[name]
  const known = Object.keys(dialects).join(', ')
  throw new TypeError(`unknown dialect ${JSON.stringify(name)} for a read-write lock: use one of ${known}`)
}
