/**
 * What a hand-over costs as the waiters grow: events and requests, counted by the server, and bytes on all connections.
 * These are counts, so the embedded server serves; it is in the same process as the waiters, so the latencies are those of both.
 */
import { setImmediate } from 'node:timers/promises'
import { connect, MultiLock, Mutex, ReadWriteLock, Semaphore, type Client } from 'latchkey'
import { TestServer } from 'latchkey/testing'
import { countBytesTo } from './byte-counter.js'
import { fourLetterWord } from './four-letter-word.js'
import { headerOf, loadNow } from './header.js'
import type { BenchOptions } from './options.js'
import type { Count, Run } from './records.js'
import { quantile } from './statistics.js'

const SIZES = [1, 2, 16, 128, 1024]
const CLIENTS = 8
const HAND_OVERS = 50
const LOCK = '/bench/lock'
const PERMITS = 4

interface Held {
  release(): Promise<void>
}

/** What is waited for. */
interface Contended {
  readonly name: string
  /** How many can hold it. */
  readonly holders: number
  readonly acquire: (zk: Client) => Promise<Held>
}

const mutex: Contended = {
  name: 'mutex',
  holders: 1,
  acquire: async (zk) => new Mutex(zk, LOCK, { localQueue: false }).acquire(),
}

const sharedLocks: readonly Contended[] = [
  {
    name: 'read-write lock, writers',
    holders: 1,
    acquire: async (zk) => new ReadWriteLock(zk, LOCK).writeLock.acquire(),
  },
  {
    name: 'multi-lock of 2',
    holders: 1,
    acquire: async (zk) => {
      const paths = [`${LOCK}-a`, `${LOCK}-b`]
      return new MultiLock(
        zk,
        paths.map((path) => new Mutex(zk, path, { localQueue: false })),
      ).acquire()
    },
  },
]

const semaphores: readonly Contended[] = [
  {
    name: `semaphore of ${PERMITS}`,
    holders: PERMITS,
    acquire: async (zk) => new Semaphore(zk, LOCK, { permits: PERMITS }).acquire(),
  },
  {
    name: `semaphore of ${PERMITS}, Curator's layout`,
    holders: PERMITS,
    acquire: async (zk) => new Semaphore(zk, LOCK, { permits: PERMITS, dialect: 'curator' }).acquire(),
  },
]

/** Each kind of lock, and the semaphore in both its layouts. */
const all: readonly Contended[] = [mutex, ...sharedLocks, ...semaphores]

export async function countWaiters(options: BenchOptions): Promise<Run> {
  const load = loadNow()
  const counts: Count[] = []
  // Each lists all that are there: 5,000 that come at once read a gigabyte of names, and take minutes.
  const many = options.scale > 1 ? [1_000 * options.scale] : []
  for (const contended of all) {
    for (const waiters of contended === mutex ? [...SIZES, ...many] : SIZES) {
      process.stderr.write(`${contended.name}, ${waiters}\n`)
      counts.push(await countFor(contended, waiters))
    }
  }
  const header = await headerOf(options, { servers: 'the embedded server', versions: {}, missing: {}, load })
  return { header, samples: [], gaps: [], counts, weights: [] }
}

/** Pings would be counted; with this timeout there are none in so short a time. */
const SESSION_TIMEOUT_MS = 60_000
/** For thousands that queue up at once. */
const LIMIT_MS = 240_000
/** The request and the reply, whose path is `/`. */
const SYNC_BYTES = 17 + 25

/** Twice: on straight connections, and through what counts bytes, which takes time. */
async function countFor(contended: Contended, waiters: number): Promise<Count> {
  const straight = await handOverAmong(contended, waiters, false)
  const counted = await handOverAmong(contended, waiters, true)
  const { handOvers, queued, handed, latenciesUs } = straight
  return {
    kind: 'waiters',
    what: contended.name,
    waiters,
    handOvers,
    wakeUps: handed.events / handOvers,
    requestsPerHandOver: handed.requests / handOvers,
    requestsPerEnqueue: queued.requests / waiters,
    bytesPerHandOver: Math.round(counted.handed.bytes / handOvers),
    bytesPerEnqueue: Math.round(counted.queued.bytes / waiters),
    p50Us: quantile(latenciesUs, 0.5),
    p99Us: quantile(latenciesUs, 0.99),
  }
}

