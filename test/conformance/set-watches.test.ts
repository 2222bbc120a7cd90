/** Watches set again after a reconnect: what was missed is told at once, the rest stays. */
import { describe, expect, it } from 'vitest'
import type { WatchEvent } from 'latchkey'
import { servers } from '../support/ensemble.js'
import type { Peer } from './peer.js'
import { client, onlooker, peer, stage } from './stage.js'
import { has } from './versions.js'

interface Lists {
  readonly data?: readonly string[]
  readonly exist?: readonly string[]
  readonly child?: readonly string[]
}

const setWatches = async (zk: Peer, relativeZxid: bigint, { data = [], exist = [], child = [] }: Lists) =>
  zk.ask('setWatches', { relativeZxid, dataWatches: data, existWatches: exist, childWatches: child })

/** The answers’ order shows it: a change that was missed is told before the answer. */
async function told(zk: Peer): Promise<string[]> {
  return zk.heard()
}

describe('a data watch', () => {
  it('on a znode that is as it was stays', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    expect((await setWatches(zk, zxid, { data: [root] })).error).toBe('OK')
    expect(await told(zk)).toEqual([])
    await zk.set(root, 'y')
    await zk.set(root, 'z')
    expect(await told(zk)).toEqual([`dataChanged ${root}`])
  })

  it('hears at once that the data has changed since, before the answer', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await zk.set(root, 'y')
    const { xid } = await setWatches(zk, zxid, { data: [root] })
    expect(zk.arrivals.slice(-2)).toEqual([`dataChanged ${root}`, xid])
    expect(zk.events[0]?.zxid).toBe(-1n)
    await zk.set(root, 'z')
    expect(await told(zk)).toEqual([`dataChanged ${root}`])
  })

  it('hears at once that the znode is gone', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    const { zxid } = await zk.sync()
    await zk.delete(`${root}/a`)
    await setWatches(zk, zxid, { data: [`${root}/a`] })
    expect(await told(zk)).toEqual([`deleted ${root}/a`])
  })

  it('on a znode that was deleted and made again hears of changed data', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    const { zxid } = await zk.sync()
    await zk.delete(`${root}/a`)
    await zk.create(`${root}/a`)
    await setWatches(zk, zxid, { data: [`${root}/a`] })
    expect(await told(zk)).toEqual([`dataChanged ${root}/a`])
  })

  it('does not care for changed children', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await zk.create(`${root}/a`)
    await setWatches(zk, zxid, { data: [root] })
    expect(await told(zk)).toEqual([])
  })
})

describe('a watch for existence', () => {
  it('stays while the znode is not there', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await setWatches(zk, zxid, { exist: [`${root}/a`] })
    expect(await told(zk)).toEqual([])
    await zk.create(`${root}/a`)
    expect(await told(zk)).toEqual([`created ${root}/a`])
  })

  it('hears at once of a znode that is there, whenever it was made', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await setWatches(zk, zxid, { exist: [root] })
    expect(await told(zk)).toEqual([`created ${root}`])
  })
})

describe('a watch of children', () => {
  it('stays while the list is as it was, whatever the data', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await zk.set(root, 'y')
    await setWatches(zk, zxid, { child: [root] })
    expect(await told(zk)).toEqual([])
    await zk.create(`${root}/a`)
    expect(await told(zk)).toEqual([`childrenChanged ${root}`])
  })

  it('hears at once that a child came or went, though the list is as it was', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await zk.create(`${root}/a`)
    await zk.delete(`${root}/a`)
    await setWatches(zk, zxid, { child: [root] })
    expect(await told(zk)).toEqual([`childrenChanged ${root}`])
  })

  it('hears at once that the znode is gone', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await setWatches(zk, zxid, { child: [`${root}/no`] })
    expect(await told(zk)).toEqual([`deleted ${root}/no`])
  })
})

it('many lists at once are answered in their order: data, existence, children', async () => {
  const { zk, root } = await stage()
  const { zxid } = await zk.sync()
  await zk.set(root, 'y')
  await zk.create(`${root}/a`)
  await setWatches(zk, zxid, { data: [root], exist: [`${root}/a`], child: [root] })
  expect(await told(zk)).toEqual([`dataChanged ${root}`, `created ${root}/a`, `childrenChanged ${root}`])
})

