/** Campaigns, terms, what a leader proclaims and what others see of it. */
import { LeaderElection, NoAuthError, type Leader } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { deferred } from '../../src/runtime/deferred.js'
import { Cluster, EXPIRY_MS } from './cluster.js'
import { ELECTION as PATH, electionStage as stage, follow } from './election-stage.js'

describe('campaigns', () => {
  test('candidates are elected in order; each term shows its value and has a greater token', async () => {
    await using staged = await stage(3)
    const { cluster, elections, zks } = staged
    const [one, two, three] = elections as [LeaderElection, LeaderElection, LeaderElection]
    expect(one.state).toEqual({ status: 'idle' })
    const first = await cluster.until(one.campaign())
    expect(await cluster.children(PATH)).toEqual([expect.stringMatching(/^_c_[0-9a-f-]{36}-lock-0{10}$/)])
    const second = two.campaign({ value: 'http://two' })
    await cluster.quiet()
    const third = three.campaign()
    await cluster.quiet()
    expect([one.state.status, two.state.status]).toEqual(['leading', 'campaigning'])
    expect(await cluster.until(three.candidates())).toMatchObject([
      { id: 'p0', isLeader: true, fencingToken: first.fencingToken },
      { id: 'http://two', isLeader: false },
      { id: 'p2', isLeader: false },
    ])
    await cluster.until(one.resign())
    expect(one.state).toEqual({ status: 'resigned' })
    const term = await cluster.until(second)
    expect(term.fencingToken).toBeGreaterThan(first.fencingToken)
    expect(await cluster.until(three.leader())).toMatchObject({
      value: 'http://two',
      sessionId: zks[1]!.session!.id,
      fencingToken: term.fencingToken,
    })
    await cluster.until(term.resign())
    await cluster.until((await cluster.until(third)).resign())
    expect(await cluster.until(one.leader())).toBeUndefined()
    await cluster.expectNothingLeft(PATH)
  })

  test('one candidate campaigns once at a time, and again after each end', async () => {
    await using staged = await stage(2)
    const { cluster, elections } = staged
    const [one, two] = elections as [LeaderElection, LeaderElection]
    const term = await cluster.until(one.campaign())
    await expect(one.campaign()).rejects.toThrow(/leading .* already/)
    const abort = new AbortController()
    const campaigning = two.campaign({ signal: abort.signal })
    await expect(two.campaign()).rejects.toThrow(/campaigning .* already/)
    await cluster.quiet()
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(campaigning).rejects.toBe(reason)
    expect(two.state).toEqual({ status: 'failed', error: reason })
    await expect(cluster.until(two.campaign({ timeoutMs: 100 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
    await expect(cluster.until(two.campaign({ timeoutMs: 0 }))).rejects.toThrow(/while another one led/)
    await cluster.until(term.release())
    await cluster.until((await cluster.until(one.campaign({ timeoutMs: 0 }))).release())
    await cluster.until((await cluster.until(two.campaign())).release())
    await cluster.expectNothingLeft(PATH)
  })

  test('a lost term is told by signal and state, the next is elected, and one may campaign at once', async () => {
    await using staged = await stage(2)
    const { cluster, zks, elections } = staged
    const [one, two] = elections as [LeaderElection, LeaderElection]
    const term = await cluster.until(one.campaign())
    const waiting = two.campaign()
    await cluster.quiet()
    const states: string[] = []
    one.on('state', ({ status }) => states.push(status))
    const again = deferred<ReturnType<LeaderElection['campaign']>>()
    term.signal.addEventListener('abort', () => again.resolve(one.campaign()))
    await cluster.until(zks[1]!.delete(term.path))
    const next = await cluster.until(waiting)
    await cluster.quiet()
    expect(states).toEqual(['lost', 'campaigning'])
    await expect(term.proclaim('too late')).rejects.toMatchObject({
      code: 'LOCK_LOST',
      reason: 'node-deleted',
    })
    await cluster.until(next.resign())
    await cluster.until((await cluster.until(again.promise)).resign())
    expect(states).toEqual(['lost', 'campaigning', 'leading', 'resigned'])
    await cluster.expectNothingLeft(PATH)
  })

  test('whose session ends while it campaigns stands again in the next one', async () => {
    await using staged = await stage(2)
    const { cluster, zks, elections } = staged
    const term = await cluster.until(elections[0]!.campaign())
    const waiting = elections[1]!.campaign({ value: 'patient' })
    await cluster.quiet()
    cluster.control.expireSession(zks[1]!.session!.id)
    await cluster.pass(1_000)
    expect(await cluster.until(elections[0]!.candidates())).toMatchObject([{ id: 'p0' }, { id: 'patient' }])
    await cluster.until(term.resign())
    await cluster.until((await cluster.until(waiting)).resign())
    await cluster.expectNothingLeft(PATH)
  })

  test('a refusal is told', async () => {
    await using cluster = await Cluster.start()
    const owner = await cluster.client({ auth: [{ scheme: 'digest', auth: 'owner:secret' }] })
    await cluster.until(owner.ensurePath(PATH))
    const election = new LeaderElection(await cluster.client(), PATH)
    await expect(cluster.until(election.campaign())).rejects.toThrow(NoAuthError)
    expect(election.state).toMatchObject({ status: 'failed', error: { code: 'NO_AUTH' } })
    await expect(election.proclaim('x')).rejects.toThrow(TypeError)
    await election.resign()
  })

  test('kazoo’s names, with the value where its Election has the identifier', async () => {
    await using staged = await stage(1, { dialect: 'kazoo' })
    const { cluster, elections } = staged
    const term = await cluster.until(elections[0]!.campaign())
    expect(await cluster.children(PATH)).toEqual([expect.stringMatching(/^[0-9a-f]{32}__lock__0{10}$/)])
    expect((await cluster.until(staged.zks[0]!.get(term.path))).data.toString()).toBe('p0')
    await cluster.until(term.resign())
    await cluster.expectNothingLeft(PATH)
  })

  test.each(['wrap', 'stick'] as const)(
    'at the end of the counter, which the server lets %s',
    async (overflow) => {
      await using staged = await stage(5, {}, { sequenceOverflow: overflow })
      const { cluster, zks, elections } = staged
      await cluster.until(zks[0]!.ensurePath(PATH))
      cluster.control.setSequence(PATH, 2_147_483_645)
      const elected: string[] = []
      const all = []
      const observer = follow(elections[0]!)
      for (const [index, election] of elections.entries()) {
        all.push(
          election.lead(async () => {
            elected.push(`p${index}`)
            expect((await election.leader())?.value).toBe(`p${index}`)
            await (await cluster.observer()).exists(PATH)
          }),
        )
        await cluster.pass(1.5)
      }
      await cluster.until(Promise.all(all))
      expect(elected).toEqual(['p0', 'p1', 'p2', 'p3', 'p4'])
      await cluster.quiet()
      expect(observer.seen.at(-1)).toBeUndefined()
      await cluster.until(observer.end())
      await cluster.expectNothingLeft(PATH)
    },
  )
})

describe('proclaiming', () => {
  test('values are shown in the order of the calls, through lost replies and requests', async () => {
    await using staged = await stage(2)
    const { cluster, elections } = staged
    const [one, two] = elections as [LeaderElection, LeaderElection]
    const term = await cluster.until(one.campaign())
    const observer = follow(two)
    await cluster.quiet()
    cluster.control.dropAfter({ operation: 'setData' })
    await cluster.until(Promise.all(['a', 'b', 'c'].map(async (value) => term.proclaim(value))))
    cluster.control.dropBefore({ operation: 'setData' })
    await cluster.until(one.proclaim('d'))
    await cluster.quiet()
    expect((await cluster.until(two.leader()))?.value).toBe('d')
    expect(observer.seen[0]).toBe('p0')
    expect(observer.seen.at(-1)).toBe('d')
    const sorted = [...observer.seen].sort((a, b) => (a === 'p0' ? -1 : b === 'p0' ? 1 : a! < b! ? -1 : 1))
    expect(observer.seen).toEqual(sorted)
    await cluster.until(term.resign())
    await expect(term.proclaim('e')).rejects.toThrow(TypeError)
    await cluster.until(observer.end())
    await cluster.expectNothingLeft(PATH)
  })

  test('is refused at once for what is no value, and for a request to give up', async () => {
    await using staged = await stage(1)
    const { cluster, elections } = staged
    await expect(elections[0]!.campaign({ value: 5 as unknown as string })).rejects.toThrow(TypeError)
    const term = await cluster.until(elections[0]!.campaign({ value: Buffer.from([1, 2]) }))
    await expect(term.proclaim('__REVOKE__')).rejects.toThrow(TypeError)
    expect((await cluster.until(elections[0]!.leader()))?.data).toEqual(Buffer.from([1, 2]))
    await cluster.until(term.proclaim(null))
    await cluster.until(term.resign())
  })

  test('an abort frees the caller at once; a later value still comes last', async () => {
    await using staged = await stage(1)
    const { cluster, elections, zks } = staged
    const term = await cluster.until(elections[0]!.campaign())
    const abort = new AbortController()
    const early = term.proclaim('early', { signal: abort.signal })
    const late = term.proclaim('late')
    await cluster.pass(0.5)
    abort.abort(new Error('enough'))
    await expect(early).rejects.toThrow('enough')
    await cluster.until(late)
    expect((await cluster.until(zks[0]!.get(term.path))).data.toString()).toBe('late')
    await cluster.until(term.resign())
  })
})

describe('lead', () => {
  test('runs while it leads, gives the result, and resigns', async () => {
    await using staged = await stage(1)
    const { cluster, elections } = staged
    const leader = await cluster.until(elections[0]!.lead(async () => elections[0]!.leader()))
    expect(leader).toMatchObject({ value: 'p0' } satisfies Partial<Leader>)
    await expect(
      cluster.until(
        elections[0]!.lead(() => {
          throw new Error('task failed')
        }),
      ),
    ).rejects.toThrow('task failed')
    expect(elections[0]!.state).toEqual({ status: 'resigned' })
    await expect(elections[0]!.lead(undefined as never)).rejects.toThrow(TypeError)
    await cluster.expectNothingLeft(PATH)
  })

  test('73, 518: with requeue it stands again after each term, behind the others, until it is aborted', async () => {
    await using staged = await stage(2)
    const { cluster, elections } = staged
    const order: string[] = []
    const abort = new AbortController()
    const all = elections.map(async (election, index) =>
      election.lead(
        async () => {
          order.push(`p${index}`)
          if (order.length === 8) abort.abort(new Error('enough'))
          await (await cluster.observer()).exists('/')
        },
        { requeue: true, signal: abort.signal },
      ),
    )
    const outcomes = await cluster.until(Promise.allSettled(all))
    expect(outcomes).toMatchObject([{ reason: new Error('enough') }, { reason: new Error('enough') }])
    expect(order).toEqual(['p0', 'p1', 'p0', 'p1', 'p0', 'p1', 'p0', 'p1'])
    await cluster.quiet()
    await cluster.expectNothingLeft(PATH)
  })

  test('15, 16: an expiry does not end the loop; the term’s signal aborts and it stands again', async () => {
    await using staged = await stage(1)
    const { cluster, zks, elections } = staged
    const abort = new AbortController()
    const terms: bigint[] = []
    const leading = elections[0]!.lead(
      async (term) => {
        terms.push(term.fencingToken)
        await new Promise((resolve) => term.signal.addEventListener('abort', resolve))
        throw new Error('interrupted')
      },
      { requeue: true, signal: abort.signal },
    )
    for (let round = 1; round < 4; round++) {
      await cluster.pass(1_000)
      expect(terms).toHaveLength(round)
      cluster.control.expireSession(zks[0]!.session!.id)
      await cluster.pass(EXPIRY_MS)
    }
    abort.abort(new Error('enough'))
    await cluster.pass(100)
    cluster.control.expireSession(zks[0]!.session!.id)
    await expect(cluster.until(leading)).rejects.toThrow('enough')
    await cluster.pass(EXPIRY_MS)
    await cluster.expectNothingLeft(PATH)
  })

  test('54: cancelled before it leads it ends at once, and the task never runs', async () => {
    await using staged = await stage(2)
    const { cluster, elections } = staged
    const term = await cluster.until(elections[0]!.campaign())
    const abort = new AbortController()
    let ran = false
    const leading = elections[1]!.lead(() => (ran = true), { requeue: true, signal: abort.signal })
    await cluster.quiet()
    abort.abort(new Error('enough'))
    await expect(leading).rejects.toThrow('enough')
    await cluster.until(term.resign())
    await cluster.quiet()
    expect(ran).toBe(false)
    await cluster.expectNothingLeft(PATH)
  })

  test('with requeue, what the task throws while it leads ends it', async () => {
    await using staged = await stage(1)
    const { cluster, elections } = staged
    const leading = elections[0]!.lead(() => Promise.reject(new Error('task failed')), { requeue: true })
    await expect(cluster.until(leading)).rejects.toThrow('task failed')
    await cluster.expectNothingLeft(PATH)
  })

  test('once, a term lost while the task ran is an error, though the task did not notice', async () => {
    await using staged = await stage(2)
    const { cluster, zks, elections } = staged
    const leading = elections[0]!.lead(async (term) => {
      await zks[1]!.delete(term.path)
      await zks[1]!.exists('/')
    })
    await expect(cluster.until(leading)).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await cluster.expectNothingLeft(PATH)
  })
})
