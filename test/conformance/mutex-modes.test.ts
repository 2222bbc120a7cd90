/** The modes of the mutex on the run's servers: tasks of one process, a znode that is kept, holds inside of holds. */
import { describe, expect, it } from 'vitest'
import type { Hold } from 'latchkey'
import { LockLostError, Mutex } from 'latchkey'
import { untilChildren } from './lock-stage.js'
import { endSession, recipeStage } from './recipe-stage.js'

describe('tasks of one process', () => {
  it('take turns with one znode, behind the other process after each', async () => {
    const { path, zks } = await recipeStage(2)
    const mutexes = zks.map((zk) => new Mutex(zk, path))
    const order: string[] = []
    const work = async (mutex: Mutex, name: string): Promise<void> => {
      await mutex.run(() => void order.push(name))
    }
    const first = await mutexes[0]!.acquire()
    const mine = ['a', 'a', 'a'].map(async (name) => work(mutexes[0]!, name))
    const theirs = work(mutexes[1]!, 'b')
    await untilChildren(zks[0]!, path, 2)
    const more = work(mutexes[1]!, 'b')
    expect(mutexes[0]!.localWaiters).toBe(3)
    await first.release()
    await Promise.all([...mine, theirs, more])
    expect(order).toEqual(['b', 'a', 'b', 'a', 'a'])
    await untilChildren(zks[1]!, path, 0)
  })

  it('go on when the holder lost its session, in the next one', async () => {
    const { path, zks } = await recipeStage(2)
    const mutex = new Mutex(zks[0]!, path)
    const lost = await mutex.acquire()
    const waiting = mutex.acquire()
    await endSession(zks[0]!)
    const next = await waiting
    expect(lost.signal.reason).toBeInstanceOf(LockLostError)
    expect(next.sessionId).not.toBe(lost.sessionId)
    await next.confirm()
    await next.release()
    await lost.release()
    await untilChildren(zks[1]!, path, 0)
  })

  it('go on when somebody deletes what the holder has', async () => {
    const { path, zks } = await recipeStage(2)
    const mutex = new Mutex(zks[0]!, path)
    const lost = await mutex.acquire()
    const waiting = mutex.acquire()
    await zks[1]!.sync(path)
    await zks[1]!.delete(lost.path)
    const next = await waiting
    expect(next.fencingToken).toBeGreaterThan(lost.fencingToken)
    await next.release()
    await lost.release()
    await untilChildren(zks[1]!, path, 0)
  })
})

describe('biased', () => {
  it('keeps the znode until another process queues up', async () => {
    const { path, zks } = await recipeStage(2)
    const mutex = new Mutex(zks[0]!, path, { biased: { idleMs: 60_000, maxMs: 60_000 } })
    const first = await mutex.run((hold) => hold)
    for (let round = 0; round < 100; round++) {
      expect(await mutex.run(({ fencingToken }) => fencingToken)).toBe(first.fencingToken)
    }
    const holding = await mutex.acquire()
    let granted: Hold | undefined
    const theirs = new Mutex(zks[1]!, path).acquire().then((hold) => (granted = hold))
    await untilChildren(zks[0]!, path, 2)
    expect(granted).toBeUndefined()
    const mine = mutex.acquire()
    await holding.release()
    const rival = await theirs
    expect(rival.fencingToken).toBeGreaterThan(first.fencingToken)
    await rival.release()
    const last = await mine
    expect(last.fencingToken).toBeGreaterThan(rival.fencingToken)
    await last.release()
    // Kept, and idle: given up as soon as somebody comes.
    await new Mutex(zks[1]!, path).run(() => undefined)
    await untilChildren(zks[1]!, path, 0)
  })

  it('gives nothing out again that was deleted, or that its session ended', async () => {
    const { path, zks } = await recipeStage(2)
    const mutex = new Mutex(zks[0]!, path, { biased: { idleMs: 60_000, maxMs: 60_000 } })
    const first = await mutex.run(async (hold) => {
      await zks[0]!.sync(path)
      return hold
    })
    await zks[1]!.sync(path)
    await zks[1]!.delete(first.path)
    await untilChildren(zks[0]!, path, 0)
    const second = await mutex.run((hold) => hold)
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken)
    const { signal } = zks[0]!.session!
    const ended = new Promise((resolve) => signal.addEventListener('abort', resolve))
    await endSession(zks[0]!)
    await ended
    const third = await mutex.run((hold) => hold)
    expect(third.sessionId).not.toBe(second.sessionId)
    await zks[0]!.close()
    await untilChildren(zks[1]!, path, 0)
  })
})

it('re-entrant: inside of run it is granted on the same znode, and refused once that is lost', async () => {
  const { path, zks } = await recipeStage(2)
  const mutex = new Mutex(zks[0]!, path, { reentrant: true })
  const running = mutex.run(async (outer) => {
    const lost = new Promise((resolve) => outer.signal.addEventListener('abort', resolve))
    expect(await mutex.run(({ fencingToken }) => fencingToken)).toBe(outer.fencingToken)
    const inner = await mutex.acquire()
    await inner.confirm()
    await zks[1]!.sync(path)
    await zks[1]!.delete(outer.path)
    await lost
    await expect(mutex.acquire()).rejects.toBeInstanceOf(LockLostError)
  })
  await expect(running).rejects.toBeInstanceOf(LockLostError)
  await untilChildren(zks[1]!, path, 0)
})
