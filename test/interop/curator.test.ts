/** Apache Curator on the run's servers: its ordinary work, and its InterProcessMutex beside our Mutex and kazoo. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { findKazoo } from '../support/foreign-clients.js'
import { curatorPeers } from './curator-peers.js'
import { contend, curator, kazoo, latchkey } from './contention.js'
import { ordinaryWork } from './ordinary-work.js'

const java = curatorPeers()

it('Curator does its ordinary work', { timeout: 60_000 }, async () => {
  const command = [...java, 'Ordinary', servers.connectString]
  expect((await ordinaryWork('curator', command)).length).toBeGreaterThanOrEqual(17)
})

/** With kazoo as a third where it is installed; what LATCHKEY_REQUIRE asks for must be. */
const found = await findKazoo()
const required = (process.env['LATCHKEY_REQUIRE'] ?? '').split(',').includes('kazoo')
const third = found.available || required
const others = third
  ? "Curator's InterProcessMutex, kazoo's Lock with its names"
  : "Curator's InterProcessMutex"

it(`${others} and our Mutex never hold at once`, { timeout: 180_000 }, async () => {
  if (!found.available) process.stderr.write(`without kazoo: ${found.detail}\n`)
  const kinds = [curator(java), latchkey('curator'), ...(third ? [kazoo(found.python, 'curator')] : [])]
  const path = `/contention-${randomUUID()}`
  const result = await contend(servers.connectString, path, kinds, { processes: 2, increments: 500 })
  const holds = Object.fromEntries(kinds.map(({ name }) => [name, 1_000]))
  expect(result).toMatchObject({ counter: kinds.length * 1_000, holds, overlaps: 0, left: [] })
  expect(result.changesOfKind).toBeGreaterThan(100)
  expect(result.fencingTokens).toEqual([...result.fencingTokens].sort((a, b) => (a < b ? -1 : 1)))
})

it.each(['tasks', 'biased'] as const)(
  'many tasks in each of our processes (%s) and Curator never hold at once, and Curator gets its turns',
  { timeout: 180_000 },
  async (mode) => {
    const kinds = [
      curator(java),
      latchkey('curator', mode),
      ...(third ? [kazoo(found.python, 'curator')] : []),
    ]
    const path = `/contention-${randomUUID()}`
    const result = await contend(servers.connectString, path, kinds, { processes: 2, increments: 300 })
    const holds = Object.fromEntries(kinds.map(({ name }) => [name, 600]))
    expect(result).toMatchObject({ counter: kinds.length * 600, holds, overlaps: 0, left: [] })
    process.stdout.write(
      `${mode}: ${result.changesOfKind} changes of kind, ${result.longestRun} holds in a row at most\n`,
    )
    expect(result.longestRun).toBeLessThan(100)
    expect(result.changesOfKind).toBeGreaterThan(100)
    const tokens = result.fencingTokens
    expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
  },
)
