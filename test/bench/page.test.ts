import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readHistory } from '../../bench/history.js'
import { makePage } from '../../bench/page.js'
import { repository } from '../../bench/paths.js'
import type { Run } from '../../bench/records.js'
import { staleFiles } from '../../bench/write-page.js'
import { runOf, samplesOf } from './results.js'

const place = (name: string): string => `<!-- made: ${name} -->\n\nold\n\n<!-- end: ${name} -->\n`
const template = `# By hand\n\n${place('targets')}\n${place('losses')}\n${place('client')}`
const pageOf = async (runs: readonly Run[]): Promise<string> =>
  (await makePage(template, new Map([['client', runs]]))).markdown

const ours = samplesOf('get-64', 'latchkey', [90, 100, 110])
const probe = samplesOf('get-64', 'lean-probe', [100, 100, 100])
const peer = samplesOf('get-64', 'node-zookeeper-client', [120, 130, 140])

test('docs/benchmarks.md and its plots are what the kept results give', async () => {
  expect(await staleFiles()).toEqual([])
})

test('the kept results name no path of some machine', async () => {
  for (const bench of (await readHistory()).keys()) {
    const text = readFileSync(join(repository, 'bench', 'history', `${bench}.jsonl`), 'utf8')
    expect(text).not.toMatch(/["' ]\/(work|home|tmp|root|usr|opt|farm)\//)
  }
})

test('what is written by hand stays, what is made is replaced, and again gives the same', async () => {
  const run = runOf([...ours, ...probe])
  const once = await pageOf([run])
  expect(once).toContain('# By hand')
  expect(once).not.toContain('old')
  expect(once).toMatch(/\| latchkey +\| +100 \| +1\.00 \|/)
  const again = await makePage(once, new Map([['client', [run]]]))
  expect(again.markdown).toBe(once)
})

test('where a peer is ahead it is said, with whether it was in every round', async () => {
  const page = await pageOf([runOf([...ours, ...probe, ...peer])])
  expect(page).toMatch(/\| get-64 +\| node-zookeeper-client \| rate +\| +0\.77 \| yes/)
  expect(await pageOf([runOf([...ours, ...probe])])).toContain('Nowhere in these runs.')
  const close = samplesOf('get-64', 'node-zookeeper-client', [120, 130, 100])
  expect(await pageOf([runOf([...ours, ...close])])).toMatch(/\| rate +\| +0\.77 \| no: within the spread/)
})

test('what was not counted is no loss', async () => {
  const uncounted = [...ours, ...peer].map((sample) => ({ ...sample, cpuUs: 0 }))
  const page = await pageOf([runOf(uncounted)])
  expect(page).toContain('| rate')
  expect(page).not.toContain('NaN')
})

test('targets are judged, and what was promised and not measured is named', async () => {
  const page = await pageOf([runOf([...ours, ...probe])])
  expect(page).toMatch(/\| get-64 +\| rate against lean-probe +\| ≥ 0\.95 \| 1\.00 +\| yes/)
  expect(page).toMatch(/in none of the runs: .*mutex-biased \(rate against curator\)/)
})

test('of each scenario the newest run is shown, but none that left out subjects', async () => {
  const runs = [
    runOf([...ours, ...samplesOf('set-64', 'latchkey', [11, 11, 11])], { commit: 'first00' }),
    runOf(samplesOf('get-64', 'latchkey', [7_777]), { commit: 'second0' }),
    runOf(samplesOf('get-64', 'latchkey', [8_888]), { commit: 'third00', subjects: ['latchkey'] }),
  ]
  const page = await pageOf(runs)
  expect(page).toContain('7,777')
  expect(page).toContain('commit first00')
  expect(page).not.toContain('third00')
  expect(page.match(/#### getData, 64 in flight/g)).toHaveLength(1)
})

test('a subject that could not be run is said to be missing', async () => {
  const gap = { kind: 'gap', scenario: 'get-64', subject: 'curator', reason: 'it can not' } as const
  const run = { ...runOf([...ours, ...probe], { missing: { kazoo: 'no Python' } }), gaps: [gap] }
  const page = await pageOf([run])
  expect(page).toContain('kazoo is missing: no Python')
  expect(page).toMatch(/\| curator +\| +it can not/)
})

test('results that the page has no place for are refused', async () => {
  await expect(makePage('# Nothing', new Map([['client', [runOf(ours)]]]))).rejects.toThrow(
    'no place for targets, losses, client',
  )
})

test('a plot has a bar for each subject', async () => {
  const { plots } = await makePage(template, new Map([['client', [runOf([...ours, ...peer])]]]))
  expect([...plots.keys()]).toEqual(['client.svg'])
  const svg = plots.get('client.svg') ?? ''
  expect(svg).toMatch(/^<svg/)
  for (const subject of ['latchkey', 'node-zookeeper-client']) expect(svg).toContain(`>${subject}</text>`)
})
