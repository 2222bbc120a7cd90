import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { latchkey } from './latchkey-program.js'

test('--version prints the version of the package', async () => {
  expect(await latchkey('--version')).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
})

test('--help lists the commands', async () => {
  const { code, stdout } = await latchkey('--help')
  expect(code).toBe(0)
  expect(stdout).toMatch(/Usage: latchkey COMMAND/)
  expect(stdout).toMatch(/^ {2}dev +\S/m)
})

test('without a command it says so, with the usage', async () => {
  const { code, stdout, stderr } = await latchkey()
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/a command is missing\n\nUsage:/)
})

test('a command that is not there is named', async () => {
  const { code, stderr } = await latchkey('serve')
  expect(code).toBe(2)
  expect(stderr).toMatch(/there is no command "serve"\n\nUsage:/)
})
