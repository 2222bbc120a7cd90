/** Curator's InterProcessReadWriteLock and InterProcessMultiLock beside our ReadWriteLock and MultiLock. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { peerProgram } from '../support/foreign-clients.js'
import { curatorPeers } from './curator-peers.js'
import { contendShared, type PeerKind } from './shared-contention.js'

const java = curatorPeers()

const ours = (program: string, ...rest: string[]): PeerKind => ({
  name: 'latchkey',
  command: (args) => [
    process.execPath,
    '--import',
    'tsx',
    peerProgram(`latchkey/${program}.ts`),
    ...args,
    ...rest,
  ],
})
const theirs = (program: string): PeerKind => ({
  name: 'curator',
  command: (args) => [...java, program, ...args],
})

const ascending = (tokens: readonly bigint[]): bigint[] => [...tokens].sort((a, b) => (a < b ? -1 : 1))

it(
  'readers and writers of both never overlap, and downgrade with nobody in between',
  { timeout: 120_000 },
  async () => {
    const path = `/read-write-${randomUUID()}`
    const kinds = [theirs('ReadWriteContender'), ours('read-write-contender', 'curator')]
    const result = await contendShared(servers.connectString, path, kinds, {
      processes: 3,
      rounds: 200,
      locks: [path],
    })
    const { downgrades } = result.abilities['curator']!
    expect(result).toMatchObject({
      violations: [],
      left: [],
      holds: {
        'curator read': 300,
        'curator write': 300,
        'latchkey read': 300,
        'latchkey write': 300,
        'latchkey read downgraded': 150,
        ...(downgrades === true ? { 'curator read downgraded': 150 } : {}),
      },
    })
    expect(result.shared).toBeGreaterThan(20)
    expect(result.changesOfKind).toBeGreaterThan(50)
    expect(result.fencingTokens.get(path)).toEqual(ascending(result.fencingTokens.get(path)!))
  },
)

it(
  'those who take several locks as one never overlap on any, and never wait for each other',
  {
    timeout: 120_000,
  },
  async () => {
    const path = `/multi-${randomUUID()}`
    const kinds = [theirs('MultiContender'), ours('multi-contender')]
    const locks = ['a', 'b', 'c'].map((name) => `${path}/${name}`)
    const result = await contendShared(servers.connectString, path, kinds, {
      processes: 3,
      rounds: 150,
      locks,
    })
    expect(result).toMatchObject({
      violations: [],
      left: [],
      holds: { 'curator write': 900, 'latchkey write': 900 },
    })
    expect(result.changesOfKind).toBeGreaterThan(50)
    for (const lock of locks)
      expect(result.fencingTokens.get(lock)).toEqual(ascending(result.fencingTokens.get(lock)!))
  },
)
