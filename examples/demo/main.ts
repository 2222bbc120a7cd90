/**
 * `npm run demo`: four processes do the three things that people want of a coordinator, and in each of them one is
 * killed: they share a lock, they work through a queue of jobs, and one of them runs what is due every second. Exits with
 * 1 if anything was lost. Uses the servers of `ZOOKEEPER_CONNECT`, or its own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Client } from 'latchkey'
import { startServer } from 'latchkey/server'
import { Listr, type ListrTask } from 'listr2'
import type { Act, Stage, Verdict } from './act.js'
import { cronAct } from './cron/act.js'
import { Fleet } from './fleet.js'
import { jobsAct } from './jobs/act.js'
import { lockAct } from './lock/act.js'

const WORKERS = 4
const SESSION_TIMEOUT_MS = 3_000
const LIMIT_MS = 60_000

/** Aborts on Ctrl-C and its like, so that what was started is ended and what was made is removed. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => controller.abort(new Error(`interrupted by ${name}`)))
  return controller.signal
}

/** The steps, shown as they go: a live list on a terminal, plain lines elsewhere. */
async function show(steps: readonly ListrTask[], signal: AbortSignal): Promise<void> {
  const options = { fallbackRenderer: 'simple', registerSignalListeners: false } as const
  try {
    await new Listr([...steps], options).run()
  } catch (error) {
    // What waited says only that it was aborted; the reason says why.
    signal.throwIfAborted()
    throw error
  }
}

function print({ rows, problems, claim }: Verdict): void {
  console.log(`\n${rows.map(([name, value]) => `  ${name.padEnd(15)} ${value}`).join('\n')}\n`)
  for (const problem of problems.slice(0, 20)) console.log(`  wrong: ${problem}`)
  console.log(problems.length === 0 ? `  ${claim}\n` : `  ${problems.length} problems.\n`)
}

async function play(act: Act, signal: AbortSignal): Promise<boolean> {
  await show(act.steps, signal)
  const verdict = await act.judge()
  print(verdict)
  return verdict.problems.length === 0
}

async function work(setting: Omit<Stage, 'fleet' | 'signal'>, connectString: string): Promise<boolean> {
  await using fleet = new Fleet(WORKERS)
  const trouble = new AbortController()
  fleet.once('failed', (error) => trouble.abort(error))
  const signal = AbortSignal.any([interruption(), trouble.signal, AbortSignal.timeout(LIMIT_MS)])
  const { root, folder } = setting
  const stage: Stage = { ...setting, fleet, signal }
  const start: ListrTask = {
    title: `Start ${WORKERS} worker processes`,
    task: async (_, step) => {
      await fleet.connect({ connectString, sessionTimeoutMs: SESSION_TIMEOUT_MS, root, folder }, signal)
      step.title = `${WORKERS} worker processes: ${fleet.workers.map((worker) => worker.process.pid).join(', ')}`
    },
  }
  await show([start], signal)
  let isRight = true
  for (const begin of [lockAct, jobsAct, cronAct]) isRight = (await play(begin(stage), signal)) && isRight
  await fleet.leave(signal)
  return isRight
}

/** Works in a folder of its own, which stays only if there is something to look at. */
async function workInFolder(zk: Client, connectString: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-'))
  const root = `/latchkey-demo-${process.pid}`
  let isWrong = false
  try {
    isWrong = !(await work({ zk, root, folder }, connectString))
    return !isWrong
  } finally {
    if (isWrong) console.log(`What the workers wrote down is kept in ${folder}`)
    else rmSync(folder, { recursive: true })
    await zk.deleteRecursive(root, { timeoutMs: 5_000 })
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
