/** kazoo's LockingQueue and Queue beside ours with their layouts. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { findKazoo, peerProgram } from '../support/foreign-clients.js'
import { expectedItems, shareQueue } from './shared-queue.js'

it.each([
  ['kazoo-locking', 'locking'],
  ['kazoo', 'plain'],
] as const)('%s: each item comes once, whoever put it', { timeout: 120_000 }, async (dialect, kind) => {
  const found = await findKazoo()
  if (!found.available) throw new Error(found.detail)
  const path = `/queue-${randomUUID()}`
  const result = await shareQueue({
    connectString: servers.connectString,
    path,
    options: { dialect },
    items: 100,
    command: (puts, idleMs) => [
      found.python,
      peerProgram('kazoo/queue_peer.py'),
      servers.connectString,
      path,
      kind,
      String(puts),
      String(idleMs / 1_000),
    ],
  })
  expect(result.taken).toEqual(expectedItems('kazoo', 100))
  expect(result).toMatchObject({ inOrder: true, left: 0 })
  expect(result.toPeer).toBeGreaterThan(0)
})
