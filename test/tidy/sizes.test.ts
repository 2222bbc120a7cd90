import { expect, test } from 'vitest'
import { fileSizeRule, functionSizeRule, MAX_FILE_LINES, MAX_FUNCTION_LINES } from './size-rules.js'
import { parse, sourceFiles, violations } from './source-file.js'

/** Files that may be larger, or hold a larger function, each with the reason. */
const MAY_BE_LARGE: Readonly<Record<string, string>> = {
  'src/client/client.ts': 'one class: a method for each operation of ZooKeeper, most of it what callers read',
}

const files = sourceFiles()
const measured = files.filter(({ path }) => MAY_BE_LARGE[path] === undefined)

test('files stay within what a reader holds in mind', () => {
  expect(violations(fileSizeRule, measured)).toEqual([])
})

test('functions stay within a screen', () => {
  expect(violations(functionSizeRule, measured)).toEqual([])
})

test('each exception is for a file that is there and needs it', () => {
  const needing = files.filter((file) => [...fileSizeRule(file), ...functionSizeRule(file)].length > 0)
  expect(Object.keys(MAY_BE_LARGE).filter((path) => !needing.some((file) => file.path === path))).toEqual([])
})

test('what is too large is seen', () => {
  const body = 'a()\n'.repeat(MAX_FUNCTION_LINES)
  expect(functionSizeRule(parse('a.ts', `function f() {\n${body}}`))).toHaveLength(1)
  expect(functionSizeRule(parse('a.ts', `describe('x', () => {\n${body}})`))).toEqual([])
  expect(fileSizeRule(parse('a.ts', 'a()\n'.repeat(MAX_FILE_LINES + 1)))).toHaveLength(1)
  expect(fileSizeRule(parse('a.ts', 'a()\n'.repeat(MAX_FILE_LINES)))).toEqual([])
})
