/** Mistakes that packs of a queue make possible: what is promised for each item of one must hold as if it were alone. */
import { recipeTests as tests, type Canary } from './canary.js'

const queue = { recipe: 'queue' }
const was = 'packs of queues: a plausible mistake'

export const packCanaries: readonly Canary[] = [
  {
    name: 'pack-settled-whatever-its-version',
    was: `${was}; zombies: a consumer that lost its claim writes back what another acknowledged`,
    edits: [
      {
        file: 'recipes/queue/settlement.ts',
        find: 'transaction.set(path, data, { version })',
        replace: 'transaction.set(path, data)',
      },
    ],
    simulation: queue,
    unit: tests('queue-pack-edges'),
  },
  {
    name: 'guard-of-the-claim-before-stays',
    was: `${was}; the pack can never be removed again, or its old owner's guard holds`,
    edits: [
      {
        file: 'recipes/queue/grab.ts',
        find: '...children.map((child) => removal(joinPath(path, child))),',
        replace: '',
      },
    ],
    simulation: queue,
    unit: tests('queue-pack-settlement'),
  },
  {
    name: 'items-out-of-a-pack-in-any-order',
    was: `${was}; one of the same sequence comes ahead of another`,
    edits: [
      {
        file: 'recipes/queue/item-name.ts',
        find: ' || numberOf(a) - numberOf(b)',
        replace: ' || numberOf(b) - numberOf(a)',
      },
    ],
    simulation: queue,
    unit: tests('queue-pack-settlement', 'queue-packs'),
  },
  {
    name: 'acknowledged-item-stays-in-its-pack',
    was: `${was}; it comes again when its consumer dies`,
    edits: [
      {
        file: 'recipes/queue/settlement.ts',
        find: '...part(stored, inside) })',
        replace: '...part(stored, holding.inside) })',
      },
    ],
    simulation: queue,
    unit: tests('queue-pack-settlement'),
  },
  {
    name: 'others-of-a-pack-forgotten',
    was: `${was}; who takes a pack apart goes on with what was put after it`,
    edits: [{ file: 'recipes/queue/consumer.ts', find: 'this.#run.unshift(...claim.apart)', replace: '' }],
    simulation: queue,
    unit: tests('queue-packs'),
  },
  {
    name: 'more-taken-at-most-once-than-asked-for',
    was: `${was}; who dies takes along what nobody was at work on`,
    edits: [
      {
        file: 'recipes/queue/consumer.ts',
        find: "this.#spec.delivery === 'at-least-once' ? this.#appetite.next : 0",
        replace: 'this.#appetite.next',
      },
    ],
    unit: tests('queue-pack-edges'),
  },
  {
    name: 'claimed-item-taken-back',
    was: `${was}; a put that is given up takes an item out of a consumer's hands`,
    edits: [
      {
        file: 'recipes/queue/native-layout.ts',
        find: 'notes.n !== undefined || !numbers.includes(number)',
        replace: '!numbers.includes(number)',
      },
    ],
    simulation: queue,
    unit: tests('queue-pack-edges'),
  },
]
