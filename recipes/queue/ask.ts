/** Reads of several requests, begun again after what passes by itself: a lost connection, a session that moved or ended. */
import type { Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from '../kernel/attempt.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry } from '../kernel/failure.js'

/** Rejects with the reason of the attempt's signal, or with what the server refuses. */
export async function ask<T>(zk: Zk, { signal }: Attempt, read: () => Promise<T>): Promise<T> {
  for (let repetition = 1; ; repetition++) {
    signal.throwIfAborted()
    try {
      await beforeRetry(zk, repetition, signal)
      return await abortable(read(), signal)
    } catch (error) {
      signal.throwIfAborted()
      throwUnlessPassing(error)
    }
  }
}
