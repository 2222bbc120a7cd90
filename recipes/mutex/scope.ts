/**
 * Re-entrancy: what the code that runs now holds of a mutex, as far as it can be known.
 *
 * Node has no threads, so "the same holder" can only be the asynchronous context (AsyncLocalStorage), and only where it
 * has a beginning and an end: round the function that `run` calls. `acquire` must never open a scope (`enterWith`): it
 * would reach whatever the caller starts later, so of two siblings, `Promise.all([acquire(), acquire()])` or two requests
 * of one server that were started from one loop, the second would take itself for the holder, and both would be in.
 *
 * The scope is one holder: what it starts in parallel is not kept apart. It ends for what is left of it (a task that
 * nobody awaited) when its hold is released; that task contends as everybody does. The znode goes when the last of the
 * holds on it is released, in whatever order they are.
 *
 * If its hold is lost, an acquire inside is refused with the loss. Granting it on the dead hold would be two holders
 * (CURATOR-604). Queueing up anew would give a lock that is free between the two, while the code around it believes
 * that it never let go.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Zk } from '../../src/api/zk.js'
import type { Hold } from '../kernel/hold.js'
import type { Tenancy } from './tenure.js'

interface Scope {
  readonly zk: Zk
  readonly key: string
  readonly hold: Hold
  readonly tenancy: Tenancy
  readonly outer: Scope | undefined
  /** Its function has come to its end. */
  isOver: boolean
}

const scopes = new AsyncLocalStorage<Scope>()

/** Runs `fn` such that what it calls is known to run while `hold`, which is on `tenancy`, is held. */
export async function holding<T>(
  zk: Zk,
  key: string,
  hold: Hold,
  tenancy: Tenancy,
  fn: () => T | Promise<T>,
): Promise<T> {
  const scope: Scope = { zk, key, hold, tenancy, outer: scopes.getStore(), isOver: false }
  try {
    return await scopes.run(scope, fn)
  } finally {
    scope.isOver = true
  }
}

/**
 * A tenancy beside that of the run that we are in; undefined outside of one.
 *
 * @throws LockLostError if that run lost what it holds.
 */
export function reenter(zk: Zk, key: string): Tenancy | undefined {
  for (let scope = scopes.getStore(); scope !== undefined; scope = scope.outer) {
    if (scope.zk !== zk || scope.key !== key) continue
    const { loss } = scope.hold
    if (loss !== undefined && !scope.isOver) throw loss
    if (loss === undefined && !scope.tenancy.hasLeft) return scope.tenancy.tenure.admit()
  }
  return undefined
}
