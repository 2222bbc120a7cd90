/** What tests of locks on real servers need besides the stage: waiting for what happens. */
import { expect } from 'vitest'
import type { Zk } from 'latchkey'
import { LockLostError } from 'latchkey'
import { deferred } from '../../src/runtime/deferred.js'

/** Resolves when `path` has that many children. */
export async function untilChildren(zk: Zk, path: string, count: number): Promise<void> {
  await zk.sync(path)
  for (;;) {
    const changed = deferred<undefined>()
    const watch = (): void => changed.resolve(undefined)
    const { children } = await zk.children(path, { watch })
    if (children.length === count) return zk.removeWatch(path, watch)
    await changed.promise
  }
}

/** A holder may wait so long for the proof of why it lost its znode; then it says that it is in doubt. */
const PROOF_MS = 100

/** Does what costs a hold, and waits until its signal tells so, with one of these reasons. */
export async function untilLost(
  signal: AbortSignal,
  reasons: readonly string[],
  act: () => Promise<unknown>,
): Promise<void> {
  const lost = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  const before = performance.now()
  await act()
  if (!signal.aborted) await lost
  const isLate = performance.now() - before >= PROOF_MS
  const loss: unknown = signal.reason
  expect(loss).toBeInstanceOf(LockLostError)
  expect(isLate ? [...reasons, 'session-in-doubt'] : reasons).toContain((loss as LockLostError).reason)
}
