/**
 * What a hand-over costs as the waiters grow: events and requests, counted by the server. These are counts, not times,
 * so the embedded server serves.
 */
import { setImmediate } from 'node:timers/promises'
import { connect, MultiLock, Mutex, ReadWriteLock, Semaphore, type Client } from 'latchkey'
import { TestServer } from 'latchkey/testing'
import { fourLetterWord } from './four-letter-word.js'
import { headerOf, loadNow } from './header.js'
import type { BenchOptions } from './options.js'
import type { Count, Run } from './records.js'

const SIZES = [2, 16, 128, 1024]
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

const subjects = {
  mutex: [mutex],
  semaphore: semaphores,
  /** Each kind of lock, and the semaphore in both its layouts. */
  all: [mutex, ...sharedLocks, ...semaphores],
} as const

export async function countWaiters(options: BenchOptions, what: keyof typeof subjects): Promise<Run> {
  const load = loadNow()
  const counts: Count[] = []
  for (const contended of subjects[what])
    for (const waiters of SIZES) counts.push(await countFor(contended, waiters))
  const header = await headerOf(options, { servers: 'the embedded server', versions: {}, missing: {}, load })
  return { header, samples: [], gaps: [], counts, weights: [] }
}

/** Pings would be counted; with this timeout there are none in so short a time. */
const SESSION_TIMEOUT_MS = 60_000

async function countFor(contended: Contended, waiters: number): Promise<Count> {
  await using server = await TestServer.start({ tickTimeMs: 3_000, maxSessionTimeoutMs: SESSION_TIMEOUT_MS })
  const clients: Client[] = []
  for (let i = 0; i < CLIENTS; i++)
    clients.push(await connect(server.connectString, { sessionTimeoutMs: SESSION_TIMEOUT_MS }))
  try {
    const holders: Held[] = []
    for (let i = 0; i < contended.holders; i++) holders.push(await contended.acquire(clients[i % CLIENTS]!))
    const before = await traffic(server)
    const grants = queueUp(contended, clients, waiters)
    await allWatching(server, waiters)
    await settled(clients)
    const queued = await traffic(server)
    const handOvers = Math.min(HAND_OVERS, waiters)
    for (let i = 0; i < handOvers; i++) {
      await holders.shift()!.release()
      holders.push(await grants.next())
    }
    await settled(clients)
    const after = await traffic(server)
    return {
      kind: 'waiters',
      what: contended.name,
      waiters,
      handOvers,
      // Less the answer to the earlier question.
      wakeUps: (after.events - queued.events - 1) / handOvers,
      requestsPerHandOver: (after.requests - queued.requests - CLIENTS) / handOvers,
      requestsPerEnqueue: (queued.requests - before.requests - CLIENTS) / waiters,
    }
  } finally {
    await Promise.all(clients.map(async (client) => client.close()))
  }
}

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
async function traffic({ server, control }: TestServer): Promise<{ requests: number; events: number }> {
  const mntr = await fourLetterWord(server.host, server.port, 'mntr')
  const count = (name: string): number =>
    Number(new RegExp(`^zk_packets_${name}\\s+(\\d+)`, 'm').exec(mntr)?.[1])
  const requests = control.sessions().reduce((sum, session) => sum + session.requests, 0)
  return { requests, events: count('sent') - count('received') }
}
