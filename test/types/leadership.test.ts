/** The types of latch, election and cron. Checked by the compiler (`npm run typecheck`), which fails where one changes. */
import type { LeaderCron, LeaderElection } from 'latchkey'
import {
  type Client,
  type CronJobInfo,
  type Hold,
  LeaderLatch,
  type LatchState,
  type Leader,
  type Leadership,
  type Term,
  type Zk,
} from 'latchkey'
import { describe, expectTypeOf, test } from 'vitest'

// Never called: the compiler alone reads these tests, and only the arguments' types count.
const zk = null as unknown as Client

describe('LeaderLatch', () => {
  test('stands on anything that is a Zk, and gives leadership as a hold', () => {
    expectTypeOf(LeaderLatch).toBeConstructibleWith({} as Zk, '/leader')
    expectTypeOf<LeaderLatch['waitForLeadership']>().returns.resolves.toEqualTypeOf<Leadership>()
    expectTypeOf<Leadership>().toExtend<Hold>()
    expectTypeOf<LeaderLatch['leadership']>().toEqualTypeOf<Leadership | undefined>()
  })

  test('a state has only what belongs to it', () => {
    expectTypeOf<Extract<LatchState, { status: 'failed' }>>().toHaveProperty('error')
    expectTypeOf<Extract<LatchState, { status: 'started' }>>().not.toHaveProperty('error')
  })

  test('mistakes do not compile', () => {
    // @ts-expect-error -- a mode that is none
    const mode = (latch: LeaderLatch): unknown => latch.close({ mode: 'loud' })
    // @ts-expect-error -- an option that is none
    const option = (): unknown => new LeaderLatch(zk, '/leader', { dialect: 'kazoo' })
    expectTypeOf([mode, option]).toBeArray()
  })
})

describe('LeaderElection', () => {
  test('a term is a hold; observers see leaders or nobody', () => {
    expectTypeOf<LeaderElection['campaign']>().returns.resolves.toEqualTypeOf<Term>()
    expectTypeOf<Term>().toExtend<Hold>()
    expectTypeOf<LeaderElection['observe']>().returns.toEqualTypeOf<
      AsyncIterableIterator<Leader | undefined>
    >()
  })

  test('lead gives what its function gives, once; with requeue it never resolves', () => {
    const once = (election: LeaderElection): Promise<number> => election.lead(() => 5)
    const always = (election: LeaderElection): Promise<never> => election.lead(() => 5, { requeue: true })
    expectTypeOf([once, always]).toBeArray()
  })
})

describe('LeaderCron', () => {
  test('schedule takes a task and gives the way to stop', () => {
    const schedule = (cron: LeaderCron): (() => void) =>
      cron.schedule('* * * * *', async ({ due, signal }) => expectTypeOf([due, signal]).toBeArray(), {
        misfire: 'run-once',
        overlap: 'queue',
      })
    // @ts-expect-error -- a policy that is none
    const mistake = (cron: LeaderCron): unknown => cron.schedule('* * * * *', () => 1, { misfire: 'panic' })
    expectTypeOf([schedule, mistake]).toBeArray()
    expectTypeOf<LeaderCron['jobs']>().returns.resolves.toEqualTypeOf<CronJobInfo[]>()
  })
})
