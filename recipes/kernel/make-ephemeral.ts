/**
 * Makes an ephemeral znode whose whole name is our own (it holds a UUID): a lost reply is resolved by making it again, as
 * `NODE_EXISTS` on the same session says that the first was applied, in whatever order the two arrive.
 */
import type { Acl } from '../../src/api/acl.js'
import { hasCode } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Data, Session, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { beforeRetry, isPassing, isUnknown } from './failure.js'
import { Janitor } from './janitor.js'
import type { LostCreate } from './lost-create.js'

export interface EphemeralSpec {
  readonly parent: string
  /** Nobody else's, ever. */
  readonly name: string
  readonly data?: Data | undefined
  readonly session: Session
  readonly acl?: readonly Acl[] | undefined
}

/**
 * The request is on its way when this returns. Rejects with `NO_NODE` if there is no parent, with the reason of `signal`,
 * when the session is over, or with what the server refuses; then nothing is left, or the janitor is about to delete it.
 */
export async function makeEphemeral(zk: Zk, spec: EphemeralSpec, signal: AbortSignal): Promise<void> {
  const { parent, name, session, acl, data = null } = spec
  const lost = { container: parent, prefix: name, session }
  const options = { mode: 'ephemeral', generation: session.generation, ...(acl && { acl }) } as const
  let inDoubt = false
  for (let repetition = 0; ; repetition++) {
    if (repetition > 0) await beforeRetry(zk, repetition, signal).catch(passOn(zk, lost, inDoubt))
    const creating = zk.create(joinPath(parent, name), data, options)
    try {
      await abortable(creating, signal)
      return
    } catch (error) {
      if (signal.aborted) {
        Janitor.of(zk).abandon(creating, lost)
        passOn(zk, lost, inDoubt)(error)
      }
      if (hasCode(error, 'NODE_EXISTS')) return
      inDoubt ||= isUnknown(error)
      if (!isUnknown(error) && !(inDoubt && isPassing(error))) passOn(zk, lost, inDoubt)(error)
    }
  }
}

/** Passes an error on; what a create in doubt may have made is looked for and deleted. */
function passOn(zk: Zk, lost: LostCreate, inDoubt: boolean): (error: unknown) => never {
  return (error) => {
    if (inDoubt && !lost.session.signal.aborted) Janitor.of(zk).search(lost)
    throw error
  }
}
