/**
 * Misuse of every recipe is told at once, as a `TypeError` or `RangeError`, before anything is sent: by rule over all recipes, so
 * that none is forgotten.
 */
import {
  AtomicValue,
  Barrier,
  bytesCodec,
  CountDownLatch,
  Counter,
  DelayQueue,
  DoubleBarrier,
  IdGenerator,
  IdQueue,
  jsonCodec,
  LeaderCron,
  LeaderElection,
  LeaderLatch,
  MultiLock,
  Mutex,
  PriorityQueue,
  Queue,
  RateLimiter,
  ReadWriteLock,
  Semaphore,
  SharedValue,
  Worker,
  type Client,
  type Zk,
} from 'latchkey'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster, requestsOf } from './cluster.js'

let cluster: Cluster
let zk: Client

beforeAll(async () => {
  cluster = await Cluster.start()
  zk = await cluster.client()
})
afterAll(async () => cluster[Symbol.asyncDispose]())

type Options = Record<string, unknown>
interface Made {
  make(zk: Zk, path: string, options?: Options): unknown
  /** What options it has, of those in `wrong`. */
  readonly options: readonly string[]
}

const locks = ['acl', 'dialect', 'id', 'lossPolicy']
const queues = ['acl', 'capacity', 'codec', 'delivery', 'dialect', 'id', 'lockPath', 'segmentItems']

/** Every recipe with a path: made with sound options, and with those given. */
const recipes: Record<string, Made> = {
  Mutex: {
    make: (...given) => new Mutex(...given),
    options: [...locks, 'biased', 'localQueue', 'reentrant'],
  },
  ReadWriteLock: { make: (...given) => new ReadWriteLock(...given), options: locks },
  Semaphore: {
    make: (on, path, more) => new Semaphore(on, path, { permits: 1, ...more }),
    options: [...locks, 'permits'],
  },
  MultiLock: { make: (on, path, more) => new MultiLock(on, [path], more), options: ['lossPolicy'] },
  LeaderLatch: { make: (...given) => new LeaderLatch(...given), options: ['acl', 'id', 'lossPolicy'] },
  LeaderElection: { make: (...given) => new LeaderElection(...given), options: locks },
  LeaderCron: {
    make: (...given) => new LeaderCron(...given),
    options: ['acl', 'history', 'id', 'lossPolicy'],
  },
  Queue: { make: (...given) => new Queue(...given), options: queues },
  PriorityQueue: { make: (...given) => new PriorityQueue(...given), options: queues },
  DelayQueue: { make: (...given) => new DelayQueue(...given), options: queues },
  IdQueue: { make: (...given) => new IdQueue(...given), options: queues },
  Counter: {
    make: (...given) => new Counter(...given),
    options: ['acl', 'as', 'format', 'initial', 'lockPath', 'lostReplies'],
  },
  AtomicValue: {
    make: (on, path, more) => new AtomicValue(on, path, { codec: jsonCodec(), initial: 0, ...more }),
    options: ['acl', 'codec', 'lockPath', 'lostReplies'],
  },
  SharedValue: {
    make: (on, path, more) => new SharedValue(on, path, { codec: jsonCodec(), ...more }),
    options: ['acl', 'codec', 'lostReplies'],
  },
  IdGenerator: {
    make: (...given) => new IdGenerator(...given),
    options: ['acl', 'blockSize', 'format', 'initial', 'lostReplies'],
  },
  RateLimiter: {
    make: (on, path, more) => new RateLimiter(on, path, { permits: 1, intervalMs: 100, ...more }),
    options: ['acl', 'batch', 'intervalMs', 'permits', 'scope'],
  },
  Barrier: { make: (...given) => new Barrier(...given), options: ['acl', 'data'] },
  DoubleBarrier: {
    make: (on, path, more) => new DoubleBarrier(on, path, { members: 1, ...more }),
    options: ['acl', 'dialect', 'id', 'members'],
  },
  CountDownLatch: {
    make: (on, path, more) => new CountDownLatch(on, path, { count: 1, ...more }),
    options: ['acl', 'count'],
  },
}

