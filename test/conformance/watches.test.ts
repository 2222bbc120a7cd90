/** One-shot watches: which change fires which, once, and in which order with answers and data. */
import { describe, expect, it } from 'vitest'
import { openAcl } from '../support/raw-client.js'
import { Flags } from './peer.js'
import type { Peer } from './peer.js'
import { onlooker, peer, stage } from './stage.js'
import { has } from './versions.js'

type Act = (zk: Peer, path: string) => Promise<unknown>

const watches: Readonly<Record<string, Act>> = {
  exists: async (zk, path) => zk.exists(path, true),
  get: async (zk, path) => zk.get(path, true),
  getChildren: async (zk, path) => zk.ask('getChildren', { path, watch: true }),
  getChildren2: async (zk, path) => zk.children(path, true),
}

const changes: Readonly<Record<string, Act>> = {
  create: async (zk, path) => zk.create(path),
  set: async (zk, path) => zk.set(path, 'y'),
  setACL: async (zk, path) => zk.setAcl(path, openAcl),
  'create child': async (zk, path) => zk.create(`${path}/new`),
  'set child': async (zk, path) => zk.set(`${path}/c`, 'y'),
  'delete child': async (zk, path) => zk.delete(`${path}/c`),
  'create grandchild': async (zk, path) => zk.create(`${path}/c/d`),
  delete: async (zk, path) => {
    await zk.delete(`${path}/c`)
    return zk.delete(path)
  },
}

/** What a watch on a znode that is there, with a child `c`, hears of each change. Left out: nothing. */
const heard: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  exists: { set: 'dataChanged', delete: 'deleted' },
  get: { set: 'dataChanged', delete: 'deleted' },
  // Of the two deletes, the child's fires it.
  getChildren: {
    'create child': 'childrenChanged',
    'delete child': 'childrenChanged',
    delete: 'childrenChanged',
  },
  getChildren2: {
    'create child': 'childrenChanged',
    'delete child': 'childrenChanged',
    delete: 'childrenChanged',
  },
}

describe.each(Object.keys(watches))('a watch of %s on a znode', (kind) => {
  it.each(Object.keys(changes).filter((change) => change !== 'create'))(
    'hears of %s as it should',
    async (change) => {
      const { zk, root } = await stage()
      const path = `${root}/a`
      await zk.create(path)
      await zk.create(`${path}/c`)
      await watches[kind]?.(zk, path)
      await changes[change]?.(zk, path)
      const type = heard[kind]?.[change]
      expect(await zk.heard()).toEqual(type === undefined ? [] : [`${type} ${path}`])
    },
  )

  it('hears of one change only', async () => {
    const { zk, root } = await stage()
    const path = `${root}/a`
    await zk.create(path)
    await watches[kind]?.(zk, path)
    for (let i = 0; i < 2; i++) {
      await zk.set(path, 'y')
      await zk.create(`${path}/c${i}`)
    }
    expect(await zk.heard()).toHaveLength(1)
  })

  it('that is set twice hears once', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    await watches[kind]?.(zk, `${root}/a`)
    await watches[kind]?.(zk, `${root}/a`)
    await zk.delete(`${root}/a`)
    expect(await zk.heard()).toEqual([`deleted ${root}/a`])
  })
})

describe('a watch on a znode that is not there', () => {
  it('is set by exists, and hears of its creation, not of its parent', async () => {
    const { zk, root } = await stage()
    expect((await zk.exists(`${root}/a`, true)).error).toBe('NO_NODE')
    await zk.create(`${root}/b`)
    expect(await zk.heard()).toEqual([])
    await zk.create(`${root}/a`)
    expect(await zk.heard()).toEqual([`created ${root}/a`])
  })

  it('is not set by the others, which fail', async () => {
    const { zk, root } = await stage()
    expect((await zk.get(`${root}/a`, true)).error).toBe('NO_NODE')
    expect((await zk.children(`${root}/a`, true)).error).toBe('NO_NODE')
    await zk.create(`${root}/a`)
    await zk.create(`${root}/a/b`)
    expect(await zk.heard()).toEqual([])
  })

  it('is not set by a read without permission', async () => {
    const { zk, root } = await stage()
    const acl = [{ perms: 30, identity: { scheme: 'world', id: 'anyone' } }]
    await zk.create(`${root}/a`, { acl })
    expect((await zk.get(`${root}/a`, true)).error).toBe('NO_AUTH')
    expect((await zk.children(`${root}/a`, true)).error).toBe('NO_AUTH')
    await zk.setAcl(`${root}/a`, openAcl)
    await zk.set(`${root}/a`, 'y')
    await zk.create(`${root}/a/b`)
    expect(await zk.heard()).toEqual([])
  })
})

