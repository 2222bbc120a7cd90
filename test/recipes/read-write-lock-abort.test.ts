/** Giving up a read or a write lock, at every moment. */
import { ReadWriteLock, type Zk } from 'latchkey'
import { expect, test } from 'vitest'
import { abortSweep } from './abort-sweep.js'
import { Cluster, PATH } from './cluster.js'

const paths = [PATH]
const on = (zk: Zk): ReadWriteLock => new ReadWriteLock(zk, PATH)

abortSweep('a read lock that is free', {
  paths,
  start: async (zk, signal) => on(zk).readLock.acquire({ signal }),
})
abortSweep('a read lock behind a writer', {
  paths,
  start: async (zk, signal) => on(zk).readLock.acquire({ signal }),
  ahead: async (zk) => on(zk).writeLock.acquire(),
})
abortSweep('a write lock behind a reader', {
  paths,
  start: async (zk, signal) => on(zk).writeLock.acquire({ signal }),
  ahead: async (zk) => on(zk).readLock.acquire(),
})
abortSweep('a try to write', {
  paths,
  start: async (zk, signal) => on(zk).writeLock.tryAcquire({ signal }),
})
abortSweep('a write lock on its way to a read lock', {
  paths,
  start: async (zk, signal) => {
    const write = await on(zk).writeLock.acquire({ signal })
    try {
      return await write.downgrade({ signal })
    } catch (error) {
      // Not waited for: whoever gives up goes on at once. A session that ended took the lock along.
      void write.release()
      if (signal.aborted) throw error
      return undefined
    }
  },
})

test('a time limit says what it waited for', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const { readLock, writeLock } = on(zk)
  const read = await cluster.until(readLock.acquire())
  await expect(cluster.until(writeLock.acquire({ timeoutMs: 500 }))).rejects.toThrow(
    /acquire for writing .*gave up after 500 ms, while waiting for _c_.*__READ__0000000000 \(1 ahead/,
  )
  await cluster.until(read.release())
  const write = await cluster.until(writeLock.acquire())
  await expect(cluster.until(readLock.acquire({ timeoutMs: 500 }))).rejects.toMatchObject({
    code: 'TIMEOUT',
    path: PATH,
  })
  cluster.control.pauseAccepting()
  cluster.control.dropConnections()
  await expect(cluster.until(write.downgrade({ timeoutMs: 200 }))).rejects.toThrow(/in the background/)
  cluster.control.resumeAccepting()
  await cluster.until(write.release())
  await cluster.expectNothingLeft(PATH)
})
