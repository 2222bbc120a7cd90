/** What a holder finds in its znode when it is asked to give up: Curator's `LockInternals.REVOKE_MESSAGE`. */
export const REVOKE_MARK = '__REVOKE__'

export function isRevokeMark(data: Buffer): boolean {
  return data.length === REVOKE_MARK.length && data.toString('latin1') === REVOKE_MARK
}
