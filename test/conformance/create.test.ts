/** Creating znodes: modes, what comes back, sequence numbers, and which of several errors is told. */
import { describe, expect, it } from 'vitest'
import { Flags } from './peer.js'
import { onlooker, peer, stage } from './stage.js'

const NOBODY = { scheme: 'digest', id: 'nobody:x' }

describe('a new znode', () => {
  it('begins with its own zxid in all three places and versions of 0', async () => {
    const { zk, root } = await stage()
    const before = BigInt(Date.parse('2020-01-01'))
    const made = await zk.create(`${root}/a`, { data: 'four' })
    expect(made.body.path).toBe(`${root}/a`)
    const { ctime, mtime, ...rest } = made.body.stat
    expect(rest).toEqual({
      czxid: made.zxid,
      mzxid: made.zxid,
      pzxid: made.zxid,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0n,
      dataLength: 4,
      numChildren: 0,
    })
    expect(mtime).toBe(ctime)
    expect(ctime).toBeGreaterThan(before)
    expect((await zk.get(`${root}/a`)).body.stat).toEqual(made.body.stat)
  })

  it('is answered with its path alone by the old create', async () => {
    const { zk, root } = await stage()
    expect((await zk.createWithoutStat(`${root}/a`)).body).toEqual({ path: `${root}/a` })
    const sequential = await zk.createWithoutStat(`${root}/s-`, { flags: Flags.sequential })
    expect(sequential.body).toEqual({ path: `${root}/s-0000000001` })
  })

  it('keeps null and empty data apart', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/null`, { data: null })
    await zk.create(`${root}/empty`, { data: '' })
    const [none, empty] = [await zk.get(`${root}/null`), await zk.get(`${root}/empty`)]
    expect(none.body.data).toBeNull()
    expect(empty.body.data).toEqual(Buffer.alloc(0))
    expect([none.body.stat.dataLength, empty.body.stat.dataLength]).toEqual([0, 0])
  })

  it('changes cversion, pzxid and numChildren of its parent and nothing else there', async () => {
    const { zk, root } = await stage()
    const before = await zk.stat(root)
    const made = await zk.create(`${root}/a`)
    expect(await zk.stat(root)).toEqual({ ...before, cversion: 1, pzxid: made.zxid, numChildren: 1 })
  })

  it('leaves its grandparent alone', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    const before = await zk.stat(root)
    await zk.create(`${root}/a/b`)
    expect(await zk.stat(root)).toEqual(before)
  })
})

describe('modes', () => {
  it('an ephemeral is owned by its session and ends with it', async () => {
    const { zk, root } = await stage()
    const owner = await peer()
    const made = await owner.create(`${root}/e`, { flags: Flags.ephemeral })
    expect(made.body.stat.ephemeralOwner).toBe(owner.id)
    await owner.create(`${root}/es-`, { flags: Flags.ephemeralSequential })
    await owner.raw.closeSession()
    await zk.sync(root)
    expect((await zk.children(root)).body.children).toEqual([])
  })

  it('a persistent znode outlives its session', async () => {
    const { zk, root } = await stage()
    const owner = await peer()
    await owner.create(`${root}/p`)
    await owner.raw.closeSession()
    await zk.sync(root)
    expect((await zk.stat(`${root}/p`)).ephemeralOwner).toBe(0n)
  })

  it('an ephemeral has no children, of whatever mode', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/e`, { flags: Flags.ephemeral })
    for (const flags of [Flags.persistent, Flags.ephemeral, Flags.sequential])
      expect((await zk.create(`${root}/e/c`, { flags })).error).toBe('NO_CHILDREN_FOR_EPHEMERALS')
    expect((await zk.createContainer(`${root}/e/c`)).error).toBe('NO_CHILDREN_FOR_EPHEMERALS')
    expect((await zk.createTtl(`${root}/e/c`, 1000)).error).toBe('NO_CHILDREN_FOR_EPHEMERALS')
  })

  it('containers and TTL nodes show no owner: what the server stores there it keeps to itself', async () => {
    const { zk, root } = await stage()
    expect((await zk.createContainer(`${root}/c`)).body.stat.ephemeralOwner).toBe(0n)
    expect((await zk.createTtl(`${root}/t`, 0x12345)).body.stat.ephemeralOwner).toBe(0n)
    expect((await zk.stat(`${root}/c`)).ephemeralOwner).toBe(0n)
    expect((await zk.get(`${root}/t`)).body.stat.ephemeralOwner).toBe(0n)
  })

  it('TTL nodes can be sequential', async () => {
    const { zk, root } = await stage()
    const made = await zk.createTtl(`${root}/t-`, 60_000, { flags: Flags.sequentialTtl })
    expect(made.body.path).toBe(`${root}/t-0000000000`)
  })

  it.each([
    ['0 ms', 0],
    ['-1 ms', -1],
    ['more than 40 bits of milliseconds', 0x100_0000_0000],
  ])('a TTL of %s is refused', async (_what, ttlMs) => {
    const { zk, root } = await stage()
    expect((await zk.createTtl(`${root}/t`, ttlMs)).error).toBe('BAD_ARGUMENTS')
  })

  it('the longest TTL is taken', async () => {
    const { zk, root } = await stage()
    expect((await zk.createTtl(`${root}/t`, 0xff_ffff_ffff)).error).toBe('OK')
  })

  it.each([-1, 7, 100])('flags %i are refused', async (flags) => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/x`, { flags })).error).toBe('BAD_ARGUMENTS')
  })

  it('the flags of a TTL node are refused without a TTL, and a TTL without its flags', async () => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/x`, { flags: Flags.ttl })).error).toBe('BAD_ARGUMENTS')
    expect((await zk.createTtl(`${root}/x`, 1000, { flags: Flags.persistent })).error).toBe('BAD_ARGUMENTS')
  })
})

