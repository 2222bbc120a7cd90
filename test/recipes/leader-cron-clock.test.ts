/** Wall clocks that step, differ and change to summer time, and the calendar itself. */
import { expect, test } from 'vitest'
import { Schedule } from '../../recipes/leader-cron/schedule.js'
import { Crons } from './cron-stage.js'

const HOUR_MS = 3_600_000
const times = (runs: readonly string[]): string[] => runs.map((run) => run.slice(14, 19))

test('the wall clock steps back an hour: nothing that was run is run again', async () => {
  await using crons = await Crons.start(1)
  crons.crons[0]!.schedule('*/10 * * * *', crons.task(0), { misfire: 'run-once' })
  await crons.startAll()
  await crons.passTo('22:31:00')
  crons.clock.stepWall(-HOUR_MS)
  await crons.passTo('22:35:00')
  expect(times(crons.runs)).toEqual(['22:20', '22:30'])
  await crons.passTo('22:41:00')
  expect(times(crons.runs)).toEqual(['22:20', '22:30', '22:40'])
})

test.each(['skip', 'run-once'] as const)(
  'the wall clock steps forward an hour: what it stepped over is late (%s)',
  async (misfire) => {
    await using crons = await Crons.start(1)
    crons.crons[0]!.schedule('*/10 * * * *', crons.task(0), { misfire })
    await crons.startAll()
    await crons.passTo('22:21:00')
    // To 23:21, which is noticed within ten seconds.
    crons.clock.stepWall(HOUR_MS)
    await crons.pass(15_000)
    const missed = misfire === 'run-once' ? ['23:20'] : []
    expect(times(crons.runs)).toEqual(['22:20', ...missed])
    await crons.passTo('23:31:00')
    expect(times(crons.runs)).toEqual(['22:20', ...missed, '23:30'])
  },
)

test('a next leader whose clock is behind runs nothing twice', async () => {
  await using crons = await Crons.start(2)
  for (const [index, cron] of crons.crons.entries()) cron.schedule('* * * * *', crons.task(index))
  await crons.startAll()
  await crons.passTo('22:15:01')
  crons.clock.stepWall(-30_000)
  await crons.cluster.until(crons.crons[0]!.close())
  await crons.passTo('22:15:30')
  expect(times(crons.runs)).toEqual(['22:14', '22:15'])
  await crons.passTo('22:16:01')
  expect(times(crons.runs)).toEqual(['22:14', '22:15', '22:16'])
})

test('a last run far in the future is said in the log', async () => {
  await using crons = await Crons.start(1)
  crons.clock.stepWall(24 * HOUR_MS)
  const stop = crons.crons[0]!.schedule('* * * * *', crons.task(0))
  await crons.startAll()
  await crons.pass(61_000)
  stop()
  crons.clock.stepWall(-24 * HOUR_MS)
  crons.crons[0]!.schedule('* * * * *', crons.task(0))
  await crons.pass(120_000)
  expect(crons.runs).toHaveLength(1)
  expect(crons.cluster.log.some(({ message }) => /due in the future by our clock/.test(message))).toBe(true)
})

const at = (pattern: string, from: string, count: number): string[] => {
  const schedule = new Schedule(pattern, 'Europe/Berlin')
  const found: string[] = []
  for (let time = Date.parse(from); found.length < count;) {
    time = schedule.next(time)!
    found.push(new Date(time).toISOString().slice(0, 16))
  }
  return found
}

test('a fixed time is due once a day, also when the clocks skip it or show it twice', () => {
  expect(at('30 2 * * *', '2026-03-28T00:00:00Z', 3)).toEqual([
    '2026-03-28T01:30',
    '2026-03-29T01:00',
    '2026-03-30T00:30',
  ])
  expect(at('30 2 * * *', '2026-10-24T00:00:00Z', 3)).toEqual([
    '2026-10-24T00:30',
    '2026-10-25T00:30',
    '2026-10-26T01:30',
  ])
})

test('every half past follows the clock on the wall, each instant once', () => {
  expect(at('30 * * * *', '2026-10-24T23:00:00Z', 4)).toEqual([
    '2026-10-24T23:30',
    '2026-10-25T00:30',
    '2026-10-25T01:30',
    '2026-10-25T02:30',
  ])
  expect(at('30 * * * *', '2026-03-29T00:00:00Z', 2)).toEqual(['2026-03-29T00:30', '2026-03-29T01:30'])
})

test.each(['30 2 * * *', '*/7 1-3 * * *', '15 2,3 * * *', '0 0 29 2 *'])(
  'the next time is always later and never skips one, and the latest is the last of them: %s',
  (pattern) => {
    const schedule = new Schedule(pattern, 'Europe/Berlin')
    for (const start of [Date.UTC(2026, 2, 28, 20), Date.UTC(2026, 9, 24, 20)]) {
      let last = 0
      for (let time = start; time < start + 10 * HOUR_MS; time += 97_000) {
        const next = schedule.next(time)!
        expect(next).toBeGreaterThan(time)
        expect(next).toBeGreaterThanOrEqual(last)
        last = next
        const latest = schedule.latest(start, time)
        if (latest === undefined) expect(schedule.next(start)!).toBeGreaterThan(time)
        else {
          expect(latest).toBeLessThanOrEqual(time)
          expect(schedule.next(latest)!).toBeGreaterThan(time)
        }
      }
    }
  },
)

test('fractions of a millisecond, as other clocks may have them, are no trouble', () => {
  const schedule = new Schedule('* * * * * *')
  const now = Date.UTC(2026, 0, 8)
  for (let fraction = 0; fraction < 1; fraction += 0.05)
    for (let since = 0; since < 3_000; since += 333)
      expect(schedule.latest(now - 999.6 - fraction, now + since + fraction)).toBe(
        now + Math.floor(since / 1_000) * 1_000,
      )
})

test('a week missed by a job of every second is looked through at once', () => {
  const schedule = new Schedule('* * * * * *')
  const now = Date.UTC(2026, 0, 8)
  expect(schedule.latest(now - 7 * 24 * HOUR_MS, now + 500)).toBe(now)
  expect(new Schedule('0 0 30 2 *').next(now)).toBeUndefined()
  expect(new Schedule('0 0 30 2 *').latest(0, now)).toBeUndefined()
})
