/**
 * The README is true: its programs compile as a user's would, and run against the embedded server; its commands exist;
 * its links lead somewhere.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startServer, type EmbeddedServer } from 'latchkey/server'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { codeBlocks } from './code-blocks.js'
import { printed, problemsIn, root } from './programs.js'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const programs = codeBlocks(readme, 'ts')

// Inside the repository, so that `latchkey` means this package, but where no tool looks.
let folder: string
let server: EmbeddedServer

const fileOf = (line: number): string => join(folder, `line-${line}.ts`)

beforeAll(async () => {
  folder = mkdtempSync(join(root, 'node_modules/.readme-'))
  for (const { line, code } of programs) writeFileSync(fileOf(line), code)
  server = await startServer()
})

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server.close()
})

test('there are programs in it', () => {
  expect(programs.length).toBeGreaterThan(2)
})

test('its programs compile in strict mode', { timeout: 60_000 }, () => {
  expect(problemsIn(programs.map(({ line }) => fileOf(line)))).toEqual([])
})

describe('its programs run against the embedded server', () => {
  test.each(programs)('the one at line $line', async ({ line }) => {
    vi.stubEnv('ZOOKEEPER_CONNECT', server.connectString)
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    onTestFinished(() => {
      log.mockRestore()
      vi.unstubAllEnvs()
    })
    await import(fileOf(line))
    const { code } = programs.find((each) => each.line === line)!
    expect(log.mock.calls.map((values) => values.join(' '))).toEqual(printed(code))
  })
})

test('the npm scripts that it names exist', () => {
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
  expect(named).toContain('demo')
  expect(named.filter((name) => !Object.hasOwn(manifest.scripts, name ?? ''))).toEqual([])
})

test('its links to files lead somewhere', () => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g)].map(([, path]) => path ?? '')
  expect(links.filter((path) => !existsSync(join(dirname(join(root, 'README.md')), path)))).toEqual([])
})
