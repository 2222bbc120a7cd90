/** The callback form of a lock: run while it is held, give it back, and let neither outcome hide the other's. */
import type { LockLostError } from '../../src/api/errors.js'
import type { Logger } from '../../src/api/zk.js'

/** As much of a hold as this needs. */
export interface Held {
  /** For the log. */
  readonly path: string
  /** Why it is lost, as far as is known. */
  readonly loss: LockLostError | undefined
  release(): Promise<void>
}

/**
 * What `fn` throws is what this rejects with, whatever becomes of the release (that is only logged). If `fn` succeeded
 * but the hold was lost while it ran, this rejects with the `LockLostError`: another may have run at the same time.
 */
export async function runHeld<T>(hold: Held, logger: Logger, fn: () => T | Promise<T>): Promise<T> {
  let result: T
  try {
    result = await fn()
  } catch (error) {
    await releaseQuietly(hold, logger)
    throw error
  }
  const loss = hold.loss
  await hold.release()
  // What the release found out knows more of the reason.
  const known = hold.loss ?? loss
  if (known !== undefined) throw known
  return result
}

async function releaseQuietly(hold: Held, logger: Logger): Promise<void> {
  try {
    await hold.release()
  } catch (error) {
    logger.error({ path: hold.path, error }, 'could not release; its owner failed too')
  }
}
