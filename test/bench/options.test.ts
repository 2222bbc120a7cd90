import { expect, test } from 'vitest'
import { readCommand } from '../../bench/options.js'

test('a bench is run with its defaults, or with what is asked for', () => {
  expect(readCommand(['client'])).toMatchObject({
    kind: 'bench',
    options: { bench: 'client', rounds: 5, warmUp: 2, scale: 1, engine: 'java', history: false },
  })
  const args = ['mutex', '--rounds', '9', '--scenarios', 'mutex-free', '--engine', 'docker', '--history']
  expect(readCommand(args)).toMatchObject({
    options: { rounds: 9, warmUp: 8, scenarios: ['mutex-free'], engine: 'docker', history: true },
  })
})

test('the page is made, or checked', () => {
  expect(readCommand(['page'])).toEqual({ kind: 'page', check: false })
  expect(readCommand(['page', '--check'])).toEqual({ kind: 'page', check: true })
})

test('runs are compared with a commit, a file or the one before', () => {
  expect(readCommand(['compare'])).toEqual({ kind: 'compare', base: undefined })
  expect(readCommand(['compare', 'abc1234'])).toEqual({ kind: 'compare', base: 'abc1234' })
})

test.each([
  [[], /bench must be one of/],
  [['nothing'], /bench must be one of/],
  [['client', '--rounds', '0'], /--rounds must be at least 1/],
  [['client', '--scale', 'x'], /--scale/],
  [['client', '--scenarios', 'mutex-free'], /scenarios must be one of/],
  [['client', '--subjects', 'nobody'], /subjects must be one of/],
  [['client', '--engine', 'steam'], /engine must be one of/],
  [['compare', 'a', 'b'], /one commit or file/],
  [['page', '--what'], /--what/],
])('%j is refused', (args, message) => {
  expect(() => readCommand(args)).toThrow(message)
})
