/**
 * Containers and TTL nodes, deleted by the server when they are over. The run's servers look every second. The sessions
 * here say nothing while they wait: their timeout is longer than that of a test.
 */
import { describe, expect, it } from 'vitest'
import type { Peer } from './peer.js'
import { stage } from './stage.js'

/** Resolves when the watch on `path` says that it is gone. */
async function gone(zk: Peer, path: string): Promise<void> {
  const before = zk.events.length
  await zk.exists(path, true)
  const events = await zk.raw.eventsUpTo(before + 1)
  expect(events.at(-1)).toMatchObject({ type: 2, path })
}

describe('a container', () => {
  it('is deleted when its last child is gone, and its watches hear so', async () => {
    const { zk, root } = await stage({ timeoutMs: 60_000 })
    await zk.createContainer(`${root}/used`)
    await zk.createContainer(`${root}/fresh`)
    await zk.createContainer(`${root}/full`)
    await zk.create(`${root}/used/a`)
    await zk.create(`${root}/full/a`)
    await zk.delete(`${root}/used/a`)
    await gone(zk, `${root}/used`)
    // One that never had a child stays, as does one that has.
    expect([...(await zk.children(root)).body.children].sort()).toEqual(['fresh', 'full'])
  })

  it('takes children that are containers, and goes after them', async () => {
    const { zk, root } = await stage({ timeoutMs: 60_000 })
    await zk.createContainer(`${root}/outer`)
    await zk.createContainer(`${root}/outer/inner`)
    await zk.create(`${root}/outer/inner/a`)
    await zk.delete(`${root}/outer/inner/a`)
    await gone(zk, `${root}/outer`)
    expect((await zk.children(root)).body.children).toEqual([])
  })
})

describe('a TTL node', () => {
  it('is deleted when it was not changed for its time and has no children', async () => {
    const { zk, root } = await stage({ timeoutMs: 60_000 })
    await zk.createTtl(`${root}/short`, 1)
    await zk.createTtl(`${root}/parent`, 1)
    await zk.create(`${root}/parent/a`)
    await zk.createTtl(`${root}/long`, 3_600_000)
    await gone(zk, `${root}/short`)
    expect([...(await zk.children(root)).body.children].sort()).toEqual(['long', 'parent'])
    await zk.delete(`${root}/parent/a`)
    await gone(zk, `${root}/parent`)
  })
})
