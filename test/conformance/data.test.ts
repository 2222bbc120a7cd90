/** Reading, changing and deleting znodes: results, stats after each kind of change, errors and their order. */
import { describe, expect, it } from 'vitest'
import { Flags } from './peer.js'
import { onlooker, peer, stage, undisturbed } from './stage.js'
import { has } from './versions.js'

const readers = [{ perms: 1, identity: { scheme: 'world', id: 'anyone' } }]

describe('setData', () => {
  it('changes mzxid, mtime, version and length, and nothing else, of the znode alone', async () => {
    const { zk, root } = await stage()
    const made = await zk.create(`${root}/a`, { data: 'four' })
    const parent = await zk.stat(root)
    const set = await zk.set(`${root}/a`, 'sixsix')
    const { mtime } = set.body.stat
    const expected = { ...made.body.stat, mzxid: set.zxid, mtime, version: 1, dataLength: 6 }
    expect(set.body.stat).toEqual(expected)
    expect(mtime).toBeGreaterThanOrEqual(made.body.stat.mtime)
    expect(await zk.stat(`${root}/a`)).toEqual(expected)
    expect(await zk.stat(root)).toEqual(parent)
  })

  it('counts a version for the same data again, and for none', async () => {
    const { zk, root } = await stage()
    expect((await zk.set(root, 'x', 0)).body.stat.version).toBe(1)
    expect((await zk.set(root, 'x', 1)).body.stat.version).toBe(2)
    expect((await zk.set(root, null, 2)).body.stat).toMatchObject({ version: 3, dataLength: 0 })
    expect((await zk.get(root)).body.data).toBeNull()
    expect((await zk.set(root, '', -1)).body.stat.version).toBe(4)
    expect((await zk.get(root)).body.data).toEqual(Buffer.alloc(0))
  })

  it('is refused with another version, and then changes nothing', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    const before = await zk.get(`${root}/a`)
    for (const version of [1, 2, -2, 0x7fffffff])
      expect((await zk.set(`${root}/a`, 'y', version)).error).toBe('BAD_VERSION')
    expect((await zk.get(`${root}/a`)).body).toEqual(before.body)
  })

  it('tells of a missing znode, then of permission, then of the version', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`, { acl: readers })
    expect((await zk.set(`${root}/no`, 'x', 7)).error).toBe('NO_NODE')
    expect((await zk.set(`${root}/a`, 'x', 7)).error).toBe('NO_AUTH')
    expect((await zk.set(`${root}/a/..`, 'x', 7)).error).toBe('BAD_ARGUMENTS')
  })
})

describe('delete', () => {
  it('changes cversion, pzxid and numChildren of the parent', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    const before = await zk.stat(root)
    const deleted = await zk.delete(`${root}/a`)
    expect(deleted.error).toBe('OK')
    expect(await zk.stat(root)).toEqual({ ...before, cversion: 2, pzxid: deleted.zxid, numChildren: 0 })
    expect((await zk.get(`${root}/a`)).error).toBe('NO_NODE')
  })

  it('takes the version of the data, not of the children', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    await zk.set(`${root}/a`, 'y')
    expect((await zk.delete(`${root}/a`, 0)).error).toBe('BAD_VERSION')
    expect((await zk.delete(`${root}/a`, 2)).error).toBe('BAD_VERSION')
    expect((await zk.delete(`${root}/a`, 1)).error).toBe('OK')
  })

  it('tells of the parent, of permission there, of the znode, of the version, and of children last', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/p`)
    await zk.create(`${root}/p/c`)
    await zk.create(`${root}/shut`, { acl: readers })
    expect((await zk.delete(`${root}/no/x`)).error).toBe('NO_NODE')
    const first = has.deleteChecksPermissionFirst ? 'NO_AUTH' : 'NO_NODE'
    expect((await zk.delete(`${root}/shut/no`)).error).toBe(first)
    expect((await zk.delete(`${root}/no`)).error).toBe('NO_NODE')
    expect((await zk.delete(`${root}/p`, 9)).error).toBe('BAD_VERSION')
    expect((await zk.delete(`${root}/p`)).error).toBe('NOT_EMPTY')
  })

  it('is refused for the znodes that the server has made', async () => {
    const zk = await peer()
    for (const path of ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota'])
      expect((await zk.delete(path)).error, path).toBe('BAD_ARGUMENTS')
  })

  it('needs no permission on the znode itself', async () => {
    const { zk, root } = await stage()
    const acl = [{ perms: 31, identity: { scheme: 'digest', id: 'nobody:x' } }]
    await zk.create(`${root}/a`, { acl })
    expect((await zk.delete(`${root}/a`)).error).toBe('OK')
  })

  it('of an ephemeral may be done by another session', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/e`, { flags: Flags.ephemeral })
    const other = await onlooker(zk)
    expect((await other.delete(`${root}/e`)).error).toBe('OK')
    await zk.sync(root)
    expect((await zk.exists(`${root}/e`)).error).toBe('NO_NODE')
  })
})

describe('children', () => {
  it('are names, of direct children only, with the stat of the parent', async () => {
    const { zk, root } = await stage()
    for (const name of ['b', 'a', 'ü', 'a/deep']) await zk.create(`${root}/${name}`)
    const { children, stat } = (await zk.children(root)).body
    expect([...children].sort()).toEqual(['a', 'b', 'ü'])
    expect(stat).toEqual(await zk.stat(root))
    const old = await zk.ask('getChildren', { path: root, watch: false })
    expect([...old.body.children].sort()).toEqual(['a', 'b', 'ü'])
  })

  it('are none on a leaf, and NO_NODE without a znode', async () => {
    const { zk, root } = await stage()
    expect((await zk.children(root)).body.children).toEqual([])
    expect((await zk.children(`${root}/no`)).error).toBe('NO_NODE')
    expect((await zk.ask('getChildren', { path: `${root}/no`, watch: false })).error).toBe('NO_NODE')
  })

  it('of the root include the server’s own', async () => {
    const zk = await peer()
    expect((await zk.children('/')).body.children).toContain('zookeeper')
    expect([...(await zk.children('/zookeeper')).body.children].sort()).toEqual(['config', 'quota'])
  })
})

describe('zxids', () => {
  it('a write’s reply has its own, a read’s the last one that the server has', async () => {
    const { zk, root } = await stage()
    const made = await zk.create(`${root}/a`)
    expect((await zk.get(root)).zxid).toBeGreaterThanOrEqual(made.zxid)
    expect(made.body.stat.czxid).toBe(made.zxid)
  })

  it('a refused write has one of its own too', async () => {
    const { zk, root } = await stage()
    const made = await zk.create(`${root}/a`)
    const refused = [
      await zk.create(`${root}/a`),
      await zk.set(`${root}/no`, 'x'),
      await zk.delete(`${root}/a`, 5),
      await zk.create(`${root}/b`, { flags: 9 }),
    ]
    const zxids = [made, ...refused].map(({ zxid }) => zxid)
    for (let i = 1; i < zxids.length; i++) expect(zxids[i]).toBeGreaterThan(zxids[i - 1] ?? 0n)
    expect((await zk.delete(`${root}/a`)).zxid).toBeGreaterThan(zxids.at(-1) ?? 0n)
  })

  it('reads, syncs and pings use none up', async () => {
    const { zk, root } = await stage()
    await undisturbed(async (attempt) => {
      const first = await zk.create(`${root}/a${attempt}`)
      await zk.get(root)
      await zk.sync()
      await zk.ask('ping', undefined)
      await zk.exists(`${root}/no`)
      return (await zk.create(`${root}/b${attempt}`)).zxid === first.zxid + 1n
    })
  })
})

describe('sync', () => {
  it('answers with its path, even of a znode that is not there', async () => {
    const { zk, root } = await stage()
    expect((await zk.sync(root)).body).toEqual({ path: root })
    expect((await zk.sync(`${root}/no`)).body).toEqual({ path: `${root}/no` })
  })

  it('with a read right behind shows what another session wrote before', async () => {
    const { zk, root } = await stage()
    const other = await peer({ server: 1 })
    const last = await peer({ server: 2 })
    for (let i = 0; i < 20; i++) {
      await zk.set(root, String(i))
      for (const reader of [other, last]) {
        void reader.sync(root)
        expect(String((await reader.get(root)).body.data)).toBe(String(i))
      }
    }
  })
})

it('a session sees its own requests in order, without waiting', async () => {
  const { zk, root } = await stage()
  const [made, listed, set, got, deleted, gone] = await Promise.all([
    zk.create(`${root}/a`, { data: 'one' }),
    zk.children(root),
    zk.set(`${root}/a`, 'two'),
    zk.get(`${root}/a`),
    zk.delete(`${root}/a`),
    zk.exists(`${root}/a`),
  ])
  expect(made.error).toBe('OK')
  expect(listed.body.children).toEqual(['a'])
  expect(set.body.stat.version).toBe(1)
  expect(String(got.body.data)).toBe('two')
  expect([deleted.error, gone.error]).toEqual(['OK', 'NO_NODE'])
})

it('data of 1,000,000 bytes is kept as it is', async () => {
  const { zk, root } = await stage()
  const data = Buffer.alloc(1_000_000, 'latchkey')
  expect((await zk.set(root, data)).body.stat.dataLength).toBe(1_000_000)
  expect(Buffer.compare((await zk.get(root)).body.data ?? Buffer.alloc(0), data)).toBe(0)
})