describe('sequence numbers', () => {
  it('count all children ever made, sequential or not, and never go back', async () => {
    const { zk, root } = await stage()
    const sequential = async (name: string): Promise<string> => {
      const { body } = await zk.create(`${root}/${name}`, { flags: Flags.sequential })
      return body.path.slice(root.length + 1)
    }
    expect(await sequential('a-')).toBe('a-0000000000')
    await zk.create(`${root}/plain`)
    expect(await sequential('b-')).toBe('b-0000000002')
    await zk.delete(`${root}/b-0000000002`)
    await zk.delete(`${root}/plain`)
    expect(await sequential('a-')).toBe('a-0000000003')
    expect((await zk.stat(root)).cversion).toBe(6)
  })

  it('are not used up by a create that is refused', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/x`)
    await zk.create(`${root}/x`)
    const made = await zk.create(`${root}/s-`, { flags: Flags.sequential })
    expect(made.body.path).toBe(`${root}/s-0000000001`)
  })

  it('begin again when the parent is made again', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/p`)
    await zk.create(`${root}/p/s-`, { flags: Flags.sequential })
    await zk.delete(`${root}/p/s-0000000000`)
    await zk.delete(`${root}/p`)
    await zk.create(`${root}/p`)
    const made = await zk.create(`${root}/p/s-`, { flags: Flags.sequential })
    expect(made.body.path).toBe(`${root}/p/s-0000000000`)
  })

  it('make a name of their own where the path ends in a slash', async () => {
    const { zk, root } = await stage()
    const made = await zk.create(`${root}/`, { flags: Flags.ephemeralSequential })
    expect(made.body.path).toBe(`${root}/0000000000`)
  })

  it('fail on a name that is taken', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/s-0000000001`)
    expect((await zk.create(`${root}/s-`, { flags: Flags.sequential })).error).toBe('NODE_EXISTS')
  })
})

describe('which error is told when several would do', () => {
  it('bad flags come first, even without a parent and with a path that is none', async () => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/no/x`, { flags: 9 })).error).toBe('BAD_ARGUMENTS')
  })

  it('an ACL that is none comes before a missing parent', async () => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/no/x`, { acl: [] })).error).toBe('INVALID_ACL')
    expect((await zk.create(`${root}/no/x`)).error).toBe('NO_NODE')
  })

  it('a missing parent comes before a path that is none', async () => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/no/..`)).error).toBe('NO_NODE')
  })

  it('a missing permission comes before a path that is none, an existing znode and an ephemeral parent', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/p`, { acl: [{ perms: 31, identity: NOBODY }] })
    expect((await zk.create(`${root}/p/a//b`)).error).toBe('NO_NODE')
    expect((await zk.create(`${root}/p/..`)).error).toBe('NO_AUTH')
    expect((await zk.create(`${root}/p/x`)).error).toBe('NO_AUTH')
    const acl = [{ perms: 1, identity: { scheme: 'world', id: 'anyone' } }]
    await zk.create(`${root}/e`, { flags: Flags.ephemeral, acl })
    expect((await zk.create(`${root}/e/x`)).error).toBe('NO_AUTH')
  })

  it('a path that is none comes before all that is said of the place', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/e`, { flags: Flags.ephemeral })
    expect((await zk.create(`${root}/e/..`)).error).toBe('BAD_ARGUMENTS')
  })

  it('the root and what the server has made exist', async () => {
    const zk = await peer()
    for (const path of ['/zookeeper', '/zookeeper/config', '/zookeeper/quota'])
      expect((await zk.create(path)).error).toBe('NODE_EXISTS')
    expect((await zk.create('/')).error).toBe('NODE_EXISTS')
  })
})

it('is seen by another session after a sync', async () => {
  const { zk, root } = await stage()
  const made = await zk.create(`${root}/a`)
  const other = await onlooker(zk)
  expect(await other.stat(`${root}/a`)).toEqual(made.body.stat)
})
