import { DoubleBarrier, type BarrierPass } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { watched } from '../../support/world.js'
import { EXPIRY_MS } from '../cluster.js'
import { PATH, stage } from './stage.js'

const dialects = ['native', 'curator', 'kazoo'] as const

describe.each(dialects)('%s', (dialect) => {
  test('nobody enters before all are there, nobody leaves before all are done', async () => {
    await using s = await stage(3, { members: 3, dialect })
    const entering = s.barriers.slice(0, 2).map((barrier) => watched(barrier.enter()))
    await s.cluster.pass(EXPIRY_MS)
    expect(entering.map(({ settled }) => settled)).toEqual([false, false])
    const last = await s.cluster.until(s.barriers[2]!.enter())
    const passes = [last, ...(await s.cluster.until(Promise.all(entering.map(({ promise }) => promise))))]
    const leaving = passes.slice(1).map((pass) => watched(pass.leave()))
    await s.cluster.pass(EXPIRY_MS)
    expect(leaving.map(({ settled }) => settled)).toEqual([false, false])
    await s.cluster.until(Promise.all([last.leave(), ...leaving.map(({ promise }) => promise)]))
    await s.cluster.expectNothingLeft(PATH)
  })

  test('one that timed out does not count', async () => {
    await using s = await stage(3, { members: 3, dialect })
    await expect(s.cluster.until(s.barriers[0]!.enter({ timeoutMs: 1_000 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    await s.cluster.quiet()
    const entering = s.barriers.slice(1).map((barrier) => watched(barrier.enter({ timeoutMs: 30_000 })))
    await s.cluster.pass(EXPIRY_MS)
    expect(entering.map(({ settled }) => settled)).toEqual([false, false])
    const all = await s.cluster.until(
      Promise.all([s.barriers[0]!.enter(), ...entering.map(({ promise }) => promise)]),
    )
    await s.cluster.until(Promise.all(all.map(async (pass) => pass.leave())))
    await s.cluster.expectNothingLeft(PATH)
  })

  test('after a crash of all inside, a lone member does not pass', async () => {
    await using s = await stage(4, { members: 3, dialect })
    await s.cluster.until(Promise.all(s.barriers.slice(0, 3).map(async (barrier) => barrier.enter())))
    for (const zk of s.zks.slice(0, 3)) s.cluster.control.expireSession(zk.session!.id)
    await s.cluster.pass(EXPIRY_MS)
    const lone = watched(s.barriers[3]!.enter())
    await s.cluster.pass(EXPIRY_MS)
    expect(lone.settled).toBe(false)
    const others = s.barriers.slice(0, 2).map(async (barrier) => barrier.enter())
    const passes = await s.cluster.until(Promise.all([lone.promise, ...others]))
    await s.cluster.until(Promise.all(passes.map(async (pass) => pass.leave())))
    await s.cluster.expectNothingLeft(PATH)
  })

  test('who dies inside is not waited for when leaving', async () => {
    await using s = await stage(3, { members: 3, dialect })
    const passes = await s.cluster.until(Promise.all(s.barriers.map(async (barrier) => barrier.enter())))
    const leaving = passes.slice(0, 2).map((pass) => watched(pass.leave()))
    await s.cluster.quiet()
    expect(leaving.map(({ settled }) => settled)).toEqual([false, false])
    const { signal } = passes[2]!
    s.cluster.control.expireSession(s.zks[2]!.session!.id)
    await s.cluster.until(Promise.all(leaving.map(({ promise }) => promise)))
    await s.cluster.pass(EXPIRY_MS)
    expect(signal.aborted).toBe(true)
    await expect(s.cluster.until(passes[2]!.leave())).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await s.cluster.expectNothingLeft(PATH)
  })

  test('a limit on leaving ends the wait, not the leaving', async () => {
    await using s = await stage(2, { members: 2, dialect })
    const passes = await s.cluster.until(Promise.all(s.barriers.map(async (barrier) => barrier.enter())))
    const before = s.cluster.control.sessions().reduce((sum, { requests }) => sum + requests, 0)
    const limited = passes[0]!.leave({ timeoutMs: 1_000 })
    await expect(s.cluster.until(limited)).rejects.toMatchObject({ code: 'TIMEOUT' })
    const after = s.cluster.control.sessions().reduce((sum, { requests }) => sum + requests, 0)
    expect(after - before).toBeLessThan(12) // It waits, it does not spin.
    await s.cluster.until(passes[1]!.leave())
    await s.cluster.until(passes[0]!.leave())
    await s.cluster.expectNothingLeft(PATH)
  })

  test('the create whose reply got lost is found: no orphan counts', async () => {
    await using s = await stage(3, { members: 3, dialect })
    const zk = s.zks[0]!
    s.cluster.control.dropAfter({ session: zk.session!.id, operation: 'create' })
    const entering = s.barriers.slice(0, 2).map((barrier) => watched(barrier.enter()))
    await s.cluster.pass(EXPIRY_MS)
    expect(entering.map(({ settled }) => settled)).toEqual([false, false])
    const passes = await s.cluster.until(
      Promise.all([s.barriers[2]!.enter(), ...entering.map(({ promise }) => promise)]),
    )
    await s.cluster.until(Promise.all(passes.map(async (pass) => pass.leave())))
    await s.cluster.expectNothingLeft(PATH)
  })
})

test('all of a round have its number, and rounds count up', async () => {
  await using s = await stage(6, { members: 3 })
  const rounds: bigint[] = []
  for (let i = 0; i < 3; i++) {
    const passes = await s.cluster.until(Promise.all(s.barriers.map(async (barrier) => barrier.enter())))
    const numbers = [...new Set(passes.map(({ round }) => round))].sort((a, b) => Number(a - b))
    expect(numbers).toHaveLength(2)
    for (const number of numbers) expect(passes.filter(({ round }) => round === number)).toHaveLength(3)
    rounds.push(...numbers)
    await s.cluster.until(Promise.all(passes.map(async (pass) => pass.leave())))
  }
  expect(rounds).toEqual([...rounds].sort((a, b) => Number(a - b)))
  await s.cluster.expectNothingLeft(PATH)
})

test('who comes while a round is inside waits for the next one, and a round leaves though others wait', async () => {
  await using s = await stage(4, { members: 2 })
  const inside = await s.cluster.until(
    Promise.all(s.barriers.slice(0, 2).map(async (barrier) => barrier.enter())),
  )
  const early = watched(s.barriers[2]!.enter())
  await s.cluster.pass(EXPIRY_MS)
  expect(early.settled).toBe(false)
  await s.cluster.until(Promise.all(inside.map(async (pass) => pass.leave())))
  await s.cluster.quiet()
  expect(early.settled).toBe(false)
  const next = await s.cluster.until(Promise.all([early.promise, s.barriers[3]!.enter()]))
  expect(next[0].round).toBe(next[1].round)
  await s.cluster.until(Promise.all(next.map(async (pass) => pass.leave())))
  await s.cluster.expectNothingLeft(PATH)
})

test('strangers among the children let nobody in', async () => {
  await using s = await stage(2, { members: 2 })
  const zk = s.zks[0]!
  await s.cluster.until(zk.create(`${PATH}/ready`, null))
  await s.cluster.until(zk.create(`${PATH}/!x`, null, { mode: 'ephemeral' }))
  await s.cluster.until(zk.create(`${PATH}/round-00000000-0000-4000-8000-000000000000`, 'not json'))
  const first = watched(s.barriers[0]!.enter())
  await s.cluster.pass(EXPIRY_MS)
  expect(first.settled).toBe(false)
  const passes = await s.cluster.until(Promise.all([first.promise, s.barriers[1]!.enter()]))
  await s.cluster.until(Promise.all(passes.map(async (pass) => pass.leave())))
  expect(await s.cluster.children(PATH)).toHaveLength(3)
})

test('the sequence counter may wrap in the middle of a round', async () => {
  await using s = await stage(3, { members: 3 })
  s.cluster.control.setSequence(PATH, 2_147_483_646)
  const passes = await s.cluster.until(Promise.all(s.barriers.map(async (barrier) => barrier.enter())))
  await s.cluster.until(Promise.all(passes.map(async (pass) => pass.leave())))
  await s.cluster.expectNothingLeft(PATH)
})

test('run enters, runs and leaves; when it throws nobody is waited for', async () => {
  await using s = await stage(2, { members: 2 })
  let inside = 0
  const one = s.barriers[0]!.run(() => inside++)
  const two = s.barriers[1]!.run(() => Promise.reject(new Error('broken')))
  await expect(s.cluster.until(two)).rejects.toThrow('broken')
  await s.cluster.until(one)
  expect(inside).toBe(1)
  await s.cluster.expectNothingLeft(PATH)
})

test.each([0, 1.5, Number.NaN, 6_000, '3'])('members %s is refused', async (members) => {
  await using s = await stage(1, { members: 1 })
  expect(() => new DoubleBarrier(s.zks[0]!, PATH, { members: members as number })).toThrow()
})

test('64 members: requests per member of a round', async () => {
  await using s = await stage(8, { members: 64 })
  const all = s.barriers.flatMap((barrier) => Array.from({ length: 8 }, () => barrier))
  const count = (): number => s.cluster.control.sessions().reduce((sum, { requests }) => sum + requests, 0)
  const start = count()
  const passes: BarrierPass[] = await s.cluster.until(
    Promise.all(all.map(async (barrier) => barrier.enter())),
  )
  const entered = count()
  await s.cluster.until(Promise.all(passes.map(async (pass) => pass.leave())))
  expect((entered - start) / 64).toBeLessThan(5)
  expect((count() - entered) / 64).toBeLessThan(12)
  await s.cluster.expectNothingLeft(PATH)
})
