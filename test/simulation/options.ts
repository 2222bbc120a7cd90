/** What `npm run simulate` takes. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { RUN_ACQUISITIONS } from './campaign.js'
import { workloadNamed, workloads } from './workloads/index.js'

export const usage = `npm run simulate -- [options]

One run:
  --recipe R         ${workloads.map(({ name }) => name).join(', ')}, or all (the default)
  --seed S           the same seed takes the same course
  --acquisitions N   after which it is healed and audited (default ${RUN_ACQUISITIONS})
  --hours H          or after so much simulated time
  --fault-every MS   mean time between faults, simulated (default 500)
  --faults LIST      only these faults of the plan, by index; none: without any
  --history FILE     write what happened, as JSON lines

Many runs (without --seed):
  --first-seed S     the next ones follow (default: from the time of day)
  --acquisitions N   of all runs together (default 200,000)
  --minutes M        begin no run after so long (default 60)
  --jobs N           processes (default: as many as cores)`

export interface SimulateOptions {
  readonly recipes: readonly string[]
  readonly seed: number | undefined
  readonly firstSeed: number
  readonly acquisitions: number | undefined
  readonly hours: number | undefined
  readonly minutes: number
  readonly faultEveryMs: number | undefined
  readonly faults: readonly number[] | undefined
  readonly history: string | undefined
  readonly jobs: number
}

/** Throws with what is wrong. */
export function readOptions(args: readonly string[]): SimulateOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      recipe: { type: 'string', default: 'all' },
      seed: { type: 'string' },
      'first-seed': { type: 'string' },
      acquisitions: { type: 'string' },
      hours: { type: 'string' },
      minutes: { type: 'string', default: '60' },
      'fault-every': { type: 'string' },
      faults: { type: 'string' },
      history: { type: 'string' },
      jobs: { type: 'string' },
    },
  })
  const recipes =
    values.recipe === 'all'
      ? workloads.map(({ name }) => name)
      : values.recipe.split(',').map((name) => workloadNamed(name).name)
  return {
    recipes,
    seed: number('seed', values.seed, 0),
    firstSeed: number('first-seed', values['first-seed'], 0) ?? Math.floor(Date.now() / 1000) % 1_000_000_000,
    acquisitions: number('acquisitions', values.acquisitions, 1),
    hours: number('hours', values.hours, 0),
    minutes: number('minutes', values.minutes, 0) ?? 60,
    faultEveryMs: number('fault-every', values['fault-every'], 1),
    faults: indices(values.faults),
    history: values.history,
    jobs: number('jobs', values.jobs, 1) ?? availableParallelism(),
  }
}

function number(what: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined
  const read = Number(value.replaceAll(/[_,]/g, ''))
  if (!Number.isFinite(read) || read < least)
    throw new RangeError(`--${what} must be a number from ${least}, got ${value}`)
  return read
}

function indices(value: string | undefined): number[] | undefined {
  if (value === undefined) return undefined
  return value === 'none' ? [] : value.split(',').map((each) => number('faults', each, 0) ?? 0)
}
