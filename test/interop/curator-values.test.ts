/** Curator's atomic long, shared count and barrier beside ours, in processes of their own. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { Barrier, connect, Counter } from '../../src/index.js'
import { servers } from '../support/ensemble.js'
import { peerProgram } from '../support/foreign-clients.js'
import { curatorPeers } from './curator-peers.js'
import { Peer } from './peer.js'
import { countTogether, passInStep } from './value-contention.js'

const java = curatorPeers()

const ours = [process.execPath, '--import', 'tsx', peerProgram('latchkey/value-contender.ts')]
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

it.each([
  ['DistributedAtomicLong', 'long', 'int64'],
  ['SharedCount', 'count', 'int32'],
] as const)(
  "Curator's %s and our Counter: every sum comes once",
  { timeout: 120_000 },
  async (_, theirs, format) => {
    const args = [servers.connectString, `/counter-${randomUUID()}`, '150']
    const sums = await countTogether([
      { name: 'curator', command: [...java, 'ValueContender', ...args, theirs] },
      { name: 'curator', command: [...java, 'ValueContender', ...args, theirs] },
      { name: 'latchkey', command: [...ours, ...args, format] },
      { name: 'latchkey', command: [...ours, ...args, format] },
    ])
    expect(sums).toEqual(upTo(600))
    await using zk = await connect(servers.connectString)
    expect(await new Counter(zk, args[1]!, { format }).get()).toBe(600n)
  },
)

it("Curator's DistributedBarrier waits at ours", { timeout: 60_000 }, async () => {
  await using zk = await connect(servers.connectString)
  const barrier = new Barrier(zk, `/barrier-${randomUUID()}`)
  await barrier.set()
  await using peer = new Peer('curator', [
    ...java,
    'ValueContender',
    servers.connectString,
    barrier.path,
    '1',
    'barrier',
  ])
  await peer.ready
  peer.go()
  const before = process.hrtime.bigint()
  await barrier.remove()
  const through = (await peer.done).find(({ event }) => event === 'through')
  expect(BigInt(through!['at'] as number)).toBeGreaterThan(before)
})

it(
  "Curator's DistributedDoubleBarrier and ours begin together, and end together if all leave after all have entered",
  { timeout: 120_000 },
  async () => {
    const args = [servers.connectString, `/double-${randomUUID()}`, '50']
    const wrong = await passInStep(
      [
        { name: 'curator', command: [...java, 'ValueContender', ...args, 'double', '4'] },
        { name: 'curator', command: [...java, 'ValueContender', ...args, 'double', '4'] },
        { name: 'latchkey', command: [...ours, ...args, 'double-curator', '4'] },
        { name: 'latchkey', command: [...ours, ...args, 'double-curator', '4'] },
      ],
      50,
      'latchkey',
    )
    expect(wrong).toEqual([])
  },
)