interface Traffic {
  readonly requests: number
  readonly events: number
  readonly bytes: number
}

interface HandedOver {
  readonly handOvers: number
  /** While they queued up. */
  readonly queued: Traffic
  /** While it was handed over. */
  readonly handed: Traffic
  readonly latenciesUs: readonly number[]
}

async function handOverAmong(contended: Contended, waiters: number, counting: boolean): Promise<HandedOver> {
  await using server = await TestServer.start({ tickTimeMs: 3_000, maxSessionTimeoutMs: SESSION_TIMEOUT_MS })
  await using way = await countBytesTo(server.server.host, server.server.port)
  const clients: Client[] = []
  const connectString = counting ? way.connectString : server.connectString
  for (let i = 0; i < CLIENTS; i++)
    clients.push(await connect(connectString, { sessionTimeoutMs: SESSION_TIMEOUT_MS, timeoutMs: LIMIT_MS }))
  const now = async (): Promise<Traffic> => {
    await settled(clients)
    return { ...(await traffic(server)), bytes: way.bytes() }
  }
  try {
    const holders: Held[] = []
    for (let i = 0; i < contended.holders; i++) holders.push(await contended.acquire(clients[i % CLIENTS]!))
    const before = await now()
    const grants = queueUp(contended, clients, waiters)
    await allWatching(server, waiters)
    const queued = await now()
    const handOvers = Math.min(HAND_OVERS, waiters)
    const latenciesUs: number[] = []
    for (let i = 0; i < handOvers; i++) {
      const start = performance.now()
      const released = holders.shift()!.release()
      holders.push(await grants.next())
      latenciesUs.push((performance.now() - start) * 1e3)
      await released
    }
    const after = await now()
    return { handOvers, queued: since(before, queued), handed: since(queued, after), latenciesUs }
  } finally {
    await Promise.all(clients.map(async (client) => client.close()))
  }
}

/** Less the syncs that waited for all to have come, and the answer to the earlier question. */
const since = (before: Traffic, after: Traffic): Traffic => ({
  requests: after.requests - before.requests - CLIENTS,
  events: after.events - before.events - 1,
  bytes: after.bytes - before.bytes - CLIENTS * SYNC_BYTES,
})

/** Sends them all to the queue; gives their holds as they are granted. Those never granted end with their clients. */
function queueUp(
  contended: Contended,
  clients: readonly Client[],
  waiters: number,
): { next(): Promise<Held> } {
  const granted: Held[] = []
  let wake = (): void => undefined
  for (let i = 0; i < waiters; i++) {
    contended.acquire(clients[i % CLIENTS]!).then(
      (hold) => {
        granted.push(hold)
        wake()
      },
      () => undefined,
    )
  }
  return {
    async next() {
      while (granted.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return granted.shift()!
    },
  }
}

/** Every reply and event that is under way, also those to somebody who is not concerned, has come by then. */
async function settled(clients: readonly Client[]): Promise<void> {
  await Promise.all(clients.map(async (client) => client.sync('/')))
}

async function allWatching(server: TestServer, waiters: number): Promise<void> {
  const standing = (): number => server.control.watchCounts().data + server.control.watchCounts().children
  while (standing() < waiters) await setImmediate()
}

/** A packet that answers no request is an event, but for the answer to each question of this kind. */
async function traffic({ server, control }: TestServer): Promise<Omit<Traffic, 'bytes'>> {
  const mntr = await fourLetterWord(server.host, server.port, 'mntr')
  const count = (name: string): number =>
    Number(new RegExp(`^zk_packets_${name}\\s+(\\d+)`, 'm').exec(mntr)?.[1])
  const requests = control.sessions().reduce((sum, session) => sum + session.requests, 0)
  return { requests, events: count('sent') - count('received') }
}
