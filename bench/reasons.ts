/** Why a peer is ahead, by scenario, or by scenario and peer: what was found when it was looked into. */
const TWO_COMMITS =
  'one at a time all wait for the same commits to disk, and the disk was shared: who comes out first is chance'

export const reasons: Readonly<Record<string, string>> = {
  'get-1': 'one at a time all wait for the same server; its answer takes most of the time',
  'create-delete-1': TWO_COMMITS,
  'context-free redlock on 5 × Redis':
    'it keeps nothing on disk: two round trips through memory, where a lock on ZooKeeper is two commits that a quorum syncs to disk',
  'set-1': TWO_COMMITS,
  'get-64':
    'many at a time are bound by the servers, on two cores that they share with the client: who comes out first is chance',
  'contention-2':
    'the same commits and events, one after the other; CPU is of processes that have done little yet: in rounds five times as long ours took 0.91 of it',
  'contention-16':
    'the same commit, event and list from one holder to the next, with 16 processes and three servers on two cores; with the list left out, which no lock may do, ours made 1.19 times Curator’s rate',
  'context-8 redlock on 5 × Redis':
    'in memory, and without a queue: who finds the lock taken asks again later, so half of them are served at once and the last of a hundred after 219 ms',
  'watch-1 curator':
    'its CPU is that of the writes and events alone, ours has the setting up in it; the times are chance',
  'watch-1 kazoo':
    'its CPU is that of the writes and events alone, ours has the setting up in it; the times are chance',
  'watch-1000': 'within what the rounds scatter',
  'watch-1000 node-zookeeper-client':
    'a round is a tenth of a second in a young process, and ours has more code to warm up: with ten times as many znodes it is 8,393 a second against 4,738',
  'counter-free':
    'our transaction has a second operation, the marker that tells after a lost reply whether it was applied',
  'counter-4':
    'as counter-free; and Curator leaves the winner alone by pauses of 10 ms, ours are in units of what a write takes',
  'queue-1x1-serial':
    'p50 is of the put alone: ours is a transaction that also tells after a lost reply whether it was made, theirs a bare create; the rate is of whole items',
  delete: 'within what the rounds scatter',
  'fail-over':
    'all wait until the servers declare the dead session over; where in a heartbeat it died is chance',
  'watch-1': 'one at a time all wait for one commit and one event; who comes out first is chance',
}
