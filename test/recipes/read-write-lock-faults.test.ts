import { hasCode, ReadWriteLock, type Hold, type WriteHold } from 'latchkey'
import { expect } from 'vitest'
import { EXPIRY_MS } from './cluster.js'
import { faultMatrix, type Stage } from './fault-matrix.js'
import { Beliefs } from './read-write-beliefs.js'

const PATH = '/app/locks/report'

interface Parts extends Stage {
  readonly lock: ReadWriteLock
  readonly others: readonly [ReadWriteLock, ReadWriteLock, ReadWriteLock]
  readonly beliefs: Beliefs
}

function scenario(play: (parts: Parts) => Promise<void>): (stage: Stage) => Promise<void> {
  return async (stage) => {
    const [one, two, three] = stage.rivals
    const others = [one, two, three].map((rival) => new ReadWriteLock(rival, PATH))
    const beliefs = await Beliefs.at(stage.cluster, PATH)
    await play({
      ...stage,
      lock: new ReadWriteLock(stage.zk, PATH),
      others: others as [ReadWriteLock, ReadWriteLock, ReadWriteLock],
      beliefs,
    })
  }
}

/** Reads, or writes, when it is its turn, and gives it back. */
async function read(beliefs: Beliefs, lock: ReadWriteLock): Promise<void> {
  await beliefs.release(await beliefs.granted(await lock.readLock.acquire(), 'read'))
}
async function write(beliefs: Beliefs, lock: ReadWriteLock): Promise<void> {
  await beliefs.release(await beliefs.granted(await lock.writeLock.acquire(), 'write'))
}

async function isConfirmed(hold: Hold): Promise<boolean> {
  return hold.confirm().then(
    () => true,
    () => false,
  )
}

/** Undefined if the session ended on the way. */
async function downgrade(beliefs: Beliefs, hold: WriteHold): Promise<Hold | undefined> {
  beliefs.downgrading(hold)
  try {
    const made = await hold.downgrade()
    await beliefs.downgraded(hold, made)
    return made
  } catch (error) {
    if (!hasCode(error, 'LOCK_LOST')) throw error
    expect(error.message).toMatch(/session/)
    return undefined
  }
}

