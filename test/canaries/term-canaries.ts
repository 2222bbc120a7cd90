/** Mistakes of a biased mutex, and of what leaders proclaim: nobody else's, as nobody else has these. */
import { recipeTests as tests, type Canary } from './canary.js'

const biased = { recipe: 'mutex-biased' }
const election = { recipe: 'leader-election' }

export const termCanaries: readonly Canary[] = [
  {
    name: 'biased-term-deaf-to-others',
    was: 'of our own: biased mutex, other processes starve while one goes on with its znode',
    edits: [
      {
        file: 'recipes/mutex/bias-term.ts',
        find: 'new OneShotWatch(this.#zk, container, session, () => this.#end())',
        replace: 'new OneShotWatch(this.#zk, container, session, () => undefined)',
      },
    ],
    simulation: biased,
    unit: tests('mutex-biased'),
  },
  {
    name: 'biased-term-without-bound',
    was: 'of our own: biased mutex, more holds of one znode than was asked for',
    edits: [
      {
        file: 'recipes/mutex/bias-term.ts',
        find: 'this.#holds < this.#limits.maxHolds &&',
        replace: '',
      },
    ],
    simulation: biased,
    unit: tests('mutex-biased'),
  },
  {
    name: 'proclaimed-in-any-order',
    was: 'of our own: an older value after a newer one, when a write is repeated',
    edits: [
      {
        file: 'recipes/leadership/term.ts',
        find: 'this.#lastWrite.then(async () => this.#write(value, attempt))',
        replace: 'this.#write(value, attempt)',
      },
    ],
    simulation: election,
    unit: tests('leader-election', 'leader-election-faults'),
  },
  {
    name: 'lost-proclamation-taken-for-made',
    was: 'of our own: the reply is lost with the request, and the caller is told that all can see it',
    edits: [
      {
        file: 'recipes/leadership/term.ts',
        find: 'else if (!isOver(session, error)) throwUnlessPassing(error)',
        replace: 'else if (!isOver(session, error)) return throwUnlessPassing(error)',
      },
    ],
    simulation: election,
    unit: tests('leader-election-faults'),
  },
  {
    name: 'watched-after-it-was-read',
    was: 'a watch that is set after the read: what changes between them is never seen',
    edits: [
      {
        file: 'recipes/leadership/observation.ts',
        find: 'node = await event.by(zk.get(path, { watch: event.listener }))',
        replace:
          'node = await zk.get(path)\n    if ((await event.by(zk.exists(path, { watch: event.listener }))) === undefined) return undefined',
      },
    ],
    simulation: election,
    unit: tests('leader-election'),
  },
]
