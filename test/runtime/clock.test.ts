import { expect, onTestFinished, test, vi } from 'vitest'
import { MAX_TIMER_MS, systemClock, type Clock } from '../../src/runtime/clock.js'

const DAY_MS = 86_400_000
// On fake timers.
const clock: Clock = systemClock

test('a timer of more days than Node’s timers hold fires at its time, and not before', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const fired = vi.fn()
  clock.setTimer(60 * DAY_MS, fired)
  vi.advanceTimersByTime(60 * DAY_MS - 1)
  expect(fired).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(fired).toHaveBeenCalledOnce()
  expect(vi.getTimerCount()).toBe(0)
})

test('it can be cancelled at any time', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const fired = vi.fn()
  const timers = [1, 60, 60].map((days) => clock.setTimer(days * DAY_MS, fired))
  timers[0]!.cancel()
  timers[1]!.cancel()
  vi.advanceTimersByTime(MAX_TIMER_MS + 1)
  timers[2]!.cancel()
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(100 * DAY_MS)
  expect(fired).not.toHaveBeenCalled()
})
