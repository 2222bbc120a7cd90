/** Curator's DistributedQueue with a lock path beside ours with its layout. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { curatorPeers } from './curator-peers.js'
import { expectedItems, shareQueue } from './shared-queue.js'

const java = curatorPeers()

it('each item comes once, whoever put it', { timeout: 120_000 }, async () => {
  const path = `/queue-${randomUUID()}`
  const lockPath = `${path}-locks`
  const { connectString } = servers
  const result = await shareQueue({
    connectString,
    path,
    options: { dialect: 'curator', lockPath },
    items: 100,
    command: (puts, idleMs) => [
      ...java,
      'QueuePeer',
      connectString,
      path,
      lockPath,
      String(puts),
      String(idleMs),
    ],
  })
  expect(result.taken).toEqual(expectedItems('curator', 100))
  expect(result).toMatchObject({ inOrder: true, left: 0 })
  expect(result.toPeer).toBeGreaterThan(0)
})
