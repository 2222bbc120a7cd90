import { describe, expect, test } from 'vitest'
import { rateCodec, windowOf, type RateRecord } from '../../../recipes/values/rate-window.js'
import { seededRandom } from '../../../src/runtime/random.js'

const LIMIT = { permits: 5, intervalMs: 1_000 }

describe('a window', () => {
  const record = { ...LIMIT, begin: 1_000, used: 3, ask: 4, least: 1 }

  test('grants what is left of it', () => {
    expect(windowOf(record, 1_999)).toMatchObject({ begin: 1_000, used: 5, granted: 2, free: 0 })
  })

  test('grants nothing if that is too little', () => {
    expect(windowOf({ ...record, least: 3 }, 1_999)).toMatchObject({
      begin: 1_000,
      used: 3,
      granted: 0,
      free: 2,
    })
  })

  test('gives way to a new one at its end', () => {
    expect(windowOf(record, 2_000)).toMatchObject({ begin: 2_000, used: 4, granted: 4, free: 1 })
  })

  test('goes on from where the clock was set back to, with what was taken', () => {
    expect(windowOf(record, 400)).toMatchObject({ begin: 400, used: 5, granted: 2 })
  })

  test('carries on what is left over, up to the burst, and whole intervals without an ask like unused windows', () => {
    const burst = { ...record, burst: 12, ask: 12 }
    expect(windowOf(burst, 2_000)).toEqual({ begin: 2_000, used: 7, carried: 2, granted: 7, free: 0 })
    expect(windowOf(burst, 3_500)).toEqual({ begin: 3_500, used: 12, carried: 7, granted: 12, free: 0 })
    expect(windowOf({ ...burst, used: 7, carried: 2 }, 2_000)).toMatchObject({ carried: 0, granted: 5 })
    expect(windowOf({ ...burst, least: 9 }, 2_000)).toMatchObject({ carried: 2, granted: 0, free: 7 })
  })

  test('whatever the leader’s clock does, begins an interval after the last by that clock, and grants no more than there are', () => {
    const random = seededRandom(3)
    let state: RateRecord = { ...LIMIT, begin: 0, used: 0, ask: 0, least: 0 }
    let time = 10_000
    let begun = 0
    let inWindow = 0
    for (let i = 0; i < 20_000; i++) {
      // Set back now and then; what has passed since the window began counts only as the clock shows it.
      time += random.next() < 0.05 ? -Math.floor(random.next() * 3_000) : Math.floor(random.next() * 400)
      const asked = { ...state, ask: 1 + Math.floor(random.next() * 5), least: 1 }
      const window = windowOf(asked, time)
      if (time - begun >= LIMIT.intervalMs) {
        begun = time
        inWindow = 0
      }
      begun = Math.min(begun, time)
      inWindow += window.granted
      expect(window.begin).toBe(begun)
      expect(inWindow).toBe(window.used)
      expect(inWindow).toBeLessThanOrEqual(LIMIT.permits)
      state = { ...asked, begin: window.begin, used: window.used }
    }
  })

  test('is refused as one if the bytes say something else', () => {
    expect(() => rateCodec.decode(Buffer.from('{"permits":5}'))).toThrow(TypeError)
    expect(() => rateCodec.decode(Buffer.from('null'))).toThrow(TypeError)
  })
})
