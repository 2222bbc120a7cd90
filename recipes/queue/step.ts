/**
 * Transactions whose outcome is always known: each is made of steps, and committed on one session until the server
 * has said yes or no, or the session is over.
 *
 * - A lost reply is never followed by a blind repetition: `wasApplied` looks, in sync with the leader and on the same
 *   session, whose requests are first-in first-out (why that settles it: ../kernel/lost-create.ts).
 * - A refusal names the step that failed. A step may put right what was in its way (a parent that was reaped), and the
 *   transaction is made anew.
 */
import { ConnectionLossError, hasCode, TransactionError, type ZkError } from '../../src/api/errors.js'
import type { Session, Transaction, TransactionResult, Zk } from '../../src/api/zk.js'
import { beforeRetry, isOver, isPassing, isUnknown } from '../kernel/failure.js'

export interface Step {
  /** Adds exactly one operation; the last step may add more. */
  readonly add: (transaction: Transaction) => unknown
  /** The server refused this step. Puts right what it can; true if the whole is worth another try. */
  readonly mend?: ((failure: ZkError) => Promise<boolean>) | undefined
  /** Told the path that this step made, if the reply came. */
  readonly made?: ((path: string) => void) | undefined
}

/**
 * Deletes `path`. If somebody has deleted it by hand, the transaction goes through all the same.
 *
 * @param standing - some znode that is certainly there: checked instead, as each step is one operation.
 */
export function deletionOf(path: string, standing: string): Step {
  let isGone = false
  return {
    add: (transaction) => (isGone ? transaction.check(standing) : transaction.delete(path)),
    mend: async (failure) => {
      const isNews = !isGone && hasCode(failure, 'NO_NODE')
      isGone = true
      return Promise.resolve(isNews)
    },
  }
}

export interface Intent {
  /** The steps of the next try. */
  readonly steps: () => Promise<readonly Step[]>
  /** After a lost reply: has it taken effect? Asked once the session is connected again. Undefined: nothing there tells. */
  readonly wasApplied: (limits: { readonly generation: number }) => Promise<boolean | undefined>
}

export type Commit =
  | { readonly how: 'applied' }
  /** The session is over, or nothing tells any more. `inDoubt`: the last try may have taken effect. */
  | { readonly how: 'over'; readonly inDoubt: boolean }

/**
 * Rejects with what the server refuses (a `TransactionError`, or the error of a step that could not be mended).
 *
 * @param mayBeApplied - it may have taken effect already: looks before the first try.
 */
export async function commitSteps(
  zk: Zk,
  session: Session,
  intent: Intent,
  mayBeApplied = false,
): Promise<Commit> {
  const { generation } = session
  let inDoubt = mayBeApplied
  let refusals = 0
  for (let repetition = 0; !session.signal.aborted; repetition++) {
    let steps: readonly Step[] = []
    try {
      if (repetition > 0) await beforeRetry(zk, Math.max(1, repetition - refusals), session.signal)
      const applied = inDoubt && (await intent.wasApplied({ generation }))
      if (applied === undefined) break
      if (applied) return { how: 'applied' }
      inDoubt = false
      steps = await intent.steps()
      const transaction = zk.transaction()
      for (const step of steps) step.add(transaction)
      tell(steps, await transaction.commit({ generation }))
      return { how: 'applied' }
    } catch (error) {
      if (isUnknown(error)) inDoubt = true
      if (isOver(session, error)) break
      if (isUnknown(error) || isPassing(error)) continue
      if (!(await mend(zk, session, steps, error))) throw error
      refusals++
    }
  }
  return { how: 'over', inDoubt }
}

/**
 * As {@link commitSteps}, on whatever session there is. What is refused after a try whose fate is not known (its session
 * ended) may be refused because that one took effect: then it rejects with a `ConnectionLossError`.
 */
export async function commitAnywhere(zk: Zk, intent: Intent, signal: AbortSignal): Promise<void> {
  let inDoubt = false
  for (let repetition = 1; ; repetition++) {
    const session = await beforeRetry(zk, repetition, signal)
    try {
      const commit = await commitSteps(zk, session, intent)
      if (commit.how === 'applied') return
      if (commit.inDoubt) inDoubt = true
    } catch (error) {
      if (!inDoubt || !(error instanceof TransactionError)) throw error
      const what = 'the session ended before the reply came: whether it took effect is not known'
      throw new ConnectionLossError(what, { path: error.path, cause: error })
    }
  }
}

function tell(steps: readonly Step[], results: readonly TransactionResult[]): void {
  for (const [index, step] of steps.entries()) {
    const result = results[index]
    if (result?.type === 'create') step.made?.(result.path)
  }
}

/** False if it is not worth another try. */
async function mend(zk: Zk, session: Session, steps: readonly Step[], error: unknown): Promise<boolean> {
  if (!(error instanceof TransactionError)) return false
  const { failedIndex, failure } = error
  if (isPassing(failure)) return true
  const step = steps[failedIndex]
  if (step?.mend === undefined) return false
  for (let repetition = 0; ; repetition++) {
    try {
      if (repetition > 0) await beforeRetry(zk, repetition, session.signal)
      return await step.mend(failure)
    } catch (obstacle) {
      if (isOver(session, obstacle)) return true
      if (!isUnknown(obstacle) && !isPassing(obstacle)) throw obstacle
    }
  }
}
