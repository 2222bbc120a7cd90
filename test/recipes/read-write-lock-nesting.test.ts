/** Upgrade, and other ways to wait for oneself. */
import { DeadlockError, ReadWriteLock, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { PATH } from './cluster.js'
import { ReadWriteStage } from './read-write-stage.js'

test('writing inside of a run that reads is refused at once, before any request', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, zks, locks } = stage
  const { readLock, writeLock } = locks[0]!
  const running = readLock.run(async () => {
    const requests = stage.requestsOf(zks[0]!)
    await expect(writeLock.acquire()).rejects.toThrow(DeadlockError)
    await expect(writeLock.acquire({ timeoutMs: 50 })).rejects.toMatchObject({
      code: 'DEADLOCK',
      path: PATH,
    })
    await expect(writeLock.run(() => 'never')).rejects.toThrow(/no upgrade/)
    expect(requests).toEqual([])
    // A try does not wait: it is busy, and that is that.
    expect(await writeLock.tryAcquire()).toBeUndefined()
  })
  await cluster.until(running)
  await cluster.expectNothingLeft(PATH)
})

test('reading or writing inside of a run that writes is refused; after its downgrade reading is fine', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, locks } = stage
  const { readLock, writeLock } = locks[0]!
  const running = writeLock.run(async (hold) => {
    await expect(readLock.acquire()).rejects.toThrow(/downgrade/)
    await expect(writeLock.acquire()).rejects.toThrow(DeadlockError)
    const read = await hold.downgrade()
    await readLock.run(() => undefined)
    await expect(writeLock.acquire()).rejects.toThrow(DeadlockError)
    await read.release()
    await writeLock.run(() => undefined)
  })
  await cluster.until(running)
  await cluster.expectNothingLeft(PATH)
})

test('reading inside of a run that reads is fine, unless a writer has queued up in between', async () => {
  await using stage = await ReadWriteStage.start(2)
  const { cluster, locks } = stage
  const { readLock } = locks[0]!
  let writer: Promise<Hold> | undefined
  const running = readLock.run(async () => {
    await readLock.run(() => undefined)
    writer = locks[1]!.writeLock.acquire()
    await locks[1]!.contenders() // Behind the writer's create, on its connection.
    await expect(readLock.acquire()).rejects.toThrow(/waits for _c_.*READ.*of the outer run/)
  })
  await cluster.until(running)
  await cluster.until((await cluster.until(writer!)).release())
  await cluster.expectNothingLeft(PATH)
})

test('another path, and what a run started and left behind, are nobody’s business', async () => {
  await using stage = await ReadWriteStage.start(1)
  const { cluster, zks, locks } = stage
  const { readLock, writeLock } = locks[0]!
  const other = new ReadWriteLock(zks[0]!, '/locks/other')
  let later: (() => Promise<Hold>) | undefined
  const running = readLock.run(async () => {
    await other.writeLock.run(() => undefined)
    const gate = new Promise<void>(
      (resolve) =>
        (later = async () => {
          resolve()
          return acquired
        }),
    )
    const acquired = gate.then(async () => writeLock.acquire())
  })
  await cluster.until(running)
  await cluster.until((await cluster.until(later!())).release())
  await cluster.expectNothingLeft(PATH)
})
