import { expect, test } from 'vitest'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'

test('timers fire in order of their time, ties in order of creation, and see their own time', async () => {
  const clock = new VirtualClock()
  const seen: string[] = []
  const at = (name: string, ms: number): void =>
    void clock.setTimer(ms, () => seen.push(`${name}@${clock.now()}`))
  at('c', 30)
  at('a', 10)
  at('b', 10)
  const cancelled = clock.setTimer(5, () => seen.push('never'))
  cancelled.cancel()
  cancelled.cancel()
  await clock.advance(20)
  expect(seen).toEqual(['a@10', 'b@10'])
  expect(clock.now()).toBe(20)
  await clock.advance(20)
  expect(seen).toEqual(['a@10', 'b@10', 'c@30'])
  expect(clock.pending).toBe(0)
})

test('after a stall what fell due fires late, at the time of waking up: time never goes back', async () => {
  const clock = new VirtualClock(1_000)
  const seen: number[] = []
  clock.setTimer(10, () => {
    seen.push(clock.now(), clock.wall())
    clock.setTimer(5, () => seen.push(clock.now()))
  })
  clock.setTimer(50, () => seen.push(clock.now()))
  await clock.stall(1_000)
  expect(seen).toEqual([1_000, 2_000, 1_000])
  await clock.advance(5)
  expect(seen).toEqual([1_000, 2_000, 1_000, 1_005])
})

test('the calendar may step without any timer noticing', async () => {
  const clock = new VirtualClock(5_000)
  let fired = false
  clock.setTimer(10, () => (fired = true))
  clock.stepWall(-3_600_000)
  expect(clock.wall()).toBe(5_000 - 3_600_000)
  await clock.advance(9)
  expect(fired).toBe(false)
  await clock.advance(1)
  expect(fired).toBe(true)
})
