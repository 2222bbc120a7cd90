/**
 * What a hold makes of a lost connection.
 *
 * - `deadline`: nothing, for as long as the session must still be alive by our own clock; most outages are shorter.
 * - `suspended`: it is lost at once. For work that must not go on for a second without the ensemble's word. The znode is
 *   given back as soon as there is a connection, as nobody believes to hold it any more; until then, or until the
 *   session ends, it keeps others out.
 */
import type { Zk } from '../../src/api/zk.js'

export type LossPolicy = 'deadline' | 'suspended'

/** Throws `TypeError` for anything else; `deadline` if left out. */
export function lossPolicyOf(policy: LossPolicy | undefined): LossPolicy {
  if (policy === undefined || policy === 'deadline' || (policy as string) === 'suspended') {
    return policy ?? 'deadline'
  }
  throw new TypeError(`lossPolicy must be 'deadline' or 'suspended', got ${JSON.stringify(policy)}`)
}

/** What was granted just now is lost just now: it is not handed out. */
export function isLostAtOnce(policy: LossPolicy | undefined, zk: Pick<Zk, 'state'>): boolean {
  return policy === 'suspended' && zk.state !== 'connected'
}