if (has.operationsOf36) {
  it('persistent watches are set again, and told nothing of what they missed', async () => {
    const { zk, root } = await stage()
    const { zxid } = await zk.sync()
    await zk.set(root, 'y')
    const none = { dataWatches: [], existWatches: [], childWatches: [] }
    const done = await zk.ask('setWatches2', {
      relativeZxid: zxid,
      ...none,
      persistentWatches: [root],
      persistentRecursiveWatches: [`${root}/deep`],
    })
    expect(done.error).toBe('OK')
    expect(await told(zk)).toEqual([])
    await zk.set(root, 'z')
    await zk.create(`${root}/deep`)
    await zk.create(`${root}/deep/er`)
    await zk.set(root, 'z')
    const events = (await told(zk)).filter((event) => event !== `childrenChanged ${root}/deep`)
    expect(events).toEqual([
      `dataChanged ${root}`,
      `created ${root}/deep`,
      `childrenChanged ${root}`,
      `created ${root}/deep/er`,
      `dataChanged ${root}`,
    ])
  })
}

/** Moves the client's session to a connection of our own, as a proxy or a cut would, so that it has to come back. */
async function cut(zk: { exportSession(): { id: bigint; password: Uint8Array } | undefined }): Promise<void> {
  const session = zk.exportSession()
  if (session === undefined) throw new Error('no session')
  const thief = await peer({ sessionId: session.id, password: session.password })
  await thief.raw.drop()
}

describe('the client after a reconnect', () => {
  it('hears of what it missed and of what comes then, each once', async () => {
    const { zk, root } = await stage()
    for (const name of ['data', 'gone', 'list', 'same']) await zk.create(`${root}/${name}`)
    const user = await client()
    const events: string[] = []
    const watch = ({ type, path }: WatchEvent): void =>
      void events.push(`${type} ${path.slice(root.length + 1)}`)
    await user.sync(root)
    await user.get(`${root}/data`, { watch })
    await user.get(`${root}/gone`, { watch })
    await user.children(`${root}/list`, { watch })
    await user.exists(`${root}/new`, { watch })
    await user.get(`${root}/same`, { watch })
    const before = user.session
    const suspended = stateOf(user, 'suspended')
    await cut(user)
    await suspended
    await zk.set(`${root}/data`, 'y')
    await zk.delete(`${root}/gone`)
    await zk.create(`${root}/list/a`)
    await zk.create(`${root}/new`)
    await user.ready()
    expect(user.session).toBe(before)
    await zk.set(`${root}/same`, 'y')
    await user.sync(root)
    await user.get(root)
    expect(events.sort()).toEqual([
      'childrenChanged list',
      'created new',
      'dataChanged data',
      'dataChanged same',
      'deleted gone',
    ])
  })

  it('has all of 4,000 watches again, more than fit in one request', async () => {
    const { zk, root } = await stage()
    const padding = 'x'.repeat(60)
    const user = await client()
    let fired = 0
    const paths = Array.from({ length: 4_000 }, (_, i) => `${root}/${padding}${i}`)
    await Promise.all(
      paths.map(async (path) =>
        user.exists(path, {
          watch: () => {
            fired++
          },
        }),
      ),
    )
    const suspended = stateOf(user, 'suspended')
    await cut(user)
    await suspended
    await user.ready()
    for (let i = 0; i < paths.length; i += 500) {
      const some = paths.slice(i, i + 500)
      await zk.multi(
        ...some.map((path) => ({ op: 'create' as const, path, data: null, acl: worldAcl, flags: 0 })),
      )
    }
    await user.sync(root)
    await user.get(root)
    expect(fired).toBe(4_000)
  })

  if (servers.members.length > 1) {
    it('on another server of the ensemble hears of what it missed too', async () => {
      const { zk, root } = await stage()
      const other = await onlooker(zk, 1)
      const { sessionId, password } = other.session
      await other.get(root, true)
      const { zxid } = await other.sync()
      await other.raw.drop()
      await zk.set(root, 'y')
      await zk.create(`${root}/a`)
      // A server that is behind what a client has seen closes the connection instead of answering.
      await onlooker(zk, 2)
      const moved = await peer({
        server: 2,
        sessionId,
        password: password ?? Buffer.alloc(16),
        lastZxidSeen: zxid,
        firstXid: 1_000,
      })
      expect(moved.id).toBe(sessionId)
      await moved.sync()
      await setWatches(moved, zxid, { data: [root], child: [root] })
      expect(await told(moved)).toEqual([`dataChanged ${root}`, `childrenChanged ${root}`])
    })
  }
})

const worldAcl = [{ perms: 31, identity: { scheme: 'world', id: 'anyone' } }]

async function stateOf(user: Awaited<ReturnType<typeof client>>, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = user.on('state', (state) => {
      if (state !== wanted) return
      stop()
      resolve()
    })
  })
}
