/** latchkey, the built package. In the bench of the semaphore it takes part with its own layout and with Curator's. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type {
  Client,
  connect as Connect,
  LeaderLatch as LatchClass,
  Mutex as MutexClass,
  Semaphore as SemaphoreClass,
} from 'latchkey'
import { packageFolder } from '../paths.js'
import { launchWorker } from './node-subject.js'
import type { MutexWorkload, PreparedLeaders } from '../workloads.js'
import type { Driver, Subject } from './subject.js'

export const latchkey: Subject = {
  name: 'latchkey',
  benches: ['client', 'mutex', 'semaphore', 'leader'],
  launch: async () => launchWorker(import.meta.url, await version()),
}

export const latchkeyWithCurators: Subject = {
  name: "latchkey, Curator's layout",
  benches: ['semaphore'],
  launch: async () => launchWorker(`${import.meta.url}?dialect=curator`, await version()),
}

async function version(): Promise<string> {
  const text = await readFile(join(packageFolder, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

export async function open(connectString: string): Promise<Driver> {
  const entry = pathToFileURL(join(packageFolder, 'dist', 'src', 'index.js')).href
  const { connect, LeaderLatch, Mutex, Semaphore } = (await import(entry)) as {
    connect: typeof Connect
    LeaderLatch: typeof LatchClass
    Mutex: typeof MutexClass
    Semaphore: typeof SemaphoreClass
  }
  const dialect = import.meta.url.endsWith('?dialect=curator') ? 'curator' : 'native'
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
    close: async () => zk.close(),
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
