/** Old mistakes of elections, queues, barriers, counters and rate limits. */
import { recipeTests as tests, type Canary } from './canary.js'

const queue = { recipe: 'queue' }
const barrier = { recipe: 'double-barrier' }
const round = 'recipes/double-barrier/native-round.ts'

export const coordinationCanaries: readonly Canary[] = [
  {
    name: 'latch-never-comes-back-after-a-loss',
    was: 'Curator 644, 645, 724: no leader after a lost session',
    edits: [
      {
        file: 'recipes/leadership/leader-latch.ts',
        find: 'await leadership.ended\n        if (this.#isClosing()) return',
        replace: 'await new Promise(() => undefined)',
      },
    ],
    simulation: { recipe: 'leader-latch' },
    unit: tests('leader-latch', 'leader-latch-faults'),
  },
  {
    name: 'requeue-lost-with-the-term',
    was: 'Curator 73, 518, 15, 16: expiry ends the loop silently',
    edits: [
      {
        file: 'recipes/leadership/leader-election.ts',
        find: 'if (!requeue || term.loss === undefined) throw error',
        replace: 'if (!requeue || term !== undefined) throw error',
      },
    ],
    unit: tests('leader-election', 'leader-election-faults'),
  },
  {
    name: 'zombie-writes-the-record-of-runs',
    was: 'Kafka 6082: zombie controller, no check of the epoch with the write',
    edits: [
      {
        file: 'recipes/leader-cron/job-ledger.ts',
        find: '.set(this.path, data, { version: known.version })',
        replace: '.set(this.path, data)',
      },
      {
        file: 'recipes/leader-cron/job-ledger.ts',
        find: 'guard === undefined ? transaction : guard.guard(transaction)',
        replace: 'transaction',
      },
    ],
    simulation: { recipe: 'leader-cron' },
    unit: tests('leader-cron', 'leader-cron-faults'),
  },
  {
    name: 'newest-item-first',
    was: 'order of a queue; kazoo #606: sequences compared as strings',
    edits: [
      {
        file: 'recipes/queue/item-name.ts',
        find: 'return itemSequence(a) - itemSequence(b)',
        replace: 'return itemSequence(b) - itemSequence(a)',
      },
    ],
    simulation: queue,
    unit: tests('queue'),
  },
  {
    name: 'put-into-a-closed-segment',
    was: 'found here: a producer that lags puts ahead of what was put before',
    edits: [
      {
        file: 'recipes/queue/shelf.ts',
        find: 'transaction.check(tail.path, { version: 0 })',
        replace: 'transaction.check(tail.path)',
      },
    ],
    simulation: queue,
    unit: tests('queue', 'queue-kinds', 'queue-faults'),
  },
  {
    name: 'acknowledged-item-stays',
    was: 'Curator: queue without lock path, delete reply lost → item never consumed',
    edits: [
      {
        file: 'recipes/queue/settlement.ts',
        find: 'if (removes) steps.push({ add: (transaction) => transaction.delete(path, { version }) })',
        replace: 'if (removes) steps.push({ add: (transaction) => transaction.check(path, { version }) })',
      },
    ],
    simulation: queue,
    unit: tests('queue'),
  },
  {
    name: 'own-claim-taken-for-anothers',
    was: 'Curator: queue with lock path, lock-create reply lost → item stuck while the session lives',
    edits: [
      {
        file: 'recipes/queue/grab.ts',
        find: 'wasApplied: async (limits) => (await claimToken(zk, claimPath, limits)) === token,',
        replace: 'wasApplied: async (limits) => (await claimToken(zk, claimPath, limits)) === undefined,',
      },
    ],
    simulation: queue,
    unit: tests('queue-faults'),
  },
  {
    name: 'barrier-passed-by-too-few',
    was: 'Curator: crash after `ready`, next round one of three passes; #1290: passed on a stray wake-up',
    edits: [
      {
        file: round,
        find: 'if (waiting.length < this.#members) return await this.#ownRound()',
        replace: 'if (waiting.length < this.#members - 1) return await this.#ownRound()',
      },
    ],
    simulation: barrier,
    unit: tests('double-barrier/double-barrier'),
  },
  {
    name: 'member-that-gave-up-still-counts',
    was: 'Curator 318, 80: enter times out, its member stays → a later lone member passes',
    edits: [
      {
        file: round,
        find: 'void place.leave()\n      throw error',
        replace: 'throw error',
      },
    ],
    simulation: barrier,
    unit: tests('double-barrier/double-barrier'),
  },
  {
    name: 'barrier-left-before-all-are-done',
    was: 'Curator 233, 536: leave with a limit',
    edits: [
      { file: round, find: 'if (others.length === 0) return', replace: 'if (others.length <= 1) return' },
    ],
    simulation: barrier,
    unit: tests('double-barrier/double-barrier'),
  },
  {
    name: 'counted-down-twice-after-a-lost-reply',
    was: 'Curator: what is not idempotent is sent again',
    edits: [
      {
        file: 'recipes/count-down-latch.ts',
        find: 'transaction.create(record, null, { ...acl })',
        replace: 'transaction.create(`${record}-${this.#zk.runtime.random.uuid()}`, null, { ...acl })',
      },
    ],
    simulation: { recipe: 'count-down-latch' },
    unit: tests('count-down-latch'),
  },
  {
    name: 'increment-repeated-after-a-lost-reply',
    was: 'Curator: atomic long, setData reply lost → incremented twice, reported as one success',
    edits: [
      {
        file: 'recipes/values/cell.ts',
        find: 'const end = await this.#access.resolve(sent, session, course.signal)',
        replace:
          "const end = { how: sent === undefined || session === undefined ? 'open' : 'dead' } as const",
      },
    ],
    simulation: { recipe: 'counter' },
    unit: tests('values/counter-faults'),
  },
  {
    name: 'more-permits-than-the-rate-allows',
    was: 'kazoo #213, for rates: more holders than the maximum',
    edits: [
      {
        file: 'recipes/values/rate-window.ts',
        find: 'Math.min(ask, room)',
        replace: 'Math.min(ask, permits)',
      },
    ],
    simulation: { recipe: 'rate-limiter' },
    unit: tests('values/rate-limiter'),
  },
]
