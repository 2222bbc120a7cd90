/** The runs that are kept: bench/history, a file for each bench. */
import { appendFile, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository } from './paths.js'
import { linesOf, runsIn, type Entry, type Run } from './records.js'

const folder = join(repository, 'bench', 'history')

/** By bench, the oldest run first. */
export type History = ReadonlyMap<string, readonly Run[]>

export async function readHistory(): Promise<History> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort()
  const read = async (name: string): Promise<[string, Run[]]> => [
    name.slice(0, -'.jsonl'.length),
    runsIn(await readFile(join(folder, name), 'utf8')),
  ]
  return new Map(await Promise.all(names.map(read)))
}

export async function appendHistory(bench: string, entries: readonly Entry[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  await appendFile(join(folder, `${bench}.jsonl`), linesOf(entries))
}
