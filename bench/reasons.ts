/** Why a peer is ahead, by scenario, or by scenario and peer: what was found when it was looked into. */
export const reasons: Readonly<Record<string, string>> = {
  'get-1': 'one at a time all wait for the same server; its answer takes most of the time',
  'create-delete-1': 'one at a time all wait for the same two commits; who comes out first is chance',
  'context-free redlock on 5 × Redis':
    'it keeps nothing on disk: two round trips through memory, where a lock on ZooKeeper is two commits that a quorum syncs to disk',
  'fail-over':
    'all wait until the servers declare the dead session over; where in a heartbeat it died is chance',
  'watch-1': 'one at a time all wait for one commit and one event; who comes out first is chance',
}
