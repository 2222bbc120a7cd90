/** Writes docs/benchmarks.md and its plots, or says what of them is not what the history gives. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readHistory } from './history.js'
import { makePage } from './page.js'
import { repository } from './paths.js'

const path = join(repository, 'docs', 'benchmarks.md')
const folder = join(repository, 'docs', 'benchmarks')

export async function writePage(): Promise<void> {
  const { markdown, plots } = await makePage(await readFile(path, 'utf8'), await readHistory())
  await writeFile(path, markdown)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const [name, svg] of plots) await writeFile(join(folder, name), svg)
}

/** The files that `writePage` would change. */
export async function staleFiles(): Promise<string[]> {
  const current = await readFile(path, 'utf8')
  const { markdown, plots } = await makePage(current, await readHistory())
  const stale = markdown === current ? [] : ['docs/benchmarks.md']
  const there = await readdir(folder).catch(() => [])
  for (const name of new Set([...there, ...plots.keys()])) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => undefined)
    if (text !== plots.get(name)) stale.push(`docs/benchmarks/${name}`)
  }
  return stale
}
