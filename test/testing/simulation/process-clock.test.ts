import { expect, test } from 'vitest'
import { seededRandom } from '../../../src/runtime/random.js'
import { VirtualClock } from '../../../src/runtime/virtual-clock.js'
import { ProcessClock } from '../../../src/testing/simulation/process-clock.js'

test.each([-200, 0, 200])(
  'with a drift of %i ppm a timer never fires before its time, nor long after',
  async (ppm) => {
    const clock = new VirtualClock()
    const own = new ProcessClock(clock, 123_456, ppm)
    const random = seededRandom(1)
    for (let i = 0; i < 500; i++) {
      const ms = random.next() * 10 ** Math.floor(random.next() * 6)
      const begun = own.now()
      let fired: number | undefined
      own.setTimer(ms, () => (fired = own.now()))
      await clock.advance(ms * 1.01 + 1)
      expect(fired! - begun).toBeGreaterThanOrEqual(ms)
      expect(fired! - begun).toBeLessThan(ms + 0.01)
    }
  },
)

test.each([
  ['timers-first', ['timer', 'data']],
  ['network-first', ['data', 'timer']],
] as const)('what is overdue when it goes on comes %s', async (order, expected) => {
  const clock = new VirtualClock()
  const own = new ProcessClock(clock, 0, 0)
  const seen: string[] = []
  own.setTimer(10, () => seen.push('timer'))
  own.freeze()
  clock.setTimer(5, () => own.arrive(() => seen.push('data')))
  await clock.advance(100)
  expect(seen).toEqual([])
  own.thaw(order)
  await clock.advance(0)
  expect(seen).toEqual(expected)
  expect(own.pending).toBe(0)
})

test('a timer that is overdue can still be cancelled', async () => {
  const clock = new VirtualClock()
  const own = new ProcessClock(clock, 0, 0)
  let fired = false
  const timer = own.setTimer(10, () => (fired = true))
  own.freeze()
  await clock.advance(20)
  own.thaw('timers-first')
  timer.cancel()
  await clock.advance(0)
  expect(fired).toBe(false)
})

test('the dead have no timers', async () => {
  const clock = new VirtualClock()
  const own = new ProcessClock(clock, 0, 0)
  let fired = false
  own.setTimer(10, () => (fired = true))
  own.kill()
  own.setTimer(10, () => (fired = true))
  own.defer(() => (fired = true))
  await clock.advance(20)
  expect({ fired, own: own.pending, all: clock.pending }).toEqual({ fired: false, own: 0, all: 0 })
})
