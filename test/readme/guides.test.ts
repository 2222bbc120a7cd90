/**
 * The guides are true: their programs compile as a user's would, and run against the embedded server, but for those that
 * start real servers, or whose simulated processes die with their clients (which is what the leak audit looks for). What they
 * fetch is not there; where they wait for SIGTERM, it comes. Their links lead somewhere.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServer, type EmbeddedServer } from 'latchkey/server'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { codeBlocks } from './code-blocks.js'
import { printed, problemsIn, root } from './programs.js'

const docs = join(root, 'docs')
const pages = readdirSync(docs)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(join(docs, name), 'utf8') }))
const programs = pages.flatMap(({ name, text }) =>
  codeBlocks(text, 'ts').map(({ line, code }) => ({ name: `${name}:${line}`, code })),
)

// Inside the repository, so that `latchkey` means this package, but where no tool looks.
let folder: string
let server: EmbeddedServer

const fileOf = (name: string): string => join(folder, `${name.replaceAll(/\W/g, '-')}.ts`)

beforeAll(async () => {
  folder = mkdtempSync(join(root, 'node_modules/.guides-'))
  server = await startServer()
  // Each a module of its own, also without an import.
  for (const { name, code } of programs)
    writeFileSync(fileOf(name), `${code.replaceAll('localhost:2181', server.connectString)}\nexport {}\n`)
})

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server.close()
})

test('there are programs in them', () => {
  expect(programs.length).toBeGreaterThan(20)
})

test('their programs compile in strict mode', { timeout: 120_000 }, () => {
  expect(problemsIn(programs.map(({ name }) => fileOf(name)))).toEqual([])
})

describe('their programs run against the embedded server', () => {
  const here = programs.filter(({ code }) => !/(TestEnsemble|SimulatedCluster)\.start/.test(code))

  test.each(here)('$name', { timeout: 60_000 }, async ({ name, code }) => {
    vi.stubEnv('ZOOKEEPER_CONNECT', server.connectString)
    vi.stubGlobal('fetch', async () => Promise.resolve(new Response()))
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const once = vi.spyOn(process, 'once').mockImplementation((_event, listener) => {
      process.nextTick(listener as () => void)
      return process
    })
    onTestFinished(() => {
      once.mockRestore()
      log.mockRestore()
      vi.unstubAllGlobals()
      vi.unstubAllEnvs()
    })
    await import(fileOf(name))
    const expected = printed(code)
    if (expected.length > 0) expect(log.mock.calls.map((values) => values.join(' '))).toEqual(expected)
  })
})

test('their links to files lead somewhere', () => {
  const broken = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g)]
      .map(([, path]) => path ?? '')
      .filter((path) => !existsSync(join(docs, path)))
      .map((path) => `${name}: ${path}`),
  )
  expect(broken).toEqual([])
})

test('their links to headings lead to one', () => {
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
  const headings = new Map(
    pages.map(({ name, text }) => [
      name,
      [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => slug(title)),
    ]),
  )
  const broken = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/\]\((?!https?:)([\w-]+\.md)?#([^)]+)\)/g)]
      .filter(([, page = name, anchor = '']) => headings.get(page)?.includes(anchor) !== true)
      .map(([link]) => `${name}: ${link}`),
  )
  expect(broken).toEqual([])
})
