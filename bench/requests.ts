/**
 * What one operation of each recipe costs in requests when nobody is in its way: counted by the embedded server for one
 * session, what goes out in the background included, after the same operation was done once before. No times, so the load of the machine
 * does not matter.
 */
import * as latchkey from 'latchkey'
import { connect, type Client } from 'latchkey'
import { TestServer } from 'latchkey/testing'
import { headerOf, loadNow } from './header.js'
import type { BenchOptions } from './options.js'
import type { Cost, Run } from './records.js'

const TIMES = 20
/** Pings would be counted; with this timeout there are none in so short a time. */
const SESSION_TIMEOUT_MS = 60_000

type Act = () => Promise<unknown>
/** In their order, each counted by itself, and all of them again and again. */
type Steps = Readonly<Record<string, Act>>
type Recipe = (zk: Client, path: string) => Steps

interface Held {
  release(): Promise<void>
}

/** Taken and given back. */
function lock(acquire: () => Promise<Held>): Steps {
  let held: Held | undefined
  return {
    acquire: async () => (held = await acquire()),
    release: async () => held?.release(),
  }
}

function queue(zk: Client, path: string): Steps {
  const jobs = new latchkey.Queue<number>(zk, path)
  let delivery: latchkey.Delivery<number> | undefined
  return {
    put: async () => jobs.put(1),
    'take (an item is there)': async () => (delivery = await jobs.take()),
    ack: async () => delivery?.ack(),
  }
}

/** Divided by how many. */
const MANY = 64

function busyQueue(zk: Client, path: string): Steps {
  const jobs = new latchkey.Queue<number>(zk, path)
  return {
    [`put, ${MANY} at a time`]: async () =>
      Promise.all(Array.from({ length: MANY }, async (_, i) => jobs.put(i))),
    [`take + ack, ${MANY} at a time`]: async () =>
      Promise.all(Array.from({ length: MANY }, async () => (await jobs.take()).ack())),
  }
}

/** An acknowledgement and the next claim are one; the items are put by another session. */
function inARow(zk: Client, path: string): Steps {
  const jobs = new latchkey.Queue<number>(zk, path)
  return {
    [`put, ${MANY} by one call`]: async () => jobs.putMany(Array.from({ length: MANY }, (_, i) => i)),
    [`take + ack, ${MANY} one after the other by a worker`]: async () => {
      let left = MANY
      await new Promise<void>((resolve) => {
        const worker = new latchkey.Worker(jobs, () => undefined)
        worker.on('completed', () => {
          if (--left === 0) void worker.stop().then(resolve)
        })
      })
    },
  }
}

function latch(zk: Client, path: string): Steps {
  let made: latchkey.LeaderLatch | undefined
  return {
    'start → leader': async () => {
      made = new latchkey.LeaderLatch(zk, path)
      await made.start()
      await made.waitForLeadership()
    },
    close: async () => made?.close(),
  }
}

function election(zk: Client, path: string): Steps {
  const election = new latchkey.LeaderElection(zk, path)
  return {
    'campaign → elected': async () => election.campaign(),
    proclaim: async () => election.proclaim('here'),
    resign: async () => election.resign(),
  }
}

function doubleBarrier(zk: Client, path: string): Steps {
  const members = 2
  let passes: latchkey.BarrierPass[] = []
  return {
    'enter, both of 2 members': async () => {
      const enter = async (): Promise<latchkey.BarrierPass> =>
        new latchkey.DoubleBarrier(zk, path, { members }).enter()
      passes = await Promise.all([enter(), enter()])
    },
    'leave, both of 2 members': async () => Promise.all(passes.map(async (pass) => pass.leave())),
  }
}

function barrier(zk: Client, path: string): Steps {
  const made = new latchkey.Barrier(zk, path)
  return {
    set: async () => made.set(),
    remove: async () => made.remove(),
    'wait (it is not set)': async () => made.wait(),
  }
}

