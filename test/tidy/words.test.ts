import { describe, expect, test } from 'vitest'
import { type Rule, parse, sourceFiles, violations } from './source-file.js'
import {
  exportStarRule,
  focusRule,
  headerRule,
  impurityRule,
  nameRule,
  sleepRule,
  unfinishedRule,
} from './word-rules.js'

/** Files in which a test may wait on the wall clock, each with the reason. */
const MAY_SLEEP: Readonly<Record<string, string>> = {
  'test/support/file-audit.test.ts': 'a timer that is planted to be found: nobody waits for it',
  'test/simulation/fleet.ts': 'the time limit of a run that does not end: nothing waits for it to pass',
  'test/run/command.ts': 'the time limit of a program that hangs: nothing waits for it to pass',
  ...Object.fromEntries(
    [
      'contender',
      'leader-contender',
      'multi-contender',
      'read-write-contender',
      'semaphore-contender',
      'tortured',
    ].map((name) => [
      `test/interop/peers/latchkey/${name}.ts`,
      'a peer that works between its read and its write: no test waits for it',
    ]),
  ),
  ...Object.fromEntries(
    ['audit', 'nemesis/nemesis', 'peers/workload', 'run', 'run-end', 'worker'].map((name) => [
      `test/torture/${name}.ts`,
      'real processes in real time: how long a fault lasts, how long a lock is held',
    ]),
  ),
}

const product = sourceFiles('src', 'recipes')
const everything = sourceFiles()
const tests = sourceFiles('test')

test.each<[string, Rule, typeof product]>([
  ['time and chance enter through src/runtime alone', impurityRule, product],
  ['nothing is exported by star', exportStarRule, everything],
  ['names say what a thing is', nameRule, everything],
  ['nothing is left unfinished', unfinishedRule, everything],
  ['each file opens with what it is', headerRule, product],
  ['every test runs, once', focusRule, tests],
  ['no test sleeps', sleepRule, tests.filter(({ path }) => MAY_SLEEP[path] === undefined)],
])('%s', (_, rule, files) => {
  expect(files.length).toBeGreaterThan(0)
  expect(violations(rule, files)).toEqual([])
})

test('each exception is for a file that is there and needs it', () => {
  const idle = Object.keys(MAY_SLEEP).filter((path) => {
    const file = tests.find((candidate) => candidate.path === path)
    return file === undefined || sleepRule(file).length === 0
  })
  expect(idle).toEqual([])
})

describe('a rule sees', () => {
  const count = (rule: Rule, text: string, path = 'src/api/x.ts'): number => rule(parse(path, text)).length

  test.each([
    'setTimeout(f, 1)',
    'globalThis.setTimeout(f, 1)',
    'socket.setTimeout(1)',
    'const later = setTimeout',
    'call(setInterval)',
    'process.nextTick(f)',
    'const t = Date.now()',
    'const t = new Date()',
    'const r = Math.random()',
    'const s = AbortSignal.timeout(1)',
    "import { randomUUID } from 'node:crypto'",
    "import { setTimeout as wait } from 'node:timers/promises'",
  ])('time or chance in `%s`', (text) => {
    expect(count(impurityRule, text)).toBeGreaterThan(0)
    expect(count(impurityRule, text, 'src/runtime/clock.ts')).toBe(0)
  })

  test.each([
    'const d = new Date(stat.ctime)',
    'clock.setTimer(5, f)',
    'type D = Date',
    'const x = { now: 1 }',
  ])('nothing in `%s`', (text) => expect(count(impurityRule, text)).toBe(0))

  test.each([
    [exportStarRule, "export * from './a.js'"],
    [exportStarRule, "export * as a from './a.js'"],
    [nameRule, 'class LockManager {}'],
    [nameRule, 'interface ILock {}'],
    [nameRule, 'const utils = {}'],
    [unfinishedRule, '// TO' + 'DO: later'],
    [headerRule, 'export const a = 1'],
    [focusRule, 'test.on' + 'ly("a", f)'],
    [focusRule, 'describe.sk' + 'ip("a", f)'],
    [focusRule, 'test("a", { retry: 2 }, f)'],
    [sleepRule, 'await new Promise((done) => setTimeout(done, 5))'],
    [sleepRule, 'await sleep(systemClock, 5)'],
    [sleepRule, "import { setTimeout } from 'node:timers/promises'"],
  ])('what it forbids: %o `%s`', (rule, text) => expect(count(rule, text)).toBe(1))

  test.each([
    [exportStarRule, "export { a } from './a.js'"],
    [nameRule, 'interface Identity {}'],
    [headerRule, '/** What it is. */\nexport const a = 1'],
    [focusRule, 'test("a", { retry: 0 }, f)'],
    [sleepRule, 'await sleep(clock, 5)'],
  ])('nothing wrong: %o `%s`', (rule, text) => expect(count(rule, text)).toBe(0))
})
