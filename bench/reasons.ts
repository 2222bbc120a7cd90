/** Why a peer is ahead, by scenario, or by scenario and peer: what was found when it was looked into. */
const TWO_COMMITS =
  'one at a time all wait for the same commits to disk, and the disk was shared: who comes out first is chance'

export const reasons: Readonly<Record<string, string>> = {
  'get-1': 'one at a time all wait for the same server; its answer takes most of the time',
  'create-delete-1': TWO_COMMITS,
  'context-free redlock on 5 × Redis':
    'it keeps nothing on disk: two round trips through memory, where a lock on ZooKeeper is two commits that a quorum syncs to disk',
  'create-delete-1 curator':
    'not explained: it was ahead of the probe too, 4.5 times, in rounds of 60 pairs; to be measured again on a quiet machine',
  'set-1': TWO_COMMITS,
  'create-delete-64':
    'rounds of 450 pairs on a busy machine; the probe was behind node-zookeeper-client too. To be measured again',
  'watch-1 curator':
    'its CPU is that of the writes and events alone, ours has the setting up in it; the times are chance',
  'watch-1 kazoo':
    'its CPU is that of the writes and events alone, ours has the setting up in it; the times are chance',
  'watch-1000': 'within what the rounds scatter',
  'fail-over':
    'all wait until the servers declare the dead session over; where in a heartbeat it died is chance',
  'watch-1': 'one at a time all wait for one commit and one event; who comes out first is chance',
}
