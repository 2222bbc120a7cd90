/** Latch, election and cron on the run's servers, their clients spread over them. */
import { expect, it } from 'vitest'
import type { LatchState } from 'latchkey'
import { LeaderCron, LeaderElection, LeaderLatch } from 'latchkey'
import { deferred } from '../../src/runtime/deferred.js'
import { untilChildren } from './lock-stage.js'
import { endSession, itNeedsTransactions, recipeStage } from './recipe-stage.js'

async function untilState(latch: LeaderLatch, wanted: (state: LatchState) => boolean): Promise<void> {
  for await (const state of latch.states()) if (wanted(state)) return
  throw new Error('the latch has ended')
}

it('who starts first leads; after each end the next one does, with a greater token', async () => {
  const { path, zks } = await recipeStage(3)
  const latches = zks.map((zk, index) => new LeaderLatch(zk, path, { id: `p${index}` }))
  for (const latch of latches) await latch.start()
  const first = await latches[0]!.waitForLeadership()
  expect(latches.map(({ isLeader }) => isLeader)).toEqual([true, false, false])
  expect(await latches[2]!.participants()).toMatchObject([
    { id: 'p0', isLeader: true },
    { id: 'p1', isLeader: false },
    { id: 'p2', isLeader: false },
  ])
  await first.release()
  const second = await latches[1]!.waitForLeadership()
  expect(second.fencingToken).toBeGreaterThan(first.fencingToken)
  await latches[1]!.close({ mode: 'notify' })
  expect(second.signal.reason).toMatchObject({ reason: 'resigned' })
  await latches[2]!.waitForLeadership()
  expect((await latches[0]!.leader())?.value).toBe('p2')
  await latches[2]!.close()
  await latches[0]!.waitForLeadership()
  await latches[0]!.close()
  await untilChildren(zks[0]!, path, 0)
})

it('whose session ends leads no more, and stands by again in the next one', async () => {
  const { path, zks } = await recipeStage(2)
  const [one, two] = zks.map((zk) => new LeaderLatch(zk, path)) as [LeaderLatch, LeaderLatch]
  await one.start()
  const { signal } = await one.waitForLeadership()
  await two.start()
  const lost = new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))
  await endSession(zks[0]!)
  await two.waitForLeadership()
  expect(await lost).toMatchObject({ code: 'LOCK_LOST' })
  await untilChildren(zks[1]!, path, 2)
  expect(one.state).toEqual({ status: 'started', leadership: undefined })
  await two.close()
  await untilState(one, (state) => state.status === 'started' && state.leadership !== undefined)
  await one.close()
  await untilChildren(zks[0]!, path, 0)
})

it('an observer sees each leader and the newest value, in order', async () => {
  const { path, zks } = await recipeStage(3)
  const [one, two, three] = zks.map((zk, index) => new LeaderElection(zk, path, { id: `p${index}` })) as [
    LeaderElection,
    LeaderElection,
    LeaderElection,
  ]
  const seen: (string | undefined)[] = []
  const wanted = new Map<string | undefined, () => void>()
  const until = async (value: string | undefined): Promise<void> => {
    const shown = deferred<undefined>()
    wanted.set(value, () => shown.resolve(undefined))
    if (seen.length > 0 && seen.at(-1) === value) shown.resolve(undefined)
    await shown.promise
  }
  const abort = new AbortController()
  const observing = (async () => {
    for await (const leader of three.observe({ signal: abort.signal })) {
      seen.push(leader?.value)
      wanted.get(leader?.value)?.()
    }
  })()
  await until(undefined)
  const term = await one.campaign()
  await until('p0')
  const campaigning = two.campaign()
  for (let count = 0; count < 20; count++) await term.proclaim(`p0 ${count}`)
  await until('p0 19')
  await one.resign()
  const next = await campaigning
  await until('p1')
  await next.resign()
  wanted.delete(undefined)
  const gone = until(undefined)
  await gone
  abort.abort()
  await observing
  const counts = seen.filter((value) => value?.startsWith('p0 ')).map((value) => Number(value!.slice(3)))
  expect(counts).toEqual([...counts].sort((a, b) => a - b))
  expect(seen[0]).toBeUndefined()
  expect(seen.at(-2)).toBe('p1')
})

itNeedsTransactions(
  'a job of every second moves to another process, and no due time is started twice',
  async () => {
    const { path, zks } = await recipeStage(2)
    const due: number[] = []
    const ran = [deferred<undefined>(), deferred<undefined>()]
    const crons = zks.map((zk, index) => {
      const cron = new LeaderCron(zk, path, { id: `p${index}` })
      const task = (run: { due: Date }): void => {
        due.push(run.due.getTime())
        ran[index]!.resolve(undefined)
      }
      cron.schedule('* * * * * *', task, { name: 'tick' })
      return cron
    })
    for (const cron of crons) await cron.start()
    await ran[0]!.promise
    await endSession(zks[0]!)
    await ran[1]!.promise
    expect(new Set(due).size).toBe(due.length)
    const [job] = await crons[0]!.jobs()
    expect(new Set(job!.runs.map(({ by }) => by))).toEqual(new Set(['p0', 'p1']))
    await Promise.all(crons.map(async (cron) => cron.close()))
  },
)
