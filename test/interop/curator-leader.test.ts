/** Curator's LeaderLatch and LeaderSelector beside our LeaderLatch and LeaderElection. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { peerProgram } from '../support/foreign-clients.js'
import { curatorPeers } from './curator-peers.js'
import { contend, type Kind } from './contention.js'

const java = curatorPeers()

const ours = (how: string): Kind => ({
  name: 'latchkey',
  command: (args) => [
    process.execPath,
    '--import',
    'tsx',
    peerProgram('latchkey/leader-contender.ts'),
    ...args,
    how,
  ],
})
const theirs = (how: string): Kind => ({
  name: 'curator',
  command: (args) => [...java, 'LeaderContender', ...args, how],
})

it.each([
  ['LeaderLatch', ours('latch'), theirs('latch')],
  ['LeaderSelector', ours('curator'), theirs('selector')],
])("Curator's %s and ours lead one at a time", { timeout: 120_000 }, async (name, our, their) => {
  const path = `/leader-${name}-${randomUUID()}`
  const result = await contend(servers.connectString, path, [our, their], { processes: 3, increments: 100 })
  const { fencingTokens, changesOfKind, ...rest } = result
  expect(rest).toMatchObject({ counter: 600, holds: { curator: 300, latchkey: 300 }, overlaps: 0, left: [] })
  expect(changesOfKind).toBeGreaterThan(50)
  expect(fencingTokens).toEqual([...fencingTokens].sort((a, b) => (a < b ? -1 : 1)))
})
