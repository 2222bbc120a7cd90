/** kazoo's ReadLock and WriteLock, unchanged, beside our ReadWriteLock with kazoo's names. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { findKazoo, peerProgram } from '../support/foreign-clients.js'
import { contendShared, type PeerKind } from './shared-contention.js'

const ours: PeerKind = {
  name: 'latchkey',
  command: (args) => [
    process.execPath,
    '--import',
    'tsx',
    peerProgram('latchkey/read-write-contender.ts'),
    ...args,
    'kazoo',
  ],
}

it(
  'readers and writers of both never overlap, and our downgrade lets nobody in between',
  {
    timeout: 120_000,
  },
  async () => {
    const found = await findKazoo()
    if (!found.available) throw new Error(found.detail)
    const kazoo: PeerKind = {
      name: 'kazoo',
      command: (args) => [found.python, peerProgram('kazoo/read_write_contender.py'), ...args],
    }
    const path = `/read-write-${randomUUID()}`
    const result = await contendShared(servers.connectString, path, [kazoo, ours], {
      processes: 3,
      rounds: 200,
      locks: [path],
    })
    const reads = result.abilities['kazoo']?.['reads'] === true
    expect(result).toMatchObject({
      violations: [],
      left: [],
      holds: {
        ...(reads ? { 'kazoo read': 300, 'kazoo write': 300 } : { 'kazoo write': 600 }),
        'latchkey read': 300,
        'latchkey write': 300,
        'latchkey read downgraded': 150,
      },
    })
    expect(result.shared).toBeGreaterThan(20)
    expect(result.changesOfKind).toBeGreaterThan(50)
    const tokens = result.fencingTokens.get(path)!
    expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)))
  },
)
