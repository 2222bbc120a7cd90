import { hasCode, Mutex, ReadWriteLock, Semaphore, type Hold } from 'latchkey'
import { expect } from 'vitest'
import { abortSweep } from './abort-sweep.js'
import { EXPIRY_MS } from './cluster.js'
import { faultMatrix } from './fault-matrix.js'

const PATH = '/app/locks/report'

const reasonOf = ({ signal }: Hold): unknown => (signal.reason as { reason?: unknown } | undefined)?.reason

/** All that the end of a session can be to a hold. */
const sessionReasons = ['session-expired', 'session-in-doubt']

faultMatrix({
  name: 'revocation and loss policy',
  paths: [PATH],
  next: async (zk) => {
    await using hold = await new Mutex(zk, PATH).acquire()
    await hold.confirm()
  },
  scenarios: {
    'asks a holder': async ({ cluster, zk, rivals }) => {
      const hold = await cluster.until(new Mutex(rivals[0], PATH).acquire())
      let told = 0
      hold.onRevokeRequested(() => {
        told++
      })
      const lock = new Mutex(zk, PATH)
      const [holder] = await cluster.until(lock.contenders())
      expect(await cluster.until(lock.revoke(holder!))).toBe('asked')
      await cluster.quiet()
      expect(told).toBe(1)
      expect(hold.signal.aborted).toBe(false)
      await cluster.until(hold.release())
    },

    'breaks a holder, one behind it': async ({ cluster, zk, rivals }) => {
      const hold = await cluster.until(new Mutex(rivals[0], PATH).acquire())
      const { signal } = hold
      const waiting = new Mutex(rivals[1], PATH).acquire()
      await cluster.quiet()
      const lock = new Mutex(zk, PATH)
      const [holder] = await cluster.until(lock.contenders())
      expect(await cluster.until(lock.break(holder!))).toBe('broken')
      const next = await cluster.until(waiting, 1_000)
      await cluster.quiet()
      expect(signal.aborted).toBe(true)
      expect(reasonOf(hold)).toBe('revoked')
      // The repetition of a break never hits the next one.
      await cluster.pass(EXPIRY_MS)
      await cluster.until(next.confirm())
      await cluster.until(Promise.all([hold.release(), next.release()]))
    },

    'breaks one that goes by itself meanwhile': async ({ cluster, zk, rivals }) => {
      const hold = await cluster.until(new Mutex(rivals[0], PATH).acquire())
      const lock = new Mutex(zk, PATH)
      const [holder] = await cluster.until(lock.contenders())
      const [outcome] = await cluster.until(Promise.all([lock.break(holder!), hold.release()]))
      expect(['broken', 'gone']).toContain(outcome)
    },

    'asks and breaks a lease of two znodes': async ({ cluster, zk, rivals }) => {
      const path = `${PATH}-pool`
      const lease = await cluster.until(
        new Semaphore(rivals[0], path, { permits: 2, dialect: 'curator' }).acquire(2),
      )
      const { signal } = lease
      let told = 0
      lease.onRevokeRequested(() => {
        told++
      })
      const semaphore = new Semaphore(zk, path, { permits: 2, dialect: 'curator' })
      const [holder] = await cluster.until(semaphore.holders())
      expect(await cluster.until(semaphore.revoke(holder!))).toBe('asked')
      await cluster.quiet()
      expect(told).toBe(1)
      expect(await cluster.until(semaphore.break(holder!))).toBe('broken')
      expect(await cluster.until(semaphore.holders())).toEqual([])
      await cluster.quiet()
      expect(signal.reason).toMatchObject({ reason: 'revoked' })
      await cluster.until(lease.release())
    },

    'is asked, and gives up': async ({ cluster, zk, rivals }) => {
      const hold = await cluster.until(new Mutex(zk, PATH).acquire())
      hold.onRevokeRequested(async () => hold.release())
      await cluster.quiet()
      const operator = new Mutex(rivals[0], PATH)
      const [holder] = await cluster.until(operator.contenders())
      if (holder !== undefined) await cluster.until(operator.revoke(holder))
      await cluster.until(new Mutex(rivals[1], PATH).run(() => undefined))
      if (hold.signal.aborted) expect(sessionReasons).toContain(reasonOf(hold))
    },

    'is broken': async ({ cluster, zk, rivals }) => {
      const hold = await cluster.until(new Mutex(zk, PATH).acquire())
      expect(hold.signal.aborted).toBe(false)
      await cluster.quiet()
      const operator = new Mutex(rivals[0], PATH)
      const [holder] = await cluster.until(operator.contenders())
      const outcome = holder === undefined ? 'gone' : await cluster.until(operator.break(holder))
      await cluster.pass(EXPIRY_MS)
      // Cut off while it was written and deleted, it sees only that it is gone.
      const broken = ['revoked', 'node-deleted', ...sessionReasons]
      expect(outcome === 'broken' ? broken : sessionReasons).toContain(reasonOf(hold))
      await cluster.until(hold.release())
    },

    'policy suspended: acquires behind one, confirms, releases': async ({ cluster, zk, rivals }) => {
      const ahead = await cluster.until(new Mutex(rivals[0], PATH).acquire())
      const waiting = new Mutex(zk, PATH, { lossPolicy: 'suspended' }).acquire()
      await cluster.quiet()
      await cluster.until(ahead.release())
      const hold = await cluster.until(waiting)
      expect(hold.signal.aborted).toBe(false)
      await cluster.quiet()
      const confirmed = await cluster.until(
        hold.confirm().catch((error: unknown) => {
          if (!hasCode(error, 'LOCK_LOST')) throw error
          return 'lost' as const
        }),
      )
      expect(confirmed === 'lost').toBe(hold.signal.aborted)
      // Lost or not: the next one gets it as soon as it is given back, by whoever does it.
      if (confirmed !== 'lost') await cluster.until(hold.release())
      const next = await cluster.until(new Mutex(rivals[1], PATH).acquire(), EXPIRY_MS)
      await cluster.until(Promise.all([hold.release(), next.release()]))
    },

    'policy suspended: downgrades': async ({ cluster, zk, rivals }) => {
      const write = await cluster.until(
        new ReadWriteLock(zk, PATH, { lossPolicy: 'suspended' }).writeLock.acquire(),
      )
      const read = await cluster.until(
        write.downgrade().catch((error: unknown) => {
          if (!hasCode(error, 'LOCK_LOST')) throw error
          return undefined
        }),
      )
      await cluster.quiet()
      if (read?.signal.aborted === false) await cluster.until(read.release())
      const next = await cluster.until(new ReadWriteLock(rivals[1], PATH).writeLock.acquire(), EXPIRY_MS)
      await cluster.until(Promise.all([write.release(), read?.release(), next.release()]))
    },
  },
})

abortSweep('acquire, contenders, revoke and break in turn', {
  paths: [PATH],
  start: async (zk, signal) => {
    const lock = new Mutex(zk, PATH)
    const hold = await lock.acquire({ signal })
    try {
      const [own] = await lock.contenders({ signal })
      if (own === undefined) return hold
      await lock.revoke(own, { signal })
      await lock.break(own, { signal })
      return hold
    } catch (error) {
      void hold.release()
      throw error
    }
  },
})

abortSweep('acquire with the policy suspended', {
  paths: [PATH],
  start: async (zk, signal) => new Mutex(zk, PATH, { lossPolicy: 'suspended' }).acquire({ signal }),
})
