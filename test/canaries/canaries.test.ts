/** That the canaries are fit to be put in. That each is caught, `npm run canaries` shows. */
import { describe, expect, test } from 'vitest'
import { allPaths } from '../tidy/source-file.js'
import { patched, StaleCanaryError, type Canary } from './canary.js'
import { canaries } from './canaries.js'
import { canaryPlugins, patchedFile } from './plugin.js'
import { writtenRows } from './table.js'

describe.each(canaries)('$name', (canary) => {
  test('its text is in the source once, and it changes something that is shipped', () => {
    for (const { file, find, replace } of canary.edits) {
      expect(file).toMatch(/^(src|recipes)\//)
      expect(replace).not.toBe(find)
      expect(patchedFile(canary, file)).not.toContain(find.length > 200 ? find : `${find}${find}`)
    }
  })

  test('somebody is asked, and is there', () => {
    expect(canary.unit.length).toBeGreaterThan(0)
    expect(canary.unit.filter((file) => !allPaths.includes(file))).toEqual([])
    expect(canary.was).not.toBe('')
  })
})

test('there are many, each by a name of its own', () => {
  expect(canaries.length).toBeGreaterThanOrEqual(50)
  expect(new Set(canaries.map(({ name }) => name)).size).toBe(canaries.length)
})

test('the table in docs/reliability.md has each of them, caught', () => {
  const rows = writtenRows()
  expect(rows.map(({ name }) => name)).toEqual(canaries.map(({ name }) => name))
  expect(rows.filter(({ layer }) => layer !== 'simulation' && layer !== 'tests')).toEqual([])
})

test('a canary whose text is gone, or is there twice, is stale', () => {
  const canary: Canary = {
    name: 'x',
    was: 'y',
    unit: [],
    edits: [{ file: 'a.ts', find: 'one', replace: 'two' }],
  }
  expect(patched(canary, 'a.ts', 'and one')).toBe('and two')
  expect(patched(canary, 'b.ts', 'and one')).toBe('and one')
  expect(() => patched(canary, 'a.ts', 'and two')).toThrow(StaleCanaryError)
  expect(() => patched(canary, 'a.ts', 'one, one')).toThrow(/2 times/)
})

test('without a name in the environment nothing is put in', () => {
  expect(canaryPlugins('')).toEqual([])
  expect(() => canaryPlugins('no-such')).toThrow(/no canary is called/)
})
