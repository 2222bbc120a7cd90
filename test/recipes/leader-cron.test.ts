/** Cron jobs in the process that leads: each due time at most once, whatever becomes of leaders, replies and clocks. */
import { LeaderCron, type CronRun } from 'latchkey'
import { expect, test } from 'vitest'
import { deferred } from '../../src/runtime/deferred.js'
import { EXPIRY_MS } from './cluster.js'
import { CRON, Crons } from './cron-stage.js'

// The calendar starts at 22:13:20.

test('a job runs at its times, in the leader only, and what it did is shown', async () => {
  await using crons = await Crons.start(3)
  const { cluster } = crons
  for (const [index, cron] of crons.crons.entries())
    cron.schedule('*/5 * * * *', crons.task(index), { name: 'report/daily' })
  await crons.startAll()
  await crons.passTo('22:30:01')
  expect(crons.runs).toEqual([
    'p0 2023-11-14T22:15:00',
    'p0 2023-11-14T22:20:00',
    'p0 2023-11-14T22:25:00',
    'p0 2023-11-14T22:30:00',
  ])
  const [job, ...others] = await cluster.until(crons.crons[2]!.jobs())
  expect(others).toEqual([])
  expect(job).toMatchObject({ name: 'report/daily', pattern: '*/5 * * * *', timezone: 'UTC', isLocal: true })
  expect(job!.next).toEqual(new Date('2023-11-14T22:35:00Z'))
  expect(job!.runs).toHaveLength(4)
  expect(job!.last).toMatchObject({ due: new Date('2023-11-14T22:30:00Z'), by: 'p0', outcome: 'done' })
  expect(job!.last!.endedAt!.getTime()).toBeLessThan(Date.parse('2023-11-14T22:30:00.100Z'))
  expect([crons.crons[0]!.isLeader, crons.crons[1]!.isLeader]).toEqual([true, false])
})

test('a run costs two requests: its start and its end', async () => {
  await using crons = await Crons.start(1)
  crons.crons[0]!.schedule('* * * * *', crons.task(0))
  await crons.startAll()
  await crons.passTo('22:14:30')
  const seen: string[] = []
  crons.cluster.control.dropBefore({
    where: ({ operation }) => {
      if (operation !== 'ping') seen.push(operation)
      return false
    },
  })
  await crons.passTo('22:15:30')
  expect(seen).toEqual(['multi', 'multi'])
  expect(crons.runs).toHaveLength(2)
})

test('when the leader goes, another one runs what falls due from then on, and nothing twice', async () => {
  await using crons = await Crons.start(3)
  for (const [index, cron] of crons.crons.entries()) cron.schedule('* * * * *', crons.task(index))
  await crons.startAll()
  await crons.passTo('22:15:30')
  await crons.cluster.until(crons.crons[0]!.close())
  await crons.passTo('22:16:30')
  crons.cluster.control.expireSession(crons.zks[1]!.session!.id)
  await crons.passTo('22:18:30')
  expect(crons.runs).toEqual([
    'p0 2023-11-14T22:14:00',
    'p0 2023-11-14T22:15:00',
    'p1 2023-11-14T22:16:00',
    'p2 2023-11-14T22:17:00',
    'p2 2023-11-14T22:18:00',
  ])
})

test.each(['skip', 'run-once'] as const)('due times that nobody was there for: %s', async (misfire) => {
  await using crons = await Crons.start(2)
  for (const [index, cron] of crons.crons.entries())
    cron.schedule('* * * * *', crons.task(index), { misfire })
  await crons.cluster.until(crons.crons[0]!.start())
  await crons.passTo('22:14:30')
  await crons.cluster.until(crons.crons[0]!.close())
  await crons.passTo('22:20:30')
  await crons.cluster.until(crons.crons[1]!.start())
  await crons.passTo('22:21:30')
  expect(crons.runs).toEqual([
    'p0 2023-11-14T22:14:00',
    // One for the six that were missed: the last of them.
    ...(misfire === 'run-once' ? ['p1 2023-11-14T22:20:00'] : []),
    'p1 2023-11-14T22:21:00',
  ])
})

