/** What the command line says. */
import { parseArgs } from 'node:util'
import type { BenchName } from './scenarios.js'
import { scenarios } from './scenarios.js'
import { weighings } from './weighings.js'
import { subjects } from './subjects/index.js'

export const usage = `npm run bench -- BENCH [options]

  client    one client's operations: throughput, latency, CPU and requests an operation
  watch     a write by one session until its event at another
  mutex     acquire and release: free, and contended in one process
  contention acquire and release by 2, 16 and 64 processes, and a delete until its event to compare with
  semaphore acquire and release of one of 4 permits: free, and contended in one process
  leader    leader close → next leader, and a delete to compare with
  fail-over leader killed → next leader
  queue     put, take and acknowledge, durable and at least once, between processes
  counter   increments: free, and by 4 processes at once
  barrier   double barrier: enter and leave
  server    the same client on the embedded server, one real server and three
  context   a lock beside those of etcd and Redis, which promise something else
  memory    what idle sessions and watches weigh
  requests  requests of each recipe's operations while nobody is in the way (embedded server)
  waiters   wake-ups, requests and bytes of a hand-over as the waiters grow (embedded server); --scale 5 adds
            5,000 waiters of the mutex, which takes minutes

npm run bench -- page
  makes docs/benchmarks.md and its plots from bench/history; with --check it only says whether they are up to date

npm run bench -- compare [COMMIT|FILE]
  what changed between the newest kept run of each bench and that of the commit, or that in a file of raw
  results; without either, the run before it

  --rounds N         measured rounds, interleaved over the subjects (default 5)
  --warm-up N        rounds before those, thrown away (default: 8; fewer where rounds are long: client 2, watch 3, contention 4,
                     server 3, fail-over and memory none)
  --scale X          multiplies the operations of every scenario (default 1)
  --subjects A,B     default: all of ${subjects.map(({ name }) => name).join(', ')}
  --scenarios A,B    default: all
  --connect STRING   measure against these servers
  --embedded         measure against the embedded server
  --engine NAME      who runs the three servers otherwise: java (default), docker, given, auto
  --json FILE        write the raw results there, as JSON lines
  --history          append them to bench/history`

export interface BenchOptions {
  readonly bench: BenchName | 'requests' | 'waiters'
  readonly rounds: number
  readonly warmUp: number
  readonly scale: number
  readonly subjects: readonly string[] | undefined
  readonly scenarios: readonly string[] | undefined
  readonly connect: string | undefined
  readonly embedded: boolean
  readonly engine: 'java' | 'docker' | 'given' | 'auto'
  readonly json: string | undefined
  readonly history: boolean
}

export type Command =
  | { readonly kind: 'bench'; readonly options: BenchOptions }
  | { readonly kind: 'page'; readonly check: boolean }
  | { readonly kind: 'compare'; readonly base: string | undefined }

/** Rounds before those that count; elsewhere 8, as rounds are short. */
const WARM_UP: Partial<Record<BenchOptions['bench'], number>> = {
  client: 2,
  watch: 3,
  contention: 4,
  server: 3,
  'fail-over': 0,
  memory: 0,
}

/** Throws with what is wrong. */
export function readCommand(args: readonly string[]): Command {
  const [kind, ...rest] = args
  if (kind === 'page') {
    const { values } = parseArgs({ args: rest, options: { check: { type: 'boolean', default: false } } })
    return { kind, check: values.check }
  }
  if (kind === 'compare') {
    const { positionals } = parseArgs({ args: rest, allowPositionals: true, options: {} })
    if (positionals.length > 1) throw new TypeError('compare takes one commit or file')
    return { kind, base: positionals[0] }
  }
  return { kind: 'bench', options: readOptions(args) }
}

const benches = [...(Object.keys(scenarios) as BenchName[]), 'requests', 'waiters'] as const

function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      'warm-up': { type: 'string' },
      scale: { type: 'string', default: '1' },
      subjects: { type: 'string' },
      scenarios: { type: 'string' },
      connect: { type: 'string' },
      embedded: { type: 'boolean', default: false },
      engine: { type: 'string', default: 'java' },
      json: { type: 'string' },
      history: { type: 'boolean', default: false },
    },
  })
  const bench = oneOf('bench', positionals[0], benches)
  const known =
    bench === 'waiters' || bench === 'requests' ? [] : bench === 'memory' ? weighings : scenarios[bench]
  return {
    bench,
    rounds: atLeast('rounds', values.rounds, 1),
    warmUp: atLeast('warm-up', values['warm-up'] ?? String(WARM_UP[bench] ?? 8), 0),
    scale: Math.max(Number.MIN_VALUE, atLeast('scale', values.scale, 0)),
    subjects: list(
      'subjects',
      values.subjects,
      subjects.map(({ name }) => name),
    ),
    scenarios: list(
      'scenarios',
      values.scenarios,
      known.map(({ name }) => name),
    ),
    connect: values.connect,
    embedded: values.embedded,
    engine: oneOf('engine', values.engine, ['java', 'docker', 'given', 'auto'] as const),
    json: values.json,
    history: values.history,
  }
}

function oneOf<const T extends string>(what: string, value: string | undefined, known: readonly T[]): T {
  const found = known.find((name) => name === value)
  if (found === undefined)
    throw new TypeError(`${what} must be one of ${known.join(', ')}; got ${value ?? 'none'}`)
  return found
}

function atLeast(what: string, value: string, least: number): number {
  const number = Number(value)
  if (!Number.isFinite(number) || number < least)
    throw new RangeError(`--${what} must be at least ${least}, got ${value}`)
  return number
}

function list(what: string, value: string | undefined, known: readonly string[]): string[] | undefined {
  if (value === undefined) return undefined
  return value.split(',').map((name) => oneOf(what, name, known))
}