faultMatrix({
  name: 'read-write lock',
  paths: [PATH],
  next: async (zk) => {
    const lock = new ReadWriteLock(zk, PATH)
    await (await lock.writeLock.acquire()).release()
    await (await lock.readLock.acquire()).release()
  },
  scenarios: {
    'free, for reading': scenario(async ({ cluster, lock, beliefs }) => cluster.until(read(beliefs, lock))),

    'free, for writing': scenario(async ({ cluster, lock, beliefs }) => cluster.until(write(beliefs, lock))),

    'tries, free': scenario(async ({ cluster, lock, beliefs }) => {
      const reader = await cluster.until(lock.readLock.tryAcquire())
      await cluster.until(beliefs.granted(reader!, 'read'))
      await cluster.until(beliefs.release(reader!))
      const writer = await cluster.until(lock.writeLock.tryAcquire())
      await cluster.until(beliefs.granted(writer!, 'write'))
      await cluster.until(beliefs.release(writer!))
    }),

    'tries, taken': scenario(async ({ cluster, lock, others, beliefs }) => {
      const writer = await cluster.until(others[0].writeLock.acquire())
      await cluster.until(beliefs.granted(writer, 'write'))
      expect(await cluster.until(lock.readLock.tryAcquire())).toBeUndefined()
      expect(await cluster.until(lock.writeLock.tryAcquire())).toBeUndefined()
      expect(await cluster.children(PATH)).toHaveLength(1)
      await cluster.until(beliefs.release(writer))
    }),

    'a reader behind a writer': scenario(async ({ cluster, lock, others, beliefs }) => {
      const writer = await cluster.until(others[0].writeLock.acquire())
      await cluster.until(beliefs.granted(writer, 'write'))
      const waiting = read(beliefs, lock)
      await cluster.quiet()
      await cluster.until(beliefs.release(writer))
      await cluster.until(waiting)
    }),

    'a reader behind two writers, of whom the near one leaves': scenario(
      async ({ cluster, lock, others, beliefs }) => {
        const writer = await cluster.until(others[0].writeLock.acquire())
        await cluster.until(beliefs.granted(writer, 'write'))
        const leave = new AbortController()
        const middle = expect(others[1].writeLock.acquire({ signal: leave.signal })).rejects.toThrow('left')
        await cluster.quiet()
        const waiting = read(beliefs, lock)
        await cluster.quiet()
        leave.abort(new Error('left'))
        await cluster.until(middle)
        await cluster.pass(EXPIRY_MS)
        expect(beliefs.grants).toBe(1)
        await cluster.until(beliefs.release(writer))
        await cluster.until(waiting)
      },
    ),

    'a writer behind two readers, of whom the near one leaves first': scenario(
      async ({ cluster, lock, others, beliefs }) => {
        const first = await cluster.until(others[0].readLock.acquire())
        await cluster.until(beliefs.granted(first, 'read'))
        const second = await cluster.until(others[1].readLock.acquire())
        await cluster.until(beliefs.granted(second, 'read'))
        const waiting = write(beliefs, lock)
        await cluster.quiet()
        const behind = read(beliefs, others[2])
        await cluster.until(beliefs.release(second))
        await cluster.pass(EXPIRY_MS)
        await cluster.until(beliefs.release(first))
        await cluster.until(Promise.all([waiting, behind]))
      },
    ),

    'a writer downgrades, with a reader and a writer behind it': scenario(
      async ({ cluster, lock, others, beliefs }) => {
        const held = await cluster.until(lock.writeLock.acquire())
        await cluster.until(beliefs.granted(held, 'write'))
        // After an expiry it is lost, and whoever comes is let in.
        const reader = read(beliefs, others[0])
        await cluster.quiet()
        const writer = write(beliefs, others[1])
        await cluster.quiet()
        const reading = await cluster.until(downgrade(beliefs, held))
        await cluster.until(reader)
        await cluster.pass(EXPIRY_MS)
        if (reading !== undefined) {
          const granted = beliefs.grants
          const confirmed = await cluster.until(isConfirmed(reading))
          expect(confirmed).toBe(!reading.signal.aborted)
          if (confirmed) expect(granted).toBe(2)
          await cluster.until(beliefs.release(reading))
        }
        await cluster.until(held.release())
        await cluster.until(writer)
      },
    ),

    'a downgraded hold that is watched and confirmed': scenario(async ({ cluster, lock, beliefs }) => {
      const held = await cluster.until(lock.writeLock.acquire())
      expect(held.signal.aborted).toBe(false)
      await cluster.until(beliefs.granted(held, 'write'))
      const reading = await cluster.until(downgrade(beliefs, held))
      if (reading !== undefined) {
        const { signal } = reading
        await cluster.quiet()
        const confirmed = await cluster.until(isConfirmed(reading))
        expect(confirmed).toBe(!signal.aborted)
        await cluster.until(beliefs.release(reading))
      }
      await cluster.until(held.release())
    }),

    'a writer behind one that downgrades': scenario(async ({ cluster, lock, others, beliefs }) => {
      const held = await cluster.until(others[0].writeLock.acquire())
      await cluster.until(beliefs.granted(held, 'write'))
      const waiting = write(beliefs, lock)
      await cluster.quiet()
      const reading = await cluster.until(downgrade(beliefs, held))
      await cluster.pass(EXPIRY_MS)
      expect(beliefs.grants).toBe(1)
      await cluster.until(beliefs.release(reading!))
      await cluster.until(waiting)
    }),

    'a reader behind one that downgrades': scenario(async ({ cluster, lock, others, beliefs }) => {
      const held = await cluster.until(others[0].writeLock.acquire())
      await cluster.until(beliefs.granted(held, 'write'))
      const waiting = read(beliefs, lock)
      await cluster.quiet()
      const reading = await cluster.until(downgrade(beliefs, held))
      await cluster.until(waiting)
      await cluster.until(beliefs.release(reading!))
    }),

    'a writer gives up': scenario(async ({ cluster, lock, others, beliefs }) => {
      const reader = await cluster.until(others[0].readLock.acquire())
      await cluster.until(beliefs.granted(reader, 'read'))
      const waiting = lock.writeLock.acquire({ timeoutMs: 1_000 })
      await expect(cluster.until(waiting)).rejects.toMatchObject({ code: 'TIMEOUT' })
      await cluster.pass(EXPIRY_MS)
      expect(await cluster.children(PATH)).toHaveLength(1)
      await cluster.until(beliefs.release(reader))
    }),
  },
})
