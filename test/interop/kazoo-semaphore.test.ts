/** kazoo's Semaphore beside ours with its layout. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { findKazoo, peerProgram } from '../support/foreign-clients.js'
import { contendForPermits } from './semaphore-contention.js'

it("kazoo's semaphore and ours never give out more than there are", { timeout: 120_000 }, async () => {
  const found = await findKazoo()
  if (!found.available) throw new Error(found.detail)
  const path = `/semaphore-${randomUUID()}`
  const ours = [process.execPath, '--import', 'tsx', peerProgram('latchkey/semaphore-contender.ts')]
  const theirs = [found.python, peerProgram('kazoo/semaphore_contender.py')]
  const result = await contendForPermits(
    servers.connectString,
    path,
    [
      { name: 'kazoo', command: (args) => [...theirs, ...args, '3'] },
      { name: 'latchkey', command: (args) => [...ours, ...args, 'kazoo', '3'] },
    ],
    { processes: 3, rounds: 200, parents: [path, `${path}-__lock__`] },
  )
  expect(result).toEqual({ holds: { kazoo: 600, latchkey: 600 }, most: 3, mostKinds: 2, left: [] })
})
