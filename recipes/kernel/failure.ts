/** What an error of a call means for a recipe: go on and find out, wait and try again, or tell the caller. */
import { hasCode, LockLostError, ZkError, type LostReason } from '../../src/api/errors.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { sleep } from '../../src/runtime/abort.js'

/** The call may have taken effect, or not. */
export function isUnknown(error: unknown): boolean {
  return error instanceof ZkError && error.outcome === 'unknown'
}

/** It certainly did nothing, and the same call may do better in a moment. */
export function isPassing(error: unknown): boolean {
  return hasCode(
    error,
    'CONNECTION_LOSS',
    'SESSION_MOVED',
    'THROTTLED',
    'NOT_READ_ONLY',
    'PENDING_LIMIT',
    'TIMEOUT',
  )
}

/** The session is over, or can no longer be proved alive, or the error says so. Its ephemerals die with it. */
export function isOver(session: Session, error?: unknown): boolean {
  return session.signal.aborted || hasCode(error, 'SESSION_EXPIRED', 'CLOSED', 'AUTH_FAILED')
}

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2_000

/**
 * Before attempt `attempt` (1 for the first repetition): waits for a connection that takes writes, and from the
 * second repetition on also a growing time, so that a server that keeps refusing is not hammered. Rejects with the
 * reason of `signal`, or when the client is closed.
 */
export async function beforeRetry(zk: Zk, attempt: number, signal: AbortSignal): Promise<Session> {
  if (attempt > 1) {
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 2), LONGEST_PAUSE_MS)
    await sleep(zk.runtime.clock, longest * (0.5 + zk.runtime.random.next() / 2), signal)
  }
  return zk.ready({ signal })
}

/** Why what was held by a session that is over is lost, in the words of a hold. */
export function lossOf(session: Session, path: string): LockLostError {
  return lossBy(session.endedBy ?? 'session-expired', path, session.signal.reason)
}

export function lossBy(reason: LostReason, path: string, cause?: unknown): LockLostError {
  return new LockLostError(`lost ${path}: ${sentences[reason]}`, reason, { path, cause })
}

const sentences: Record<LostReason, string> = {
  'session-expired': 'the session has expired',
  'session-in-doubt': 'cut off from the ensemble for so long that the session may be over',
  'node-deleted': 'somebody deleted it',
  revoked: 'an operator broke it',
  closed: 'the client was closed',
  resigned: 'its own side gave it up',
  suspended: 'the connection was lost, and its loss policy takes that for a loss',
}
