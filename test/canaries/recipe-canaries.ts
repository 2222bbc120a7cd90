/** Old mistakes of read-write locks and semaphores. */
import { recipeTests as tests, type Canary } from './canary.js'

const admission = 'recipes/read-write-lock/admission.ts'
const readWrite = { recipe: 'read-write-lock' }
const semaphore = { recipe: 'semaphore' }

export const recipeCanaries: readonly Canary[] = [
  {
    name: 'readers-watch-the-first-writer',
    was: 'Curator 24: 30 readers behind a second writer, 64 requests and no progress',
    edits: [
      {
        file: admission,
        find: 'if (nearest !== undefined) return { contender: nearest, sole: false }\n      nearest = contender',
        replace: 'nearest = contender',
      },
    ],
    simulation: readWrite,
    unit: tests('read-write-lock'),
  },
  {
    name: 'reader-behind-two-writers-let-in-after-one',
    was: 'kazoo #649: wrong predecessor in the read-write lock',
    edits: [
      {
        file: admission,
        find: 'return { contender: nearest, sole: false }',
        replace: 'return { contender: nearest, sole: true }',
      },
    ],
    simulation: readWrite,
    unit: tests('read-write-lock'),
  },
  {
    name: 'writer-lets-itself-in-over-other-readers',
    was: 'kazoo #649; Curator 211, 307',
    edits: [
      {
        file: admission,
        find: 'return { contender, sole: index === 1 &&',
        replace: 'return { contender, sole: index >= 0 &&',
      },
    ],
    simulation: readWrite,
    unit: tests('read-write-lock'),
  },
  {
    name: 'queued-writer-passes-a-downgraded-reader',
    was: 'Curator 276, 621',
    edits: [
      {
        file: 'recipes/kernel/replace-place.ts',
        find: 'const name = namePrefix(dialect, uuid) + formatSequence(sequence)',
        replace: 'const name = namePrefix(dialect, uuid) + formatSequence(sequence + 1_000)',
      },
    ],
    simulation: readWrite,
    unit: tests('read-write-lock-downgrade'),
  },
  {
    name: 'readers-do-not-wait-for-queued-writers',
    was: 'writer starvation',
    edits: [
      {
        file: admission,
        find: 'return nearest && { contender: nearest, sole: true }',
        replace:
          'return nearest && contenders[0] === nearest ? { contender: nearest, sole: true } : undefined',
      },
    ],
    simulation: readWrite,
    unit: tests('read-write-lock'),
  },
  {
    name: 'more-holders-than-permits',
    was: 'kazoo #213',
    edits: [
      {
        file: 'recipes/semaphore/permit-turn.ts',
        find: "if (taken + permitsIn(this.#place.name) <= limit.permits) return 'granted'",
        replace: "if (taken <= limit.permits) return 'granted'",
      },
    ],
    simulation: semaphore,
    unit: tests('semaphore'),
  },
  {
    name: 'change-of-the-limit-unseen',
    was: 'Curator 75: count change unseen',
    edits: [
      {
        file: 'recipes/semaphore/permit-limit.ts',
        find: 'const after = watch === undefined ? reading(undefined) : watch.read(reading)',
        replace: 'const after = reading(undefined)',
      },
    ],
    simulation: semaphore,
    unit: tests('semaphore-limit'),
  },
  {
    name: 'limit-and-list-of-different-moments',
    was: 'Curator 75; found here',
    edits: [
      {
        file: 'recipes/semaphore/permit-limit.ts',
        find: 'if (first.mzxid === last.mzxid) return { value, limit: last }',
        replace: 'return { value, limit: last === first ? last : first }',
      },
    ],
    simulation: semaphore,
    unit: tests('semaphore-races'),
  },
  {
    name: 'lease-taken-twice-after-a-lost-reply',
    was: 'Curator 315, 335; atomic counters of Curator: applied twice',
    edits: [
      {
        file: 'recipes/semaphore/take-leases.ts',
        find: 'return found.flatMap((created) => (created === undefined ? [] : [created.path]))',
        replace: 'return found.slice(found.length)',
      },
    ],
    simulation: semaphore,
    unit: tests('semaphore-faults'),
  },
  {
    name: 'locks-taken-in-the-order-given',
    was: 'Curator: hold and wait, two clients hold one of two each and both time out',
    edits: [
      {
        file: 'recipes/multi-lock.ts',
        find: 'return a.path < b.path ? -1 : a.path > b.path ? 1 : 0',
        replace: 'return a === b ? 1 : 0',
      },
    ],
    simulation: { recipe: 'multi-lock' },
    unit: tests('multi-lock'),
  },
  {
    name: 'locks-kept-when-the-next-is-not-got',
    was: 'zk-ruby #49: gave up, and blocks everyone',
    edits: [
      {
        file: 'recipes/multi-lock.ts',
        find: 'abandon().catch((refused: unknown) => {',
        replace: 'Promise.resolve(abandon.length).catch((refused: unknown) => {',
      },
    ],
    simulation: { recipe: 'multi-lock' },
    unit: tests('multi-lock-abort'),
  },
]
