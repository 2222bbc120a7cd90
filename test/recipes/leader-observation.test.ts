/** Following who leads and what it proclaims: in order, and the newest always. */
import type { LeaderElection } from 'latchkey'
import { expect, test } from 'vitest'
import { ELECTION as PATH, electionStage as stage, follow } from './election-stage.js'

test('observing shows each leader and value in order, none while there is none, and always the newest', async () => {
  await using staged = await stage(3)
  const { cluster, elections } = staged
  const [one, two, three] = elections as [LeaderElection, LeaderElection, LeaderElection]
  const observer = follow(three)
  await cluster.quiet()
  expect(observer.seen).toEqual([undefined])
  const first = await cluster.until(one.campaign())
  const waiting = two.campaign()
  await cluster.quiet()
  await cluster.until(first.proclaim('p0, second value'))
  await cluster.quiet()
  await cluster.until(first.resign())
  await cluster.quiet()
  await cluster.until((await cluster.until(waiting)).resign())
  await cluster.quiet()
  expect(observer.seen).toEqual([undefined, 'p0', 'p0, second value', 'p1', undefined])
  await cluster.until(observer.end())
  await cluster.expectNothingLeft(PATH)
})

test('observing, a slow reader is shown the newest, not what it missed', async () => {
  await using staged = await stage(2)
  const { cluster, elections } = staged
  const term = await cluster.until(elections[0]!.campaign())
  const iterator = elections[1]!.observe()
  expect((await cluster.until(iterator.next())).value).toMatchObject({ value: 'p0' })
  for (const value of ['a', 'b', 'c']) await cluster.until(term.proclaim(value))
  expect((await cluster.until(iterator.next())).value).toMatchObject({ value: 'c' })
  await cluster.until(iterator.return!())
  await cluster.until(term.resign())
  await cluster.expectNothingLeft(PATH)
})

test('observing goes on through lost connections and new sessions, and misses no newest value', async () => {
  await using staged = await stage(2)
  const { cluster, zks, elections } = staged
  const term = await cluster.until(elections[0]!.campaign())
  const observer = follow(elections[1]!)
  await cluster.quiet()
  for (const [round, value] of ['a', 'b', 'c', 'd'].entries()) {
    cluster.control.pauseAccepting()
    if (round % 2 === 0) cluster.control.dropConnection(zks[1]!.session!.id)
    else cluster.control.expireSession(zks[1]!.session!.id)
    await cluster.until(term.proclaim(value))
    cluster.control.resumeAccepting()
    await cluster.pass(2_000)
    expect(observer.seen.at(-1)).toBe(value)
  }
  await cluster.until(term.resign())
  await cluster.until(observer.end())
  await cluster.expectNothingLeft(PATH)
})

test('observing ends at once on abort, also while cut off, and with ClosedError when the client is closed', async () => {
  await using staged = await stage(2)
  const { cluster, zks, elections } = staged
  const term = await cluster.until(elections[0]!.campaign())
  const observer = follow(elections[1]!)
  await cluster.quiet()
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zks[1]!.session!.id)
  await cluster.until(term.proclaim('unseen'))
  const start = cluster.clock.now()
  await cluster.until(observer.end())
  expect(cluster.clock.now()).toBe(start)
  cluster.control.resumeAccepting()
  await cluster.pass(2_000)
  const closing = follow(elections[1]!)
  await cluster.quiet()
  await cluster.until(zks[1]!.close())
  await expect(cluster.until(closing.end())).rejects.toMatchObject({ code: 'CLOSED' })
  await cluster.until(term.resign())
  await cluster.expectNothingLeft(PATH)
})

test('100 observers cost a leader’s change one event and two reads each, and no list per candidate', async () => {
  await using staged = await stage(2)
  const { cluster, elections } = staged
  const leader = await cluster.until(elections[0]!.campaign())
  const observers = Array.from({ length: 100 }, () => follow(elections[1]!))
  await cluster.quiet()
  const requests = (): number => cluster.control.sessions().reduce((sum, each) => sum + each.requests, 0)
  const candidate = elections[1]!.campaign()
  await cluster.quiet()
  const before = requests()
  await cluster.until(leader.resign())
  await cluster.quiet()
  // For each: a look at the old znode, sync and list, a look at the new one.
  expect(requests() - before).toBeLessThanOrEqual(100 * 4 + 10)
  expect(observers.every(({ seen }) => seen.at(-1) === 'p1')).toBe(true)
  await cluster.until((await cluster.until(candidate)).resign())
  await cluster.until(Promise.all(observers.map(async (each) => each.end())))
  await cluster.expectNothingLeft(PATH)
})
