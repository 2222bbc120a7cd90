/** kazoo's Counter and barriers beside ours, in processes of their own. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { Barrier, connect, Counter } from '../../src/index.js'
import { servers } from '../support/ensemble.js'
import { findKazoo, peerProgram } from '../support/foreign-clients.js'
import { Peer } from './peer.js'
import { countTogether, passInStep } from './value-contention.js'

const ours = [process.execPath, '--import', 'tsx', peerProgram('latchkey/value-contender.ts')]

async function python(): Promise<readonly string[]> {
  const found = await findKazoo()
  if (!found.available) throw new Error(found.detail)
  return [found.python, peerProgram('kazoo/value_contender.py')]
}

it("kazoo's Counter and ours: nothing is lost", { timeout: 120_000 }, async () => {
  const theirs = await python()
  const args = [servers.connectString, `/counter-${randomUUID()}`, '150', 'kazoo']
  const sums = await countTogether([
    { name: 'kazoo', command: [...theirs, ...args] },
    { name: 'kazoo', command: [...theirs, ...args] },
    { name: 'latchkey', command: [...ours, ...args] },
    { name: 'latchkey', command: [...ours, ...args] },
  ])
  expect(new Set(sums).size).toBe(sums.length)
  await using zk = await connect(servers.connectString)
  expect(await new Counter(zk, args[1]!, { format: 'kazoo' }).get()).toBe(600n)
})

it(
  "kazoo's DoubleBarrier and ours begin together, and end together if all leave after all have entered",
  { timeout: 120_000 },
  async () => {
    const theirs = await python()
    const args = [servers.connectString, `/double-${randomUUID()}`, '50']
    const wrong = await passInStep(
      [
        { name: 'kazoo', command: [...theirs, ...args, 'double', '4'] },
        { name: 'kazoo', command: [...theirs, ...args, 'double', '4'] },
        { name: 'latchkey', command: [...ours, ...args, 'double-kazoo', '4'] },
        { name: 'latchkey', command: [...ours, ...args, 'double-kazoo', '4'] },
      ],
      50,
      'latchkey',
    )
    expect(wrong).toEqual([])
  },
)

it("kazoo's Barrier waits at ours", { timeout: 60_000 }, async () => {
  const theirs = await python()
  await using zk = await connect(servers.connectString)
  const barrier = new Barrier(zk, `/barrier-${randomUUID()}`)
  await barrier.set()
  await using peer = new Peer('kazoo', [...theirs, servers.connectString, barrier.path, '1', 'barrier'])
  await peer.ready
  peer.go()
  const before = process.hrtime.bigint()
  await barrier.remove()
  const through = (await peer.done).find(({ event }) => event === 'through')
  expect(BigInt(through!['at'] as number)).toBeGreaterThan(before)
})
