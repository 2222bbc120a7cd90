/** The read-write lock on the run's servers, its clients spread over them: order, downgrade, loss. */
import { describe, expect, it } from 'vitest'
import type { Hold } from 'latchkey'
import { ReadWriteLock } from 'latchkey'
import { untilChildren, untilLost } from './lock-stage.js'
import { endSession, recipeStage, type RecipeClient } from './recipe-stage.js'

interface Locks {
  readonly path: string
  readonly zks: readonly RecipeClient[]
  readonly locks: readonly ReadWriteLock[]
}

async function locksOn(count: number): Promise<Locks> {
  const { path, zks } = await recipeStage(count)
  return { path, zks, locks: zks.map((zk) => new ReadWriteLock(zk, path)) }
}

/** As the line says it: `wR` is a writer that holds and a reader that waits. Waiters are upper case. */
async function line(lock: ReadWriteLock): Promise<string> {
  const letters = (await lock.contenders()).map(({ kind, role }) => {
    const letter = kind === 'read' ? 'r' : 'w'
    return role === 'holder' ? letter : letter.toUpperCase()
  })
  return letters.join('')
}

describe('who is let in', () => {
  it('readers share; a writer waits for them, and readers behind it for the writer', async () => {
    const { path, zks, locks } = await locksOn(5)
    const readers = [await locks[0]!.readLock.acquire(), await locks[1]!.readLock.acquire()]
    const writing = locks[2]!.writeLock.acquire()
    await untilChildren(zks[0]!, path, 3)
    const late = [locks[3]!.readLock.acquire(), locks[4]!.readLock.acquire()]
    await untilChildren(zks[0]!, path, 5)
    expect(await line(locks[4]!)).toBe('rrWRR')
    await readers[1]!.release()
    expect(await line(locks[4]!)).toBe('rWRR')
    await readers[0]!.release()
    const writer = await writing
    expect(await line(locks[4]!)).toBe('wRR')
    await writer.release()
    const last = await Promise.all(late)
    expect(await line(locks[4]!)).toBe('rr')
    for (const hold of last) {
      expect(hold.fencingToken).toBeGreaterThan(writer.fencingToken)
      await hold.release()
    }
    expect(await locks[0]!.contenders()).toEqual([])
  })

  it('a try takes what is free for it and leaves nothing where it is not', async () => {
    const { path, zks, locks } = await locksOn(2)
    const read = await locks[0]!.readLock.tryAcquire()
    expect(await locks[1]!.writeLock.tryAcquire()).toBeUndefined()
    const another = await locks[1]!.readLock.tryAcquire()
    await zks[0]!.sync(path)
    expect((await zks[0]!.children(path)).children).toHaveLength(2)
    await read!.release()
    await another!.release()
    const write = await locks[1]!.writeLock.tryAcquire()
    expect(await locks[0]!.readLock.tryAcquire()).toBeUndefined()
    await write!.release()
  })

  it('one that gives up leaves nothing, and those behind it move up', async () => {
    const { path, zks, locks } = await locksOn(3)
    const read = await locks[0]!.readLock.acquire()
    const abort = new AbortController()
    const giving = locks[1]!.writeLock.acquire({ signal: abort.signal })
    await untilChildren(zks[0]!, path, 2)
    const behind = locks[2]!.readLock.acquire()
    await untilChildren(zks[0]!, path, 3)
    abort.abort(new Error('enough'))
    await expect(giving).rejects.toThrow('enough')
    await (await behind).release()
    await read.release()
    await untilChildren(zks[0]!, path, 0)
  })
})

describe('downgrade', () => {
  it('keeps the place: readers behind are let in, a writer behind waits, tokens stay in order', async () => {
    const { path, zks, locks } = await locksOn(4)
    const write = await locks[0]!.writeLock.acquire()
    const reading = locks[1]!.readLock.acquire()
    await untilChildren(zks[0]!, path, 2)
    const writing = locks[2]!.writeLock.acquire()
    await untilChildren(zks[0]!, path, 3)
    const read = await write.downgrade()
    const reader = await reading
    expect(await line(locks[3]!)).toBe('rrW')
    expect(read.fencingToken).toBe(write.fencingToken)
    await read.confirm()
    await reader.release()
    await write.release()
    expect(await line(locks[3]!)).toBe('rW')
    await read.release()
    const next = await writing
    expect(next.fencingToken).toBeGreaterThan(read.fencingToken)
    await next.release()
    await untilChildren(zks[0]!, path, 0)
  })

  it('of a lock that somebody deleted is a loss, and makes nothing', async () => {
    const { path, zks, locks } = await locksOn(2)
    const write = await locks[0]!.writeLock.acquire()
    await zks[1]!.sync(path)
    await zks[1]!.delete(write.path)
    await expect(write.downgrade()).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'node-deleted' })
    await untilChildren(zks[1]!, path, 0)
  })
})

describe('the end of a session', () => {
  it('lets the writer behind a downgraded reader in, and tells the reader', async () => {
    const { path, zks, locks } = await locksOn(2)
    const write = await locks[0]!.writeLock.acquire()
    const read = await write.downgrade()
    const { signal } = read
    const writing = locks[1]!.writeLock.acquire()
    await untilChildren(zks[1]!, path, 2)
    // Another member may tell of the znode before it hears that the session is over.
    await untilLost(signal, ['session-expired', 'node-deleted'], async () => endSession(zks[0]!))
    const writer: Hold = await writing
    await writer.release()
  })
})
