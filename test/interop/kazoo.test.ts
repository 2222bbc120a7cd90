/** kazoo, unchanged, on the run's servers: its ordinary work, and its Lock beside our Mutex. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { findKazoo, peerProgram } from '../support/foreign-clients.js'
import { contend, kazoo, latchkey } from './contention.js'
import { ordinaryWork } from './ordinary-work.js'

async function python(): Promise<string> {
  const found = await findKazoo()
  if (!found.available) throw new Error(found.detail)
  return found.python
}

it('kazoo does its ordinary work', { timeout: 60_000 }, async () => {
  const command = [await python(), peerProgram('kazoo/ordinary.py'), servers.connectString]
  expect((await ordinaryWork('kazoo', command)).length).toBeGreaterThanOrEqual(20)
})

it("kazoo's Lock and our Mutex with its names never hold at once", { timeout: 120_000 }, async () => {
  const kinds = [kazoo(await python(), 'kazoo'), latchkey('kazoo')]
  const path = `/contention-${randomUUID()}`
  const result = await contend(servers.connectString, path, kinds, { processes: 2, increments: 500 })
  expect(result).toMatchObject({
    counter: 2_000,
    holds: { kazoo: 1_000, latchkey: 1_000 },
    overlaps: 0,
    left: [],
  })
  expect(result.changesOfKind).toBeGreaterThan(100)
  expect(result.fencingTokens).toEqual([...result.fencingTokens].sort((a, b) => (a < b ? -1 : 1)))
})
