import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pairsWith } from '../../bench/base-run.js'
import { linesOf } from '../../bench/records.js'
import { runOf, samplesOf } from './results.js'

const samples = samplesOf('get-64', 'latchkey', [1])
const run = (day: number, commit: string, of = samples): ReturnType<typeof runOf> =>
  runOf(of, { commit, date: `2026-01-0${day}T00:00:00.000Z` })

const history = new Map([
  [
    'client',
    [
      run(1, 'aaaaaaa'),
      run(2, 'bbbbbbb+'),
      run(3, 'ccccccc', samplesOf('set-64', 'latchkey', [1])),
      run(4, 'ddddddd'),
    ],
  ],
])
const commitOf = async (base: string | undefined): Promise<string> =>
  (await pairsWith(base, history))
    .map((pair) => `${pair.base.header.commit} ${pair.run.header.commit}`)
    .join()

test('the newest run is compared with the one before that measured the same', async () => {
  expect(await commitOf(undefined)).toBe('bbbbbbb+ ddddddd')
})

test('a commit is found by what its run was named after, however long the name', async () => {
  expect(await commitOf('aaaaaaa')).toBe('aaaaaaa ddddddd')
  expect(await commitOf('bbbbbbb0123456789')).toBe('bbbbbbb+ ddddddd')
})

test('a file of raw results serves as well', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  try {
    const file = join(folder, 'raw.jsonl')
    const other = run(5, 'eeeeeee')
    await writeFile(file, linesOf([other.header, ...other.samples]))
    expect(await commitOf(file)).toBe('eeeeeee ddddddd')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a commit that has no run, and none that git knows, is refused', async () => {
  await expect(pairsWith('fffffff', history)).rejects.toThrow('no earlier run of fffffff')
  await expect(pairsWith('--output=x', history)).rejects.toThrow('is no commit')
})