test('a job that is new starts with the next due time, whatever its misfire policy', async () => {
  await using crons = await Crons.start(1)
  crons.crons[0]!.schedule('0 * * * *', crons.task(0), { misfire: 'run-once' })
  await crons.startAll()
  await crons.pass(5_000)
  expect(crons.runs).toEqual([])
  await crons.passTo('23:00:10')
  expect(crons.runs).toEqual(['p0 2023-11-14T23:00:00'])
})

test('a start within the grace is on time: leadership that changed hands just then loses no run', async () => {
  await using crons = await Crons.start(2)
  for (const [index, cron] of crons.crons.entries()) cron.schedule('* * * * *', crons.task(index))
  await crons.startAll()
  await crons.passTo('22:14:59')
  crons.cluster.control.expireSession(crons.zks[0]!.session!.id)
  await crons.passTo('22:15:30')
  expect(crons.runs).toEqual(['p0 2023-11-14T22:14:00', 'p1 2023-11-14T22:15:00'])
})

test.each(['skip', 'queue', 'allow'] as const)('while an earlier run goes on: %s', async (overlap) => {
  await using crons = await Crons.start(1)
  const gates = [deferred<undefined>(), deferred<undefined>(), deferred<undefined>(), deferred<undefined>()]
  let running = 0
  let most = 0
  const task = async (run: CronRun): Promise<void> => {
    crons.task(0)(run)
    most = Math.max(most, ++running)
    await gates[crons.runs.length - 1]!.promise
    running--
  }
  crons.crons[0]!.schedule('* * * * *', task, { overlap })
  await crons.startAll()
  await crons.passTo('22:17:30')
  gates[0]!.resolve(undefined)
  await crons.passTo('22:17:40')
  for (const gate of gates) gate.resolve(undefined)
  await crons.passTo('22:18:30')
  const expected = {
    skip: ['22:14', '22:18'],
    queue: ['22:14', '22:17', '22:18'],
    allow: ['22:14', '22:15', '22:16', '22:17', '22:18'],
  }
  expect(crons.runs.slice(0, 5).map((run) => run.slice(14, 19))).toEqual(expected[overlap])
  expect(most).toBe(overlap === 'allow' ? 4 : 1)
})

