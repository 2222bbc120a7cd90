/** Why a peer is ahead, by scenario, or by scenario and peer: what was found when it was looked into. */
export const reasons: Readonly<Record<string, string>> = {
  'get-1': 'one at a time all wait for the same server; its answer takes most of the time',
  'create-delete-1': 'one at a time all wait for the same two commits; who comes out first is chance',
}
