/**
 * `npm run demo`: four processes share a lock. One is killed while it holds it; the lock moves on when its session has
 * expired, and no increment is lost. Exits with 1 if one was. Uses the servers of `ZOOKEEPER_CONNECT`, or its own.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, Mutex, type Client } from 'latchkey'
import { startServer } from 'latchkey/server'
import { Listr } from 'listr2'
import { audit } from './audit.js'
import { readCounter, readJournal, writeCounter } from './counter.js'
import { Fleet, type Grant } from './fleet.js'
import { killHolder, type Kill } from './kill-holder.js'
import { showUntil } from './progress.js'
import { printReport } from './report.js'

const WORKERS = 4
const SESSION_TIMEOUT_MS = 3_000
const PHASE_MS = 3_000
const LIMIT_MS = 25_000

interface Course {
  readonly zk: Client
  readonly connectString: string
  /** On the server, where the demo works. */
  readonly root: string
  /** On this machine, for the counter and the journal. */
  readonly folder: string
}

interface Outcome {
  kill: Kill
  next: Grant
}

/** The steps, shown as they go: a live list on a terminal, plain lines elsewhere. */
function stepsOf(
  { zk, connectString, root, folder }: Course,
  fleet: Fleet,
  signal: AbortSignal,
): Listr<Outcome> {
  const lockPath = `${root}/lock`
  const lock = new Mutex(zk, lockPath)
  const files = { counterFile: join(folder, 'counter'), journalFile: join(folder, 'journal') }
  const assignment = { connectString, lockPath, sessionTimeoutMs: SESSION_TIMEOUT_MS, ...files }
  const phase = async (): Promise<void> => pause(PHASE_MS, undefined, { signal })
  const options = { fallbackRenderer: 'simple', registerSignalListeners: false } as const
  const persist = { rendererOptions: { outputBar: 1, persistentOutput: true } }
  return new Listr<Outcome>(
    [
      {
        title: `Start ${WORKERS} worker processes`,
        task: async (_, step) => {
          await fleet.begin(assignment, signal)
          step.title = `${WORKERS} worker processes: ${fleet.workers.map((worker) => worker.process.pid).join(', ')}`
        },
      },
      {
        title: 'They increment one counter under one lock',
        task: async (_, step) => showUntil(step, fleet, phase()),
        ...persist,
      },
      {
        title: 'Kill the holder with SIGKILL',
        task: async (outcome, step) => {
          outcome.kill = await killHolder(fleet, lock, signal)
          const { worker, fence } = outcome.kill
          step.title = `Killed worker ${worker.number} (SIGKILL) while it held the lock, fencing token ${fence}`
        },
      },
      {
        title: 'Wait for its session to expire',
        task: async (outcome, step) => {
          const [next] = (await once(fleet, 'granted', { signal })) as [Grant]
          outcome.next = next
          const seconds = ((next.atUs - outcome.kill.atUs) / 1e6).toFixed(2)
          step.title = `The lock moved on to worker ${next.worker.number} after ${seconds} s, fencing token ${next.fence}`
        },
      },
      {
        title: 'The others go on',
        task: async (_, step) => showUntil(step, fleet, phase()),
        ...persist,
      },
      { title: 'Let them finish', task: async () => fleet.stop(signal) },
    ],
    options,
  )
}

/** Aborts on Ctrl-C and its like, so that what was started is ended and what was made is removed. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => controller.abort(new Error(`interrupted by ${name}`)))
  return controller.signal
}

async function work(course: Course, interrupted: AbortSignal): Promise<boolean> {
  const { folder, zk } = course
  writeCounter(join(folder, 'counter'), 0)
  await using fleet = new Fleet(WORKERS)
  const trouble = new AbortController()
  fleet.once('failed', (error) => trouble.abort(error))
  const signal = AbortSignal.any([interrupted, trouble.signal, AbortSignal.timeout(LIMIT_MS)])
  const { kill, next } = await stepsOf(course, fleet, signal)
    .run()
    .catch((error: unknown) => {
      // What waited says only that it was aborted; the reason says why.
      signal.throwIfAborted()
      throw error
    })
  const counter = readCounter(join(folder, 'counter'))
  const findings = audit(readJournal(join(folder, 'journal')), counter, kill.worker.number)
  const sessionTimeoutMs = zk.session?.timeoutMs ?? SESSION_TIMEOUT_MS
  printReport({ fleet, kill, next, counter, sessionTimeoutMs, audit: findings })
  return findings.problems.length === 0
}

/** Works in a folder of its own, which stays only if there is something to look at. */
async function workInFolder(zk: Client, connectString: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-'))
  const root = `/latchkey-demo-${process.pid}`
  let isWrong = false
  try {
    isWrong = !(await work({ zk, connectString, root, folder }, interruption()))
    return !isWrong
  } finally {
    if (isWrong) console.log(`The counter and the journal are kept in ${folder}`)
    else rmSync(folder, { recursive: true })
    await zk.deleteRecursive(root, { timeoutMs: 2_000 })
  }
}

async function demo(): Promise<boolean> {
  const given = process.env['ZOOKEEPER_CONNECT']
  await using server =
    given === undefined || given === '' ? await startServer({ tickTimeMs: 250 }) : undefined
  const connectString = server?.connectString ?? given ?? ''
  console.log(`latchkey demo on ${connectString}${server === undefined ? '' : ' (the embedded server)'}\n`)
  await using zk = await connect(connectString, { sessionTimeoutMs: SESSION_TIMEOUT_MS, timeoutMs: 10_000 })
  return await workInFolder(zk, connectString)
}

try {
  process.exitCode = (await demo()) ? 0 : 1
} catch (error) {
  console.error(`latchkey demo: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
