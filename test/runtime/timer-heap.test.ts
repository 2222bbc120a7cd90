import { expect, test } from 'vitest'
import { seededRandom } from '../../src/runtime/random.js'
import { TimerHeap } from '../../src/runtime/timer-heap.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'

test('ten thousand timers, a third of them cancelled, come in order of time, ties in order of creation', () => {
  const heap = new TimerHeap()
  const random = seededRandom(3)
  const seen: { due: number; order: number }[] = []
  const expected: { due: number; order: number }[] = []
  for (let order = 0; order < 10_000; order++) {
    const due = Math.floor(random.next() * 1_000)
    const timer = heap.add(due, () => seen.push({ due, order }))
    if (random.next() < 0.33) timer.cancel()
    else expected.push({ due, order })
  }
  expect(heap.size).toBe(expected.length)
  for (let next = heap.takeNext(Infinity); next !== undefined; next = heap.takeNext(Infinity)) next.fn()
  expect(seen).toEqual(expected.sort((a, b) => a.due - b.due || a.order - b.order))
  expect(heap.size).toBe(0)
})

test('cancelled timers do not pile up', () => {
  const heap = new TimerHeap()
  const kept = heap.add(5, () => undefined)
  for (let i = 0; i < 100_000; i++) heap.add(1_000_000, () => undefined).cancel()
  expect(heap.size).toBe(1)
  kept.cancel()
  kept.cancel()
  expect(heap.size).toBe(0)
  expect(heap.takeNext(Infinity)).toBeUndefined()
})

test('all promise continuations and deferred calls run before the next timer', async () => {
  const clock = new VirtualClock()
  const seen: string[] = []
  const chain = async (depth: number): Promise<void> => {
    for (let i = 0; i < depth; i++) await Promise.resolve()
    clock.defer(() => {
      void Promise.resolve().then(() => seen.push('after a deferred call'))
    })
  }
  clock.setTimer(1, () => void chain(50))
  clock.setTimer(1, () => seen.push('next timer'))
  await clock.advance(1)
  expect(seen).toEqual(['after a deferred call', 'next timer'])
})

test('time goes from timer to timer until it is said to be over', async () => {
  const clock = new VirtualClock()
  let fired = 0
  for (const ms of [1_000, 2_000, 3_000]) clock.setTimer(ms, () => fired++)
  expect(await clock.advanceUntil(() => fired === 2)).toBe(true)
  expect(clock.now()).toBe(2_000)
  expect(await clock.advanceUntil(() => false, 500)).toBe(false)
  expect(await clock.advanceUntil(() => fired === 4)).toBe(false)
  expect({ now: clock.now(), fired }).toEqual({ now: 3_000, fired: 3 })
})
