/**
 * A worker under torture: several clients, each with a session and a few tasks that acquire and release, again and
 * again, and write down what they believe.
 *
 * usage: worker.ts OPTIONS (JSON), with an IPC channel; it ends when that does.
 */
import { connect, hasCode, type Client } from '../../src/index.js'
import { onAbort, sleep } from '../../src/runtime/abort.js'
import { systemClock } from '../../src/runtime/clock.js'
import { seededRandom, type Random } from '../../src/runtime/random.js'
import type { WaitOptions } from '../../recipes/kernel/attempt.js'
import { Diary } from './diary.js'
import { HistoryWriter, now } from './history.js'
import type { FromWorker, StallPoint, ToWorker, WorkerOptions } from './messages.js'
import { recipeNamed } from './recipes/index.js'
import type { Contender, Granted } from './recipes/recipe.js'
import { StoreLink } from './store-link.js'

const BEAT_MS = 20
/** A gap between two beats that is more than a busy machine makes. */
const STALL_US = 60_000

const options = JSON.parse(process.argv[2] ?? '{}') as WorkerOptions
const history = new HistoryWriter(options.history, options.name)
const diary = new Diary(history, options.name)
const store = new StoreLink(options.store)
let stopping = false
let pendingStall: { at: StallPoint; ms: number } | undefined
let count = 0
let grants = 0

function tell(message: FromWorker): void {
  process.send?.(message)
}

/** Stands still, if that was asked for here. Not a sleep: nothing else of this process runs either. */
function pass(point: StallPoint): void {
  if (pendingStall?.at !== point) return
  const { ms } = pendingStall
  pendingStall = undefined
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function watchOwnPulse(): void {
  let last = now()
  let told = 0
  setInterval(() => {
    const t = now()
    if (t - last > STALL_US) history.write({ e: 'stall', t, from: last, w: options.name })
    last = t
    if (grants > told) tell({ grants })
    told = grants
  }, BEAT_MS).unref()
}

function limits(random: Random): WaitOptions {
  const dice = random.next()
  if (dice < 0.75) return {}
  if (dice < 0.9) return { timeoutMs: Math.floor(50 + random.next() * 2_000) }
  return { signal: AbortSignal.timeout(Math.floor(20 + random.next() * 1_000)) }
}

/** Mostly as short as it can be, now and then long enough to be hit by a fault. */
async function work(granted: Granted, random: Random, signal: AbortSignal, id: string): Promise<void> {
  const [claim] = granted.claims
  if (claim?.token !== undefined && claim.share === claim.capacity && random.next() < 0.25) {
    const ok = await store.increment(claim.path, claim.token)
    history.write({ e: 'fence', t: now(), id, ok })
  }
  const dice = random.next()
  if (dice < 0.1) await sleep(systemClock, random.next() * 15, signal).catch(() => undefined)
  else if (dice < 0.104) await sleep(systemClock, 200 + random.next() * 1_500, signal).catch(() => undefined)
  else if (dice < 0.13) await granted.confirm().catch(() => undefined)
}

async function hold(zk: Client, granted: Granted, random: Random, id: string, recipe: string): Promise<void> {
  const { claims, sessionId } = granted
  history.write({ e: 'grant', t: now(), id, w: options.name, r: recipe, s: sessionId.toString(16), claims })
  grants++
  pass('granted')
  // Half of them as a careful user, the others by the session alone, which costs no watch.
  const own = zk.session?.id === sessionId ? zk.session.signal : AbortSignal.abort()
  const signal = random.next() < 0.5 ? granted.signal : own
  let believes = true
  const end = (how: 'release' | 'lost'): void => {
    if (!believes) return
    believes = false
    history.write({ e: 'end', t: now(), id, how })
  }
  const unlisten = onAbort(signal, () => end('lost'))
  if (signal.aborted) end('lost')
  else await work(granted, random, signal, id)
  pass('held')
  end('release')
  unlisten()
  const released = granted.release()
  pass('releasing')
  await released
  history.write({ e: 'done', t: now(), id })
}

async function turn(zk: Client, contender: Contender, random: Random, recipe: string): Promise<void> {
  const id = `${options.name}:${count++}`
  history.write({ e: 'ask', t: now(), id, w: options.name, r: recipe })
  try {
    const asked = contender.acquire(limits(random))
    pass('asking')
    await hold(zk, await asked, random, id, recipe)
  } catch (error) {
    const code = hasCode(error, 'TIMEOUT') ? 'TIMEOUT' : nameOf(error)
    const text = error instanceof Error ? error.message : String(error)
    history.write({ e: 'fail', t: now(), id, code, text })
  }
}

function nameOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code
  return error instanceof Error ? error.name : typeof error
}

async function client(connectString: string, index: number): Promise<void> {
  const { sessionTimeoutMs, maxBackOffMs, seed, tasksPerClient } = options
  const zk = await connect(connectString, { sessionTimeoutMs, maxBackOffMs, timeoutMs: 60_000 })
  const report = (): void => {
    const session = zk.exportSession()
    if (session === undefined) return
    const password = Buffer.from(session.password).toString('base64')
    tell({ session: { client: index, id: String(session.id), password } })
  }
  zk.on('state', (state) => {
    if (state === 'connected') report()
  })
  report()
  tell({ ready: true })
  const tasks = Array.from({ length: tasksPerClient }, async (_, task) => {
    const random = seededRandom(seed + 1_000 * index + task)
    const name = options.recipes[(index * tasksPerClient + task) % options.recipes.length] ?? 'mutex'
    const contender = recipeNamed(name).contender(zk, `${options.root}/${name}`, random, diary)
    while (!stopping) await turn(zk, contender, random, name)
  })
  await Promise.all(tasks)
  await zk.close()
}

process.on('message', (message: ToWorker) => {
  if ('stop' in message) stopping = true
  else pendingStall = { at: message.stall, ms: message.ms }
})
process.on('disconnect', () => process.exit(2))
process.on('uncaughtException', (error) => {
  history.write({
    e: 'fail',
    t: now(),
    id: options.name,
    code: 'UNCAUGHT',
    text: error.stack ?? error.message,
  })
  process.exit(3)
})
watchOwnPulse()
history.write({ e: 'begin', t: now(), w: options.name })
const clients = options.connectStrings.map(async (connectString, index) => client(connectString, index))
await Promise.all(clients)
store.close()
tell({ done: true })
process.disconnect()
