/** A change of the ensemble's membership, as the caller says it and as the record takes it. */
import type { reconfigRequest } from '../protocol/records.js'
import type { TypeOf } from '../codec/codec.js'

export interface Reconfiguration {
  /** Servers to add or change: `server.4=host:2888:3888;2181`, comma-separated. */
  readonly joining?: string
  /** Server ids to remove, comma-separated. */
  readonly leaving?: string
  /** The whole new membership, instead of the other two. */
  readonly newMembers?: string
  /** Only if the configuration has this version (hexadecimal in `getConfig`'s data); left out: any. */
  readonly fromConfig?: bigint
}

/** Throws `TypeError` unless it says either the whole membership or a change of it. */
export function toReconfig(change: Reconfiguration): TypeOf<typeof reconfigRequest> {
  const { joining, leaving, newMembers, fromConfig } = change
  const isWhole = newMembers !== undefined
  const isChange = joining !== undefined || leaving !== undefined
  if (isWhole === isChange) throw new TypeError('reconfig: give either newMembers, or joining and leaving')
  return {
    joiningServers: joining ?? null,
    leavingServers: leaving ?? null,
    newMembers: newMembers ?? null,
    configId: fromConfig ?? -1n,
  }
}
