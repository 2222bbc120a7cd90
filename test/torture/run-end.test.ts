import { describe, expect, test } from 'vitest'
import { isOver } from './run-end.js'

const options = { minutes: 4, atLeast: { acquisitions: 50_000, processFaults: 60 } }
const MINUTE_MS = 60_000

describe('a run of torture', () => {
  test('ends at its time when enough was acquired under enough faults', () => {
    const enough = { grants: 50_000, processFaults: 60 }
    expect(isOver(options, { elapsedMs: 4 * MINUTE_MS - 1, ...enough })).toBe(false)
    expect(isOver(options, { elapsedMs: 4 * MINUTE_MS, ...enough })).toBe(true)
  })

  test.each([
    { short: 'acquisitions', grants: 49_999, processFaults: 60 },
    { short: 'process faults', grants: 140_294, processFaults: 56 },
  ])('goes on where it is short of $short, up to twice its time', ({ grants, processFaults }) => {
    expect(isOver(options, { elapsedMs: 4 * MINUTE_MS, grants, processFaults })).toBe(false)
    expect(isOver(options, { elapsedMs: 8 * MINUTE_MS - 1, grants, processFaults })).toBe(false)
    expect(isOver(options, { elapsedMs: 8 * MINUTE_MS, grants, processFaults })).toBe(true)
  })
})