test('the task’s signal aborts when leadership goes; it shows as failed, or abandoned if it never ends', async () => {
  await using crons = await Crons.start(2)
  const told: string[] = []
  const forever = deferred<undefined>()
  crons.crons[0]!.schedule(
    '* * * * *',
    async ({ signal }) => {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
    { name: 'obedient' },
  )
  crons.crons[0]!.schedule(
    '* * * * *',
    async ({ signal }) => {
      signal.addEventListener('abort', () => told.push('deaf'))
      await forever.promise
    },
    { name: 'deaf' },
  )
  crons.crons[1]!.schedule('* * * * *', crons.task(1), { name: 'deaf' })
  await crons.startAll()
  await crons.passTo('22:14:30')
  crons.cluster.control.expireSession(crons.zks[0]!.session!.id)
  await crons.pass(EXPIRY_MS)
  expect(told).toEqual(['deaf'])
  const shown = await crons.cluster.until(crons.crons[1]!.jobs())
  expect(shown.map(({ name, last, isLocal }) => [name, last!.outcome, isLocal])).toEqual([
    ['deaf', 'abandoned', true],
    ['obedient', 'failed', false],
  ])
  expect(shown[1]!.last!.error).toMatch(/LockLostError: lost .*leader.*session has expired/)
  await crons.passTo('22:15:30')
  expect(crons.runs).toEqual(['p1 2023-11-14T22:15:00'])
  forever.resolve(undefined)
  await crons.pass(100)
  const [deaf] = await crons.cluster.until(crons.crons[1]!.jobs())
  expect(deaf!.runs.map(({ outcome, by }) => `${by} ${outcome}`)).toEqual(['p1 done', 'p0 done'])
})

test('what a task throws is kept, shortened, and logged; the job goes on, and the history stays short', async () => {
  await using crons = await Crons.start(1, { history: 3 })
  crons.crons[0]!.schedule('* * * * *', (run) => {
    crons.task(0)(run)
    throw new RangeError('x'.repeat(10_000))
  })
  await crons.startAll()
  await crons.passTo('22:20:30')
  expect(crons.runs).toHaveLength(7)
  const [job] = await crons.cluster.until(crons.crons[0]!.jobs())
  expect(job!.runs).toHaveLength(3)
  expect(job!.last).toMatchObject({ outcome: 'failed', due: new Date('2023-11-14T22:20:00Z') })
  expect(job!.last!.error!.length).toBeLessThan(600)
  expect(crons.cluster.log.filter(({ message }) => message === 'a run has failed')).toHaveLength(7)
})

test('a task may write under the leader’s guard', async () => {
  await using crons = await Crons.start(1)
  const zk = crons.zks[0]!
  await crons.cluster.until(zk.create('/report', 'old'))
  crons.crons[0]!.schedule('* * * * *', async ({ guard, fencingToken }) => {
    await guard(zk.transaction().set('/report', String(fencingToken))).commit()
  })
  await crons.startAll()
  await crons.passTo('22:14:30')
  expect(BigInt((await crons.cluster.until(zk.get('/report'))).data.toString())).toBeGreaterThan(0n)
})

test('jobs may come and go while it leads', async () => {
  await using crons = await Crons.start(1)
  const cron = crons.crons[0]!
  await crons.startAll()
  const stop = cron.schedule('* * * * *', crons.task(0))
  expect(() => cron.schedule('* * * * *', crons.task(0))).toThrow(/called "\* \* \* \* \*" already/)
  await crons.passTo('22:15:30')
  stop()
  stop()
  await crons.passTo('22:17:30')
  expect(crons.runs).toHaveLength(2)
  cron.schedule('* * * * *', crons.task(0))
  await crons.passTo('22:18:30')
  expect(crons.runs).toHaveLength(3)
})

test.each(['abort', 'finish'] as const)(
  'close with %s waits for the run under way, then gives up leadership',
  async (mode) => {
    await using crons = await Crons.start(2)
    const gate = deferred<undefined>()
    let aborted = false
    crons.crons[0]!.schedule(
      '* * * * *',
      async ({ signal }) => {
        signal.addEventListener('abort', () => (aborted = true))
        await gate.promise
      },
      { name: 'job' },
    )
    await crons.startAll()
    await crons.passTo('22:14:30')
    await expect(crons.cluster.until(crons.crons[0]!.close({ mode: 'hurry' as 'abort' }))).rejects.toThrow(
      TypeError,
    )
    const closing = crons.crons[0]!.close({ mode })
    await crons.pass(1_000)
    expect(aborted).toBe(mode === 'abort')
    expect(crons.crons[1]!.isLeader).toBe(false)
    gate.resolve(undefined)
    await crons.cluster.until(closing)
    await crons.pass(10)
    expect(crons.crons[1]!.isLeader).toBe(true)
    const [job] = await crons.cluster.until(crons.crons[1]!.jobs())
    expect(job!.last).toMatchObject({ outcome: 'done', by: 'p0' })
    expect(() => crons.crons[0]!.schedule('* * * * *', () => undefined)).toThrow(/closed/)
  },
)

test('close gives up leadership at its limit, though a task does not end', async () => {
  await using crons = await Crons.start(2)
  const gate = deferred<undefined>()
  crons.crons[0]!.schedule('* * * * *', async () => gate.promise)
  await crons.startAll()
  await crons.passTo('22:14:30')
  await expect(crons.cluster.until(crons.crons[0]!.close({ timeoutMs: 500 }))).rejects.toThrow(
    /runs under way/,
  )
  await crons.pass(10)
  expect(crons.crons[1]!.isLeader).toBe(true)
  gate.resolve(undefined)
  await crons.pass(10)
})

test('a record that is none is never overwritten: the job does not run, and the log says so', async () => {
  await using crons = await Crons.start(1)
  await crons.cluster.until(crons.zks[0]!.ensurePath(`${CRON}/jobs`))
  await crons.cluster.until(crons.zks[0]!.create(`${CRON}/jobs/mine`, 'not JSON'))
  crons.crons[0]!.schedule('* * * * *', crons.task(0), { name: 'mine' })
  await crons.startAll()
  await crons.passTo('22:16:00')
  expect(crons.runs).toEqual([])
  expect(crons.cluster.log.some(({ level, message }) => level === 'error' && /not run/.test(message))).toBe(
    true,
  )
  await expect(crons.cluster.until(crons.crons[0]!.jobs())).rejects.toMatchObject({
    code: 'DATA_INCONSISTENCY',
    path: `${CRON}/jobs/mine`,
  })
})

test('a record that is one in parts only is none either', async () => {
  await using crons = await Crons.start(1)
  const [zk, cron] = [crons.zks[0]!, crons.crons[0]!]
  await crons.cluster.until(zk.ensurePath(`${CRON}/jobs`))
  const run = { id: 'a', due: 0, startedAt: 0, by: 'p', fencingToken: '7', outcome: 'done' }
  const sound = { cursor: 0, pattern: '* * * * *', timezone: 'UTC', runs: [run] }
  await crons.cluster.until(zk.create(`${CRON}/jobs/a`, JSON.stringify(sound)))
  expect(await crons.cluster.until(cron.jobs())).toHaveLength(1)
  for (const wrong of [
    { pattern: 'never' },
    { pattern: 5 },
    { timezone: 'Mars/Base' },
    { runs: [null] },
    { runs: [{ ...run, fencingToken: 'seven' }] },
    { runs: [{ ...run, due: 'soon' }] },
  ]) {
    await crons.cluster.until(zk.set(`${CRON}/jobs/a`, JSON.stringify({ ...sound, ...wrong })))
    await expect(crons.cluster.until(cron.jobs())).rejects.toMatchObject({ code: 'DATA_INCONSISTENCY' })
  }
})

test('children that no job can have made are nobody’s jobs', async () => {
  await using crons = await Crons.start(1)
  for (const name of ['100%', '%zz', 'a%2fb'])
    await crons.cluster.until(crons.zks[0]!.ensurePath(`${CRON}/jobs/${name}`))
  expect(await crons.cluster.until(crons.crons[0]!.jobs())).toEqual([])
})

test('a record that an operator deletes is made again', async () => {
  await using crons = await Crons.start(1)
  crons.crons[0]!.schedule('* * * * *', crons.task(0), { name: '..' })
  await crons.startAll()
  await crons.passTo('22:14:30')
  await crons.cluster.until(crons.zks[0]!.delete(`${CRON}/jobs/%2E%2E`))
  await crons.passTo('22:16:30')
  expect(crons.runs).toHaveLength(3)
  expect((await crons.cluster.until(crons.crons[0]!.jobs()))[0]).toMatchObject({ name: '..' })
})

test('misuse is refused at once', async () => {
  await using crons = await Crons.start(1)
  const [cron, zk] = [crons.crons[0]!, crons.zks[0]!]
  const none = (): void => undefined
  expect(() => cron.schedule('every day', none)).toThrow(/CronPattern/)
  expect(() => cron.schedule('* * 32 * *', none)).toThrow(RangeError)
  expect(() => cron.schedule('* * * * *', none, { timezone: 'Mars/Base' })).toThrow(/Mars/)
  expect(() => cron.schedule('* * * * *', 5 as never)).toThrow(TypeError)
  expect(() => cron.schedule('* * * * *', none, { misfire: 'panic' as 'skip' })).toThrow(
    /misfire must be one of/,
  )
  expect(() => cron.schedule('* * * * *', none, { graceMs: -1 })).toThrow(RangeError)
  expect(() => new LeaderCron(zk, CRON, { history: 1_000 })).toThrow(RangeError)
  expect(() => new LeaderCron(zk, 'cron')).toThrow(TypeError)
})
