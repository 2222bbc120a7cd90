/**
 * The guides are true: their programs compile as a user's would, and run against the embedded server, but for those that
 * start real servers, or whose simulated processes die with their clients (which is what the leak audit looks for). What they
 * fetch is not there; where they wait for SIGTERM, it comes. Their links lead somewhere.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { codeBlocks } from './code-blocks.js'
import { filesLinkedIn, stagePrograms } from './program-stage.js'
import { printed, root } from './programs.js'

const docs = join(root, 'docs')
const pages = readdirSync(docs)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(join(docs, name), 'utf8') }))
const programs = pages.flatMap(({ name, text }) =>
  codeBlocks(text, 'ts').map(({ line, code }) => ({ name: `${name}:${line}`, code })),
)

const stage = stagePrograms(programs)

test('there are programs in them', () => {
  expect(programs.length).toBeGreaterThan(20)
})

test('their programs compile in strict mode', { timeout: 120_000 }, () => {
  expect(stage.problems()).toEqual([])
})

describe('their programs run against the embedded server', () => {
  const here = programs.filter(({ code }) => !/(TestEnsemble|SimulatedCluster)\.start/.test(code))

  test.each(here)('$name', { timeout: 60_000 }, async (program) => {
    vi.stubGlobal('fetch', async () => Promise.resolve(new Response()))
    const once = vi.spyOn(process, 'once').mockImplementation((_event, listener) => {
      process.nextTick(listener as () => void)
      return process
    })
    onTestFinished(() => {
      once.mockRestore()
      vi.unstubAllGlobals()
    })
    const lines = await stage.run(program)
    const expected = printed(program.code)
    if (expected.length > 0) expect(lines).toEqual(expected)
  })
})

test('their links to files lead somewhere', () => {
  const broken = pages.flatMap(({ name, text }) =>
    filesLinkedIn(text)
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
