/** What can come between two requests of a waiter, and must not fool it. */
import { Semaphore, type Client, type Lease, type Zk } from 'latchkey'
import { expect, test } from 'vitest'
import { see, type Seen } from './read-write-stage.js'
import { POOL, SemaphoreStage } from './semaphore-stage.js'

const LIMIT = '/app/limit'

test('one that is let in before the one behind watches it does not count as a waiter', async () => {
  await using stage = await SemaphoreStage.start(4, 'native', 2)
  const { cluster, semaphores, zks } = stage
  const leases: Lease[] = []
  for (const semaphore of semaphores.slice(0, 2)) leases.push(await cluster.until(semaphore.acquire()))
  const ahead = see(semaphores[2]!.acquire())
  await cluster.quiet()
  // The list still shows a waiter ahead; by the time that it arrives, that one is let in and has said so.
  cluster.control.delayReply({ session: zks[3]!.session!.id, operation: 'getChildren2' }, 50)
  const behind = see(semaphores[3]!.acquire())
  await cluster.pass(5)
  await cluster.until(leases[0]!.release())
  await cluster.pass(10)
  expect([ahead.settled, behind.settled]).toEqual([true, false])
  await cluster.quiet()
  await cluster.until(leases[1]!.release())
  await cluster.quiet()
  expect(behind.settled).toBe(true)
  await cluster.until(Promise.all([ahead.value!.release(), behind.value!.release()]))
  await stage.expectNothingLeft()
})

test('one that is let in tells the one behind it, so that no release is missed', async () => {
  await using stage = await SemaphoreStage.start(4, 'native', 2)
  const { cluster, semaphores } = stage
  const seen: Seen<Lease>[] = []
  for (const semaphore of semaphores) {
    seen.push(see(semaphore.acquire()))
    await cluster.quiet()
  }
  await cluster.until(seen[0]!.value!.release())
  await cluster.quiet()
  await cluster.until(seen[1]!.value!.release())
  await cluster.quiet()
  expect(seen.map(({ settled }) => settled)).toEqual([true, true, true, true])
  await cluster.until(Promise.all(seen.slice(2).map(async ({ value }) => value!.release())))
  await stage.expectNothingLeft()
})

test('in Curator’s layout, a limit that is lowered between look and grant holds', async () => {
  await using stage = await SemaphoreStage.start(3, 'curator', { path: LIMIT, initial: 2 })
  const { cluster, semaphores, zks } = stage
  const lease = await cluster.until(semaphores[0]!.acquire())
  cluster.control.delayReply({ session: zks[1]!.session!.id, path: LIMIT }, 50)
  const waiting = see(semaphores[1]!.acquire())
  await cluster.pass(10)
  await cluster.until(semaphores[2]!.resize(1))
  await cluster.quiet()
  expect(waiting.settled).toBe(false)
  await cluster.until(lease.release())
  await cluster.until((await cluster.until(waiting.promise)).release())
  await stage.expectNothingLeft()
})

/** After its first look at the limit, all else that it asks waits until `between` has run. */
function interrupted(zk: Client, between: () => Promise<void>): Zk {
  let done: Promise<void> | undefined
  return new Proxy<Client>(zk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const call = (...given: unknown[]): unknown => Reflect.apply(value, target, given)
      if (name !== 'get' && name !== 'children') return call
      return (...given: unknown[]): unknown => {
        if (done !== undefined) return done.then(() => call(...given))
        const result = call(...given)
        if (name === 'get') done = between()
        return result
      }
    },
  })
}

test('a limit that is lowered while it is read is not taken for the one that belongs to the list', async () => {
  await using stage = await SemaphoreStage.start(3, 'native', { path: LIMIT, initial: 2 })
  const { cluster, semaphores, zks } = stage
  const leases: Lease[] = []
  for (let i = 0; i < 2; i++) leases.push(await cluster.until(semaphores[0]!.acquire()))
  // With the limit from before and the list from behind, one of two permits would seem to be free.
  const zk = interrupted(zks[1]!, async () => {
    await semaphores[2]!.resize(1)
    await leases[0]!.release()
  })
  const waiting = see(new Semaphore(zk, POOL, { permits: { path: LIMIT } }).acquire())
  await cluster.quiet()
  expect(waiting.settled).toBe(false)
  await cluster.until(leases[1]!.release())
  await cluster.until((await cluster.until(waiting.promise)).release())
  await stage.expectNothingLeft()
})
