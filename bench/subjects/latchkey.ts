/**
 * latchkey, the built package. In the bench of the semaphore it takes part with its own layout and with Curator's, in that
 * of the counter with and without the marker that tells whether a change whose reply was lost was applied.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Latchkey from 'latchkey'
import type { Client, LeaderLatch as LatchClass } from 'latchkey'
import { packageFolder } from '../paths.js'
import { launchWorker } from './node-subject.js'
import type { BarrierWorkload, MutexWorkload, PreparedLeaders, QueueWorkload } from './recipes.js'
import type { Driver, Subject, Watcher } from './subject.js'

export const latchkey: Subject = {
  name: 'latchkey',
  benches: [
    'client',
    'mutex',
    'semaphore',
    'leader',
    'queue',
    'counter',
    'barrier',
    'watch',
    'contention',
    'fail-over',
    'memory',
    'context',
  ],
  launch: async () => launchWorker(import.meta.url, await version()),
}

export const latchkeyWithCurators: Subject = {
  name: "latchkey, Curator's layout",
  benches: ['semaphore'],
  launch: async () => launchWorker(`${import.meta.url}?dialect=curator`, await version()),
}

export const latchkeyWithoutMarker: Subject = {
  name: 'latchkey without marker',
  benches: ['counter'],
  launch: async () => launchWorker(`${import.meta.url}?lostReplies=value`, await version()),
}

async function version(): Promise<string> {
  const text = await readFile(join(packageFolder, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

export async function open(connectString: string): Promise<Driver> {
  const entry = pathToFileURL(join(packageFolder, 'dist', 'src', 'index.js')).href
  const latchkey = (await import(entry)) as typeof Latchkey
  const { connect, Counter, LeaderLatch, Mutex, Semaphore } = latchkey
  const dialect = import.meta.url.endsWith('?dialect=curator') ? 'curator' : 'native'
  const lostReplies = import.meta.url.endsWith('?lostReplies=value') ? 'value' : 'marker'
  const zk = await connect(connectString)
  const mutexWith = (biased: boolean): MutexWorkload => ({
    async prepare(path) {
      await zk.ensurePath(path)
      const mutex = new Mutex(zk, path, { biased })
      return {
        acquire: async () => {
          const hold = await mutex.acquire()
          return async () => hold.release()
        },
      }
    },
  })
  return {
    get: (path, done) => void zk.get(path).then(() => done(), done),
    set: (path, data, done) => void zk.set(path, data).then(() => done(), done),
    create: (path, data, done) => void zk.create(path, data).then(() => done(), done),
    delete: (path, done) => void zk.delete(path).then(() => done(), done),
    mutex: mutexWith(false),
    biasedMutex: mutexWith(true),
    semaphore: {
      async prepare(path) {
        const semaphore = new Semaphore(zk, path, { permits: 4, dialect })
        await (await semaphore.acquire()).release()
        return {
          acquire: async () => {
            const lease = await semaphore.acquire()
            return async () => lease.release()
          },
        }
      },
    },
    leader: {
      async prepare(path) {
        const other = await connect(connectString)
        return leadersOf(LeaderLatch, [zk, other], path)
      },
    },
    queue: queueWith(latchkey, zk),
    counter: (path) => {
      const counter = new Counter(zk, path, { lostReplies })
      return async () => counter.increment()
    },
    barrier: barrierWith(latchkey, zk),
    watcher: async () => watcherOn(await connect(connectString)),
    lead: async (path, sessionTimeoutMs) =>
      lead(LeaderLatch, await connect(connectString, { sessionTimeoutMs }), path),
    close: async () => zk.close(),
  }
}

function watcherOn(zk: Client): Watcher {
  return {
    watch: (path, onEvent, done) => void zk.get(path, { watch: onEvent }).then(() => done(), done),
    close: async () => zk.close(),
  }
}

async function lead(LeaderLatch: typeof LatchClass, zk: Client, path: string): Promise<void> {
  const latch = new LeaderLatch(zk, path)
  await latch.start()
  await latch.waitForLeadership()
}

function queueWith({ Queue, bytesCodec }: typeof Latchkey, zk: Latchkey.Client): QueueWorkload {
  return async (path) => {
    const queue = await Promise.resolve(new Queue(zk, path, { codec: bytesCodec }))
    return {
      put: async (data) => queue.put(data),
      consume: async (takers, onAcked) => {
        const stopping = Array.from({ length: takers }, () => new AbortController())
        const take = async (until: AbortController): Promise<void> => {
          // As a worker does: the next item is taken while the last one's acknowledgement is under way.
          let acked = Promise.resolve()
          for await (const delivery of queue.deliveries(until)) {
            await acked
            acked = delivery.ack().then(onAcked)
          }
          await acked
        }
        const taking = Promise.all(stopping.map(take))
        // It hears of what is put from here on, or finds it.
        await zk.sync('/')
        return async () => {
          for (const each of stopping) each.abort()
          await taking
        }
      },
    }
  }
}

function barrierWith({ DoubleBarrier }: typeof Latchkey, zk: Latchkey.Client): BarrierWorkload {
  return async (path, members) => {
    await zk.ensurePath(path, { mode: 'container' })
    return Array.from({ length: members }, () => {
      const barrier = new DoubleBarrier(zk, path, { members })
      return async () => {
        const pass = await barrier.enter()
        return async () => pass.leave()
      }
    })
  }
}

async function leadersOf(
  LeaderLatch: typeof LatchClass,
  [zk, other]: readonly [Client, Client],
  path: string,
): Promise<PreparedLeaders> {
  let [here, there] = [zk, other]
  let leading = new LeaderLatch(here, path)
  let next = leading
  await leading.start()
  await leading.waitForLeadership()
  return {
    async standBy() {
      next = new LeaderLatch(there, path)
      await next.start()
      // Its watch on the leader stands when what was sent behind it is answered.
      await there.sync(path)
      await there.exists(path)
    },
    async handOver() {
      const elected = next.waitForLeadership()
      void leading.close()
      await elected
      leading = next
      ;[here, there] = [there, here]
    },
    async close() {
      await leading.close()
      await other.close()
    },
  }
}
