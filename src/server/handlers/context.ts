/** What request handlers see of the server and of who asks. */
import type { Access, Identity } from '../access.js'
import type { ServerLimits } from '../options.js'
import type { ServerSession } from '../sessions.js'
import type { State } from '../state.js'
import type { Watcher } from '../watches.js'
import { refuse } from '../refusal.js'

/** The connection that a request came on. */
export interface Caller extends Watcher {
  readonly session: ServerSession<Caller>
  readonly identities: readonly Identity[]
}

export interface Context {
  readonly state: State<Caller>
  readonly access: Access
  readonly limits: ServerLimits
  readonly extendedTypes: boolean
  readonly reconfigEnabled: boolean
  readonly sequenceOverflow: 'wrap' | 'stick'
  /** True from 3.9 on: removeWatches tells one-shot from persistent watches. */
  readonly exactWatchRemoval: boolean
  /**
   * True but for 3.5: exists needs READ; delete looks at the permission before the znode; flags that are none spoil a
   * whole multi.
   */
  readonly strictChecks: boolean
}

/** Does what is asked and gives the reply's body; throws a refusal for an error code. */
export type Handler<Q, A> = (context: Context, caller: Caller, request: Q) => A

/** Refuses a request that would set one more watch than the server may hold. */
export function checkWatchLimit(context: Context, more = 1): void {
  if (context.state.watches.size + more > context.limits.watches) refuse('THROTTLED')
}
