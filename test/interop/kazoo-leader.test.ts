/** kazoo's Election beside our LeaderElection with its names. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { findKazoo, peerProgram } from '../support/foreign-clients.js'
import { contend } from './contention.js'

it("kazoo's Election and ours elect one at a time", { timeout: 120_000 }, async () => {
  const path = `/election-${randomUUID()}`
  const found = await findKazoo()
  if (!found.available) throw new Error(found.detail)
  const ours = [process.execPath, '--import', 'tsx', peerProgram('latchkey/leader-contender.ts')]
  const kinds = [
    { name: 'latchkey', command: (args: readonly string[]) => [...ours, ...args, 'kazoo'] },
    {
      name: 'kazoo',
      command: (args: readonly string[]) => [found.python, peerProgram('kazoo/leader_contender.py'), ...args],
    },
  ]
  const result = await contend(servers.connectString, path, kinds, { processes: 3, increments: 100 })
  const { fencingTokens, changesOfKind, ...rest } = result
  expect(rest).toMatchObject({ counter: 600, holds: { kazoo: 300, latchkey: 300 }, overlaps: 0, left: [] })
  expect(changesOfKind).toBeGreaterThan(50)
  expect(fencingTokens).toEqual([...fencingTokens].sort((a, b) => (a < b ? -1 : 1)))
})