describe('several watches on one znode', () => {
  it('of data and existence are one', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    await zk.exists(`${root}/a`, true)
    await zk.get(`${root}/a`, true)
    await zk.set(`${root}/a`, 'y')
    expect(await zk.heard()).toEqual([`dataChanged ${root}/a`])
  })

  it('of data and children hear of its end once', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    await zk.get(`${root}/a`, true)
    await zk.children(`${root}/a`, true)
    await zk.delete(`${root}/a`)
    expect(await zk.heard()).toEqual([`deleted ${root}/a`])
  })

  it('of different sessions all hear', async () => {
    const { zk, root } = await stage()
    const others = [await onlooker(zk, 0), await onlooker(zk, 1), await onlooker(zk, 2)]
    for (const other of others) await other.get(root, true)
    await zk.set(root, 'y')
    for (const other of others) expect(await other.heard()).toEqual([`dataChanged ${root}`])
  })
})

describe('the order of events', () => {
  it('the event of a write comes before its answer', async () => {
    const { zk, root } = await stage()
    await zk.exists(`${root}/a`, true)
    await zk.children(root, true)
    const { xid } = await zk.create(`${root}/a`)
    expect(zk.arrivals.slice(-3)).toEqual([`created ${root}/a`, `childrenChanged ${root}`, xid])
  })

  it('of a delete: the znode’s own first, then the parent’s', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    await zk.children(root, true)
    await zk.get(`${root}/a`, true)
    const { xid } = await zk.delete(`${root}/a`)
    expect(zk.arrivals.slice(-3)).toEqual([`deleted ${root}/a`, `childrenChanged ${root}`, xid])
  })

  it('an event comes before any answer that shows the change or a later one', async () => {
    const { zk, root } = await stage()
    const other = await onlooker(zk)
    for (let round = 0; round < 30; round++) {
      const { version } = (await other.get(root, true)).body.stat
      const written = zk.set(root, `round ${round}`)
      for (;;) {
        const seen = other.get(root)
        const { stat } = (await seen).body
        if (stat.version === version) continue
        expect(other.arrivals.indexOf((await seen).xid)).toBeGreaterThan(
          other.arrivals.lastIndexOf(`dataChanged ${root}`),
        )
        expect(other.events).toHaveLength(round + 1)
        break
      }
      await written
    }
  })

  it('two writes of another session are heard in their order', async () => {
    const { zk, root } = await stage()
    const paths = Array.from({ length: 20 }, (_, i) => `${root}/n${i}`)
    const other = await onlooker(zk)
    for (const path of [...paths].reverse()) await other.exists(path, true)
    for (const path of paths) void zk.create(path)
    const events = await other.raw.eventsUpTo(paths.length)
    expect(events.map(({ path }) => path)).toEqual(paths)
  })

  it('the ephemerals of a session that is closed go in one transaction', async () => {
    const { zk, root } = await stage()
    const owner = await peer()
    for (const name of ['a', 'b', 'c']) await owner.create(`${root}/${name}`, { flags: Flags.ephemeral })
    await zk.sync()
    for (const name of ['a', 'b', 'c']) await zk.get(`${root}/${name}`, true)
    await zk.children(root, true)
    await owner.raw.closeSession()
    const events = await zk.raw.eventsUpTo(4)
    const deleted = events.filter(({ type }) => type === 2).map(({ path }) => path)
    expect(deleted.sort()).toEqual(['a', 'b', 'c'].map((name) => `${root}/${name}`))
    expect(events.filter(({ type }) => type === 4)).toHaveLength(1)
    if (has.eventZxid) expect(new Set(events.map(({ zxid }) => zxid)).size).toBe(1)
    expect((await zk.stat(root)).pzxid).toBeLessThanOrEqual((await zk.sync()).zxid)
  })
})

it('the header of an event carries the zxid of its transaction, or −1 on older servers', async () => {
  const { zk, root } = await stage()
  await zk.get(root, true)
  const { zxid } = await zk.set(root, 'y')
  const [event] = await zk.raw.eventsUpTo(1)
  expect(event).toEqual({ type: 3, state: 3, path: root, zxid: has.eventZxid ? zxid : -1n })
})

it('a watch ends with its connection', async () => {
  const { zk, root } = await stage()
  await zk.get(root, true)
  const { sessionId, password } = zk.session
  await zk.raw.drop()
  const again = await peer({ sessionId, password: password ?? Buffer.alloc(16) })
  await again.set(root, 'y')
  expect(await again.heard()).toEqual([])
})

if (has.watchesObeyAcl) {
  it('who may not read a znode does not hear of it', async () => {
    const { zk, root } = await stage()
    const acl = [{ perms: 30, identity: { scheme: 'world', id: 'anyone' } }]
    await zk.exists(`${root}/a`, true)
    await zk.create(`${root}/a`, { acl })
    expect(await zk.heard()).toEqual([])
  })
}
