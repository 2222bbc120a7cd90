/** Curator's InterProcessSemaphoreV2, with a SharedCount for its limit, beside our Semaphore with its layout. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { peerProgram } from '../support/foreign-clients.js'
import { curatorPeers } from './curator-peers.js'
import { contendForPermits } from './semaphore-contention.js'

const java = curatorPeers()

it("Curator's semaphore and ours never give out more than there are", { timeout: 120_000 }, async () => {
  const path = `/semaphore-${randomUUID()}`
  const limit = `${path}-limit`
  const ours = [process.execPath, '--import', 'tsx', peerProgram('latchkey/semaphore-contender.ts')]
  const result = await contendForPermits(
    servers.connectString,
    path,
    [
      { name: 'curator', command: (args) => [...java, 'SemaphoreContender', ...args, limit] },
      { name: 'latchkey', command: (args) => [...ours, ...args, 'curator', limit] },
    ],
    { processes: 3, rounds: 200, parents: [`${path}/locks`, `${path}/leases`] },
  )
  expect(result).toEqual({ holds: { curator: 600, latchkey: 600 }, most: 3, mostKinds: 2, left: [] })
})