function values(zk: Client, path: string): Steps {
  const codec = latchkey.jsonCodec<number>()
  const atomic = new latchkey.AtomicValue(zk, `${path}-atomic`, { codec, initial: 0 })
  const shared = new latchkey.SharedValue(zk, `${path}-shared`, { codec, initial: 0 })
  const counter = new latchkey.Counter(zk, `${path}-counter`)
  let next = 0
  return {
    'counter: increment': async () => counter.increment(),
    'counter: get': async () => counter.get(),
    'atomic value: set': async () => atomic.set(++next),
    'atomic value: update': async () => atomic.update((value) => value + 1),
    'shared value: set': async () => shared.set(++next),
  }
}

function limiters(zk: Client, path: string): Steps {
  const limits = { permits: 1_000_000, intervalMs: 3_600_000 }
  const one = new latchkey.RateLimiter(zk, `${path}-one`, limits)
  const batched = new latchkey.RateLimiter(zk, `${path}-batched`, { ...limits, batch: MANY })
  return {
    acquire: async () => one.acquire(),
    [`acquire, batch ${MANY}, ${MANY} one after the other`]: async () => {
      for (let i = 0; i < MANY; i++) await batched.acquire()
    },
  }
}

const recipes: Readonly<Record<string, Recipe>> = {
  mutex: (zk, path) => lock(async () => new latchkey.Mutex(zk, path).acquire()),
  'read-write lock, reader': (zk, path) =>
    lock(async () => new latchkey.ReadWriteLock(zk, path).readLock.acquire()),
  'read-write lock, writer': (zk, path) =>
    lock(async () => new latchkey.ReadWriteLock(zk, path).writeLock.acquire()),
  'semaphore of 4': (zk, path) =>
    lock(async () => new latchkey.Semaphore(zk, path, { permits: 4 }).acquire()),
  'multi-lock of 2': (zk, path) =>
    lock(async () => new latchkey.MultiLock(zk, [`${path}-a`, `${path}-b`]).acquire()),
  'leader latch': latch,
  'leader election': election,
  queue,
  'queue, busy': busyQueue,
  'queue, one at a time': inARow,
  barrier,
  'double barrier': doubleBarrier,
  'count-down latch': (zk, path) => {
    const made = new latchkey.CountDownLatch(zk, path, { count: 1_000_000 })
    return { countDown: async () => made.countDown() }
  },
  values,
  'rate limiter': limiters,
}

export async function countRequests(options: BenchOptions): Promise<Run> {
  const load = loadNow()
  const costs: Cost[] = []
  for (const [recipe, make] of Object.entries(recipes)) costs.push(...(await costsOf(recipe, make)))
  const header = await headerOf(options, { servers: 'the embedded server', versions: {}, missing: {}, load })
  return { header, samples: [], gaps: [], counts: [], weights: [], costs }
}

async function costsOf(recipe: string, make: Recipe): Promise<Cost[]> {
  await using server = await TestServer.start({ tickTimeMs: 3_000, maxSessionTimeoutMs: SESSION_TIMEOUT_MS })
  await using zk = await connect(server.connectString, { sessionTimeoutMs: SESSION_TIMEOUT_MS })
  const steps = make(zk, '/recipe')
  const counts = new Map<string, number>()
  for (let round = 0; round <= TIMES; round++)
    for (const [operation, act] of Object.entries(steps)) {
      const before = await requestsOf(server, zk)
      await act()
      const requests = (await requestsOf(server, zk)) - before - 1
      if (round > 0) counts.set(operation, (counts.get(operation) ?? 0) + requests)
    }
  return [...counts].map(([operation, count]) => ({
    kind: 'cost',
    recipe,
    operation,
    requests: count / TIMES,
  }))
}

/** What is under way has come by then; the question itself is counted. */
async function requestsOf({ control }: TestServer, zk: Client): Promise<number> {
  await zk.sync('/')
  return control.sessions().find(({ id }) => id === zk.session?.id)?.requests ?? NaN
}
