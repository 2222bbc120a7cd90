/**
 * Asking a contender to give up, and making it: on the znode that stands for it.
 *
 * - Asking is Curator's: its Revoker writes `__REVOKE__` into the znode of the one that is asked, which watches its own
 *   data if it wants to know (`makeRevocable`, our `onRevokeRequested`).
 * - Breaking is that and a deletion in one transaction: who is told "changed" and finds nothing left to read knows that
 *   it was broken. Without the right to write the znode it is a deletion only.
 *
 * Only that znode: it is read first, in sync with the leader, and must have the czxid that the contender was shown with;
 * then it is changed by its version. Names hold UUIDs, so between the two another znode of that name could only be
 * somebody's deliberate copy.
 *
 * Lost reply: it is looked at again. Of a break, that it is gone then may be our doing: the answer is `broken`.
 */
import { hasCode, TransactionError } from '../../src/api/errors.js'
import { nameOf, parentOf } from '../../src/api/path.js'
import type { NodeData, Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from './attempt.js'
import { throwUnlessPassing } from './enqueue.js'
import { beforeRetry, isUnknown } from './failure.js'
import { inSync } from './in-sync.js'
import { REVOKE_MARK } from './revoke-mark.js'

/** A znode that stands for a contender: which it is, beyond its name. Every contender that a lock shows is one. */
export interface Claim {
  readonly path: string
  /** The transaction that made it. */
  readonly czxid: bigint
}

/** `gone`: that znode does not exist any more. */
export type Asked = 'asked' | 'gone'
/** `gone`: it did not exist any more when we came. */
export type Broken = 'broken' | 'gone'

/** What `revoke` of a lock does. @param container - the parent of its contenders. */
export async function revokeClaim(
  zk: Zk,
  container: string,
  claim: Claim,
  options: WaitOptions,
): Promise<Asked> {
  checkClaim(claim, container)
  using attempt = new Attempt(zk, 'revoke', claim.path, options)
  return await ask(zk, claim, attempt)
}

/** What `break` of a lock does. @param container - the parent of its contenders. */
export async function breakClaim(
  zk: Zk,
  container: string,
  claim: Claim,
  options: WaitOptions,
): Promise<Broken> {
  checkClaim(claim, container)
  using attempt = new Attempt(zk, 'break', claim.path, options)
  return await breakWithin(zk, claim, attempt)
}

function checkClaim(claim: Claim, container: string): void {
  const given = claim as Partial<Record<keyof Claim, unknown>> | null | undefined
  if (typeof given?.path !== 'string' || typeof given.czxid !== 'bigint') {
    throw new TypeError('a contender needs path and czxid, as contenders() shows it')
  }
  if (nameOf(claim.path) === '' || parentOf(claim.path) !== container) {
    throw new TypeError(`${claim.path} is no contender of ${container}`)
  }
}

async function ask(zk: Zk, claim: Claim, attempt: Attempt): Promise<Asked> {
  return change<Asked>(zk, claim, attempt, async ({ stat: { version } }, signal) => {
    await zk.set(claim.path, REVOKE_MARK, { version, signal })
    return 'asked'
  })
}

async function breakWithin(zk: Zk, claim: Claim, attempt: Attempt): Promise<Broken> {
  const { path } = claim
  const state = { mayMark: true, maybeOurs: false }
  const outcome = await change<Broken>(zk, claim, attempt, async ({ stat: { version } }, signal) => {
    try {
      if (!state.mayMark) await zk.delete(path, { version, signal })
      else if (zk.supports('transactions')) {
        const transaction = zk.transaction().set(path, REVOKE_MARK, { version })
        await transaction.delete(path, { version: version + 1 }).commit({ signal })
      } else {
        await zk.set(path, REVOKE_MARK, { version, signal })
        await zk.delete(path, { version: version + 1, signal })
      }
      return 'broken'
    } catch (error) {
      if (isUnknown(error)) state.maybeOurs = true
      const cause = error instanceof TransactionError ? error.failure : error
      if (!hasCode(cause, 'NO_AUTH') || !state.mayMark) throw cause
      state.mayMark = false
      return undefined
    }
  })
  return outcome === 'gone' && state.maybeOurs ? 'broken' : outcome
}

/** `by` is given the znode as it is, and gives undefined to be called again. */
async function change<T>(
  zk: Zk,
  { path, czxid }: Claim,
  attempt: Attempt,
  by: (node: NodeData, signal: AbortSignal) => Promise<T | undefined>,
): Promise<T | 'gone'> {
  const { signal } = attempt
  for (let repetition = 1; ; repetition++) {
    try {
      attempt.stage = 'waiting for a connection'
      await beforeRetry(zk, repetition, signal)
      attempt.stage = 'finding out whose it is'
      const node = await inSync(zk, path, { signal }, async () => zk.get(path, { signal }))
      if (node.stat.czxid !== czxid) return 'gone'
      attempt.stage = 'waiting for the server to confirm it'
      const done = await by(node, signal)
      if (done !== undefined) return done
    } catch (error) {
      signal.throwIfAborted()
      if (hasCode(error, 'NO_NODE')) return 'gone'
      // BAD_VERSION: somebody else has written it since, or we have.
      if (!hasCode(error, 'BAD_VERSION')) throwUnlessPassing(error)
    }
  }
}
