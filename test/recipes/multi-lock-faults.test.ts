import { hasCode, MultiLock, Mutex, ReadWriteLock, type MultiHold } from 'latchkey'
import { expect } from 'vitest'
import type { Cluster } from './cluster.js'
import { faultMatrix } from './fault-matrix.js'

const [A, B, C] = ['/locks/a', '/locks/b', '/locks/c'] as const
const paths = [A, B, C]

/** All are held, by the server's own tree, or the session was ended by the test. Tokens grow. */
function judge(cluster: Cluster): (hold: MultiHold) => Promise<void> {
  const last = new Map<string, bigint>()
  return async (hold) => {
    const observer = await cluster.observer()
    const holders = await new MultiLock(observer, [...hold.fencingTokens.keys()]).contenders()
    for (const [path, token] of hold.fencingTokens) {
      expect(token).toBeGreaterThan(last.get(path) ?? 0n)
      last.set(path, token)
    }
    const isHeld = [...hold.fencingTokens].map(([path, token]) => holders.get(path)?.[0]?.czxid === token)
    if (isHeld.every(Boolean)) return
    // Then it was ended from outside, and is lost as a whole.
    expect(isHeld.some(Boolean)).toBe(false)
    await expect(hold.confirm()).rejects.toMatchObject({ code: 'LOCK_LOST' })
  }
}

faultMatrix({
  name: 'multi-lock',
  paths,
  next: async (zk) => {
    const hold = await new MultiLock(zk, paths).acquire()
    await hold.release()
  },
  scenarios: {
    'all free': async ({ cluster, zk }) => {
      const hold = await cluster.until(new MultiLock(zk, paths).acquire())
      await cluster.until(judge(cluster)(hold))
      await cluster.until(hold.release())
    },
    'all free, signal read and confirmed': async ({ cluster, zk }) => {
      const hold = await cluster.until(new MultiLock(zk, paths).acquire())
      const { signal } = hold
      await cluster.quiet()
      const confirmed = await cluster.until(
        hold.confirm().then(
          () => true,
          (error: unknown) => {
            if (!hasCode(error, 'LOCK_LOST')) throw error
            return false
          },
        ),
      )
      expect(confirmed).toBe(!signal.aborted)
      await cluster.until(hold.release())
    },
    'the second taken': async ({ cluster, zk, rivals }) => {
      const judged = judge(cluster)
      const ahead = await cluster.until(new Mutex(rivals[0], B).acquire())
      const waiting = new MultiLock(zk, paths).acquire()
      await cluster.quiet()
      await cluster.until(ahead.release())
      const hold = await cluster.until(waiting)
      await cluster.until(judged(hold))
      await cluster.until(hold.release())
    },
    'against another of them, in opposite order': async ({ cluster, zk, rivals }) => {
      const judged = judge(cluster)
      const turns = [new MultiLock(zk, [A, B, C]), new MultiLock(rivals[0], [C, B, A])].map(async (multi) => {
        const hold = await multi.acquire()
        await judged(hold)
        await hold.release()
      })
      await cluster.until(Promise.all(turns))
    },
    'a try, all free': async ({ cluster, zk }) => {
      const hold = await cluster.until(new MultiLock(zk, paths).tryAcquire())
      expect(hold).toBeDefined()
      await cluster.until(judge(cluster)(hold!))
      await cluster.until(hold!.release())
    },
    'a try, the last taken': async ({ cluster, zk, rivals }) => {
      const ahead = await cluster.until(new Mutex(rivals[0], C).acquire())
      expect(await cluster.until(new MultiLock(zk, paths).tryAcquire())).toBeUndefined()
      await cluster.quiet()
      await cluster.until(ahead.release())
    },
    'it gives up, with two of three': async ({ cluster, zk, rivals }) => {
      const ahead = await cluster.until(new Mutex(rivals[0], C).acquire())
      const waiting = new MultiLock(zk, paths).acquire({ timeoutMs: 1_000 })
      await expect(cluster.until(waiting)).rejects.toMatchObject({ code: 'TIMEOUT' })
      await cluster.until(ahead.release())
    },
    'reading one, writing another': async ({ cluster, zk, rivals }) => {
      const shared = new ReadWriteLock(rivals[0], B)
      const reader = await cluster.until(shared.readLock.acquire())
      const locks = [new ReadWriteLock(zk, A).writeLock, new ReadWriteLock(zk, B).readLock, C]
      const hold = await cluster.until(new MultiLock(zk, locks).acquire())
      expect([...hold.fencingTokens.keys()]).toEqual(paths)
      await cluster.until(hold.release())
      await cluster.until(reader.release())
    },
  },
})
