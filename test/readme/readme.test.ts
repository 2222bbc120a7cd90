/**
 * The README is true: its programs compile as a user's would, and run against the embedded server; its commands exist;
 * its links lead somewhere.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { codeBlocks } from './code-blocks.js'
import { filesLinkedIn, stagePrograms } from './program-stage.js'
import { printed, root } from './programs.js'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const programs = codeBlocks(readme, 'ts').map(({ line, code }) => ({ name: `line ${line}`, code }))

const stage = stagePrograms(programs)

test('there are programs in it', () => {
  expect(programs.length).toBeGreaterThan(2)
})

test('its programs compile in strict mode', { timeout: 60_000 }, () => {
  expect(stage.problems()).toEqual([])
})

describe('its programs run against the embedded server', () => {
  test.each(programs)('the one at $name', async (program) => {
    expect(await stage.run(program)).toEqual(printed(program.code))
  })
})

test('the npm scripts that it names exist', () => {
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
  expect(named).toContain('demo')
  expect(named.filter((name) => !Object.hasOwn(manifest.scripts, name ?? ''))).toEqual([])
})

test('its links to files lead somewhere', () => {
  expect(filesLinkedIn(readme).filter((path) => !existsSync(join(root, path)))).toEqual([])
})
