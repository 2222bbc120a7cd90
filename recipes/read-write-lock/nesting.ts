/**
 * What the code that runs now holds of a read-write lock, as far as it can be known: through `run`, along the
 * asynchronous context. A hold from `acquire` belongs to whoever has the object, which nobody can see.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { DeadlockError } from '../../src/api/errors.js'
import { nameOf } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import type { Hold } from '../kernel/hold.js'
import { WriteHold } from './write-hold.js'

interface Nest {
  readonly zk: Zk
  readonly path: string
  readonly hold: Hold
  readonly outer: Nest | undefined
}

const nests = new AsyncLocalStorage<Nest>()

/** Runs `fn` such that what it calls is known to run while `hold` is held. */
export function holding<T>(zk: Zk, path: string, hold: Hold, fn: () => T): T {
  return nests.run({ zk, path, hold, outer: nests.getStore() }, fn)
}

/** What is still held. After a downgrade that is a reader. */
function heldHere(zk: Zk, path: string): Hold[] {
  const held: Hold[] = []
  for (let nest = nests.getStore(); nest !== undefined; nest = nest.outer) {
    if (nest.zk !== zk || nest.path !== path) continue
    const { hold } = nest
    const current = hold instanceof WriteHold ? hold.current : hold.isHeld ? hold : undefined
    if (current !== undefined) held.push(current)
  }
  return held
}

/** @throws DeadlockError inside of a run that holds the lock in either way: it ends only after this. */
export function refuseNestedWrite(zk: Zk, path: string): void {
  const [held] = heldHere(zk, path)
  if (held === undefined) return
  const how =
    held instanceof WriteHold
      ? 'that holds it for writing: use that hold'
      : 'that holds it for reading. There is no upgrade: let the run end, acquire for writing, and read again'
  throw new DeadlockError(`writing ${path} would wait for ever, inside of a run ${how}`, { path })
}

/**
 * The znodes of readers that are held round this: a wait behind one of them can never end.
 *
 * @throws DeadlockError inside of a run that holds the lock for writing.
 */
export function outerReaders(zk: Zk, path: string): ReadonlySet<string> {
  const held = heldHere(zk, path)
  if (held.some((hold) => hold instanceof WriteHold)) {
    const message = `reading ${path} would wait for ever, inside of a run that holds it for writing: downgrade that hold`
    throw new DeadlockError(message, { path })
  }
  return new Set(held.map((hold) => nameOf(hold.path)))
}