/** Options of all recipes, each with a value that none of them can mean. */
const wrong: Options = {
  acl: 'open',
  as: 'float',
  batch: 0,
  biased: 'yes',
  blockSize: 0.5,
  capacity: 0,
  codec: { encode: () => '' },
  count: -1,
  data: 5,
  delivery: 'exactly-once',
  dialect: 'esperanto',
  format: { encode: () => new Uint8Array() },
  history: 0,
  id: 5,
  initial: 0.5,
  intervalMs: 0,
  localQueue: 'no',
  lockPath: 'locks',
  lossPolicy: 'never',
  lostReplies: 'ignore',
  members: 0,
  permits: 0,
  reentrant: 'yes',
  scope: 'mine',
  segmentItems: 0,
}

const badPaths: unknown[] = [undefined, null, 5, '', 'a', '/a/', '/a//b', '/a/./b', '/a\u0000']

describe.each(Object.entries(recipes))('%s', (_, { make, options }) => {
  test.each(badPaths)('a path that is none is refused: %j', (path) => {
    expect(() => make(zk, path as string)).toThrow(TypeError)
  })

  test.each(options)('a wrong value of the option %s is refused', (name) => {
    let error: unknown
    try {
      make(zk, '/misuse', { [name]: wrong[name] })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toSatisfy(isMisuse)
  })
})

function isMisuse(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError
}

describe('calls', () => {
  const refused: [string, () => unknown][] = [
    ['a worker without such an event', () => idle().on('finished' as 'dead', () => undefined)],
    ['a worker whose listener is no function', () => idle().on('dead', undefined as never)],
    ['a worker with a backoff that is none', () => idle({ backoff: 'slow' })],
    ['a job with half a surrogate pair for a name', () => cron('\ud800')],
    ['half a surrogate pair for an id', async () => new IdQueue(zk, '/ids').put(1, '\ud800')],
    ['an id that is no text', async () => new IdQueue(zk, '/ids').remove(undefined as never)],
    ['a latch counted by what is no text', async () => latch().countDown(1, { id: 5 as never })],
    ['a latch counted by nothing', async () => latch().countDown(1, { id: '' })],
    ['a list of −1 dead letters', async () => new Queue(zk, '/q').deadLetters.list(-1)],
    ['a list of NaN dead letters', async () => new Queue(zk, '/q').deadLetters.list(NaN)],
    ['no dead letter', async () => new Queue(zk, '/q').deadLetters.remove(undefined as never)],
    ['a date that is none', async () => new DelayQueue(zk, '/d').put(1, { at: 'now' as never })],
    ['no contender', async () => new Semaphore(zk, '/s', { permits: 1 }).revoke({} as never)],
    ['permits that are options', async () => new Semaphore(zk, '/s', { permits: 1 }).acquire({} as never)],
    ['a sum with a number', async () => new Counter(zk, '/c').add(1 as never)],
    ['bytes that are a number', () => bytesOnly().set(5 as never)],
  ]

  test.each(refused)('%s: refused, and nothing is sent', async (_, call) => {
    const requests = requestsOf(cluster, zk)
    let error: unknown
    try {
      await cluster.until(Promise.resolve(call()))
    } catch (thrown) {
      error = thrown
    }
    expect(error).toSatisfy(isMisuse)
    expect(requests).toEqual([])
  })
})

function idle(more: Options = {}): Worker<number> {
  return new Worker(new Queue<number>(zk, '/q'), () => undefined, { autoStart: false, ...more })
}
function cron(name: string): unknown {
  return new LeaderCron(zk, '/cron').schedule('* * * * *', () => undefined, { name })
}
function latch(): CountDownLatch {
  return new CountDownLatch(zk, '/latch', { count: 1 })
}
function bytesOnly(): AtomicValue<Uint8Array> {
  return new AtomicValue(zk, '/bytes', { codec: bytesCodec, initial: new Uint8Array() })
}
