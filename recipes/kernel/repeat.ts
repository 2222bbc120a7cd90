/** A step of several requests, begun again after what passes by itself: a lost connection, a session that moved or ended. */
import type { CallOptions, Session, Zk } from '../../src/api/zk.js'
import type { Attempt } from './attempt.js'
import { throwUnlessPassing } from './enqueue.js'
import { beforeRetry } from './failure.js'

/** The bounds on each call of a step: the caller's, and the session that it was begun on. */
export type StepLimits = CallOptions & { readonly generation: number }

/** What ends the repetition though its error alone would be a reason to try again, such as an outcome that stays unknown. */
export class Final extends Error {
  readonly error: Error

  constructor(error: Error) {
    super(error.message)
    this.error = error
  }
}

/** Until `step` gives an answer; undefined stands for none yet. Rejects with what the server refuses, or on abort. */
export async function repeatUntil<T>(
  zk: Zk,
  attempt: Attempt,
  step: (limits: StepLimits, session: Session) => Promise<T | undefined>,
): Promise<T> {
  const { signal } = attempt
  for (let failures = 0; ;) {
    try {
      attempt.stage = 'waiting for a connection'
      const session = await beforeRetry(zk, failures, signal)
      attempt.stage = 'waiting for the answer of the server'
      const answer = await step({ signal, generation: session.generation }, session)
      if (answer !== undefined) return answer
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Final) throw error.error
      throwUnlessPassing(error)
      failures++
    }
  }
}
