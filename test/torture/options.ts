/** What `npm run torture` is told. */
import { parseArgs } from 'node:util'
import { recipeNamed, recipes } from './recipes/index.js'

export interface TortureOptions {
  readonly minutes: number
  readonly seed: number
  readonly recipes: readonly string[]
  readonly engine: 'java' | 'docker'
  readonly workers: number
  /** Of each worker. */
  readonly clients: number
  /** Of each client. */
  readonly tasks: number
  readonly sessionTimeoutMs: number
  /** Fewer of these are a failure too. */
  readonly atLeast: { readonly acquisitions: number; readonly processFaults: number }
  /** Where report, plot and, on a violation, the histories go. */
  readonly out: string
}

export const usage = `usage: npm run torture -- [options]
  --minutes M        how long the nemesis is at it (default 5)
  --recipes a,b      default: ${recipes.map(({ name }) => name).join(',')}
  --seed S           decides which faults come when (default: by the clock; it is printed)
  --engine E         java (default) or docker; links between servers are cut with java only
  --workers N        worker processes (default 3), each with --clients C sessions (default 3) and --tasks T
                     tasks a session (default 4)
  --session MS       session timeout (default 3000)
  --at-least A,F     fail with fewer than A acquisitions or F process faults (default 1,1); goes on for both, up
                     to twice the time
  --out FOLDER       report.md, plot.svg, and the histories if something is wrong (default temp/torture)
or:    npm run torture -- peers [--rounds N] [--seed S] [--out FOLDER]`

function number(text: string | undefined, fallback: number, name: string): number {
  const value = text === undefined ? fallback : Number(text)
  if (!(value > 0)) throw new RangeError(`--${name} must be a number above 0, got ${text}`)
  return value
}

export function readOptions(args: readonly string[]): TortureOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: text,
      recipes: text,
      seed: text,
      engine: text,
      workers: text,
      clients: text,
      tasks: text,
      session: text,
      'at-least': text,
      out: text,
    },
  })
  const engine = values.engine ?? 'java'
  if (engine !== 'java' && engine !== 'docker')
    throw new TypeError(`--engine must be java or docker, got ${engine}`)
  const [acquisitions = 1, processFaults = 1] = (values['at-least'] ?? '1,1').split(',').map(Number)
  const names = values.recipes?.split(',') ?? recipes.map(({ name }) => name)
  return {
    minutes: number(values.minutes, 5, 'minutes'),
    seed: Math.floor(number(values.seed, (Date.now() % 1e9) + 1, 'seed')),
    recipes: names.map((name) => recipeNamed(name).name),
    engine,
    workers: number(values.workers, 3, 'workers'),
    clients: number(values.clients, 3, 'clients'),
    tasks: number(values.tasks, 4, 'tasks'),
    sessionTimeoutMs: number(values.session, 3_000, 'session'),
    atLeast: { acquisitions, processFaults },
    out: values.out ?? 'temp/torture',
  }
}
