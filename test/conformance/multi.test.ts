/** Transactions: results by kind, all or nothing, error positions, how zxids and events come out; and multi-reads. */
import { describe, expect, it } from 'vitest'
import type { MultiOperation } from '../../src/protocol/multi.js'
import { openAcl } from '../support/raw-client.js'
import { Flags } from './peer.js'
import { onlooker, peer, stage } from './stage.js'
import { has } from './versions.js'

const create = (
  path: string,
  flags = 0,
  op: 'create' | 'create2' | 'createContainer' = 'create',
): MultiOperation => ({
  op,
  path,
  data: Buffer.from('x'),
  acl: openAcl,
  flags,
})
const remove = (path: string, version = -1): MultiOperation => ({ op: 'delete', path, version })
const set = (path: string, data = 'y', version = -1): MultiOperation => ({
  op: 'setData',
  path,
  data: Buffer.from(data),
  version,
})
const check = (path: string, version = -1): MultiOperation => ({ op: 'check', path, version })
const failure = (err: number): object => ({ op: 'error', err })

const NO_NODE = -101
const BAD_VERSION = -103
const NOT_TRIED = -2
const ROLLED_BACK = 0

describe('a transaction', () => {
  it('answers each operation in its kind', async () => {
    const { zk, root } = await stage()
    const done = await zk.multi(
      create(`${root}/a`),
      create(`${root}/s-`, Flags.sequential),
      set(`${root}/a`),
      check(`${root}/a`, 1),
      remove(`${root}/s-0000000001`),
      create(`${root}/e`, Flags.ephemeral),
    )
    const results = done.body
    expect(results.map(({ op }) => op)).toEqual(['create', 'create', 'setData', 'check', 'delete', 'create'])
    expect(results[0]).toEqual({ op: 'create', path: `${root}/a` })
    expect(results[1]).toEqual({ op: 'create', path: `${root}/s-0000000001` })
    expect(results[2]).toMatchObject({ stat: { version: 1, mzxid: done.zxid, czxid: done.zxid } })
    expect((await zk.stat(`${root}/e`)).ephemeralOwner).toBe(zk.id)
    expect((await zk.exists(`${root}/s-0000000001`)).error).toBe('NO_NODE')
  })

  it('has one zxid, for all that it changes', async () => {
    const { zk, root } = await stage()
    const done = await zk.multi(create(`${root}/a`), create(`${root}/a/b`), set(root))
    const [a, b, parent] = [await zk.stat(`${root}/a`), await zk.stat(`${root}/a/b`), await zk.stat(root)]
    expect([a.czxid, a.pzxid, b.czxid, parent.mzxid, parent.pzxid]).toEqual(Array(5).fill(done.zxid))
    expect(a.ctime).toBe(b.ctime)
    expect((await zk.create(`${root}/c`)).zxid).toBe(done.zxid + 1n)
  })

  it('sees its own changes, step by step', async () => {
    const { zk, root } = await stage()
    const done = await zk.multi(
      create(`${root}/a`),
      create(`${root}/a/b`),
      remove(`${root}/a/b`),
      set(`${root}/a`, 'y', 0),
      set(`${root}/a`, 'z', 1),
      remove(`${root}/a`, 2),
      create(`${root}/a`),
    )
    expect(done.body.map(({ op }) => op)).not.toContain('error')
    expect((await zk.stat(`${root}/a`)).version).toBe(0)
    expect((await zk.stat(root)).cversion).toBe(3)
  })

  it('of checks alone changes nothing', async () => {
    const { zk, root } = await stage()
    const before = await zk.stat(root)
    expect((await zk.multi(check(root), check(root, 0))).body).toEqual([{ op: 'check' }, { op: 'check' }])
    expect(await zk.stat(root)).toEqual(before)
  })

  it('of nothing is answered with nothing', async () => {
    const { zk } = await stage()
    const done = await zk.multi()
    expect(done.error).toBe('OK')
    expect(done.body).toEqual([])
  })

  it('makes containers and TTL nodes', async () => {
    const { zk, root } = await stage()
    const ttl: MultiOperation = {
      op: 'createTTL',
      path: `${root}/t`,
      data: null,
      acl: openAcl,
      flags: Flags.ttl,
      ttlMs: 60_000n,
    }
    const done = await zk.multi(create(`${root}/c`, Flags.container, 'createContainer'), ttl)
    expect(done.body).toMatchObject([{ path: `${root}/c` }, { path: `${root}/t` }])
    expect((await zk.children(root)).body.children).toHaveLength(2)
  })

  it('takes a container for one by its flags, whatever operation it comes as', async () => {
    const { zk, root } = await stage()
    const [made] = (await zk.multi(create(`${root}/c`, Flags.container))).body
    expect(made).toMatchObject({ op: 'create2', path: `${root}/c`, stat: { version: 0 } })
  })

  if (has.statInMulti) {
    it('answers create2, containers and TTL nodes with a stat', async () => {
      const { zk, root } = await stage()
      const done = await zk.multi(
        create(`${root}/a`, 0, 'create2'),
        create(`${root}/c`, Flags.container, 'createContainer'),
        set(`${root}/a`),
      )
      expect(done.body).toMatchObject([
        { op: 'create2', path: `${root}/a`, stat: { czxid: done.zxid, version: 0 } },
        { op: 'create2', path: `${root}/c`, stat: { czxid: done.zxid } },
        { op: 'setData', stat: { version: 1 } },
      ])
    })
  }
})

describe('a refused transaction', () => {
  it('has the cause at its place, 0 before and −2 behind, and no error in its header', async () => {
    const { zk, root } = await stage()
    const done = await zk.multi(create(`${root}/a`), set(root), remove(`${root}/no`), create(`${root}/b`))
    expect(done.error).toBe('OK')
    expect(done.body).toEqual([ROLLED_BACK, ROLLED_BACK, NO_NODE, NOT_TRIED].map(failure))
  })

  it('changes nothing, neither data nor any stat nor a sequence number', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/kept`, { data: 'kept' })
    const before = [await zk.get(root), await zk.get(`${root}/kept`)].map(({ body }) => body)
    await zk.multi(
      create(`${root}/s-`, Flags.sequential),
      create(`${root}/e`, Flags.ephemeral),
      set(`${root}/kept`),
      set(root),
      remove(`${root}/kept`),
      check(`${root}/no`),
    )
    expect([await zk.get(root), await zk.get(`${root}/kept`)].map(({ body }) => body)).toEqual(before)
    expect((await zk.children(root)).body.children).toEqual(['kept'])
    const made = await zk.create(`${root}/s-`, { flags: Flags.sequential })
    expect(made.body.path).toBe(`${root}/s-0000000001`)
  })

  it('uses one zxid up', async () => {
    const { zk, root } = await stage()
    const first = await zk.create(`${root}/a`)
    const refused = await zk.multi(create(`${root}/b`), create(`${root}/a`))
    expect(refused.zxid).toBe(first.zxid + 1n)
    expect((await zk.create(`${root}/b`)).zxid).toBe(first.zxid + 2n)
  })

  it('is heard by no watch', async () => {
    const { zk, root } = await stage()
    await zk.get(root, true)
    await zk.children(root, true)
    await zk.multi(create(`${root}/b`), set(root), check(`${root}/no`))
    expect(await zk.heard()).toEqual([])
  })

  it.each([
    ['a check of a missing znode', check('/no'), NO_NODE],
    ['a check of another version', check('', 7), BAD_VERSION],
    ['a set of another version', set('', 'x', 7), BAD_VERSION],
    ['a delete of a missing znode', remove('/no'), NO_NODE],
    ['a delete with children', remove(''), -111],
    ['a create that exists', create('/c'), -110],
    ['a create without a parent', create('/no/x'), NO_NODE],
    ['a create below an ephemeral', create('/e/x'), -108],
    ['a path that is none', create('/..'), -8],
  ])('by %s carries that cause', async (_what, operation, cause) => {
    const { zk, root } = await stage()
    const at = `${root}/at`
    await zk.create(at)
    await zk.create(`${at}/c`)
    await zk.create(`${at}/e`, { flags: Flags.ephemeral })
    const path = 'path' in operation ? `${at}${operation.path}` : at
    const done = await zk.multi(check(at), { ...operation, path }, check(at))
    expect(done.body).toEqual([ROLLED_BACK, cause, NOT_TRIED].map(failure))
  })

  it('is refused as a whole where the flags of a TTL node come without a TTL', async () => {
    const { zk, root } = await stage()
    const done = await zk.multi(create(`${root}/a`), create(`${root}/t`, Flags.ttl))
    expect(done.error).toBe('MARSHALLING_ERROR')
    expect((await zk.children(root)).body.children).toEqual([])
  })

  it('by flags that are none carries that cause, or is refused as a whole', async () => {
    const { zk, root } = await stage()
    const done = await zk.multi(create(`${root}/a`), create(`${root}/b`, 9))
    if (has.statInMulti) expect(done.error).toBe('MARSHALLING_ERROR')
    else expect(done.body).toEqual([ROLLED_BACK, -8].map(failure))
    expect((await zk.children(root)).body.children).toEqual([])
  })

  it('is refused as a whole for a read within', async () => {
    const { zk, root } = await stage()
    await expect(
      zk.multi(create(`${root}/a`), { op: 'getData', path: root, watch: false }),
    ).resolves.toMatchObject({
      error: 'MARSHALLING_ERROR',
    })
    expect((await zk.exists(`${root}/a`)).error).toBe('NO_NODE')
  })
})

describe('events of a transaction', () => {
  it('come in the order of its operations, before its reply, with its zxid', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/gone`)
    await zk.get(root, true)
    await zk.children(root, true)
    await zk.exists(`${root}/new`, true)
    await zk.get(`${root}/gone`, true)
    const done = await zk.multi(set(root), create(`${root}/new`), remove(`${root}/gone`))
    expect(zk.arrivals.slice(-5)).toEqual([
      `dataChanged ${root}`,
      `created ${root}/new`,
      `childrenChanged ${root}`,
      `deleted ${root}/gone`,
      done.xid,
    ])
    const zxid = has.eventZxid ? done.zxid : -1n
    expect(zk.events.map((event) => event.zxid)).toEqual(Array(4).fill(zxid))
  })

  it('reach another session all, in that order', async () => {
    const { zk, root } = await stage()
    const other = await onlooker(zk)
    await other.exists(`${root}/a`, true)
    await other.exists(`${root}/b`, true)
    await zk.multi(create(`${root}/b`), create(`${root}/a`))
    expect(await other.heard()).toEqual([`created ${root}/b`, `created ${root}/a`])
  })
})

if (has.operationsOf36) {
  describe('a multi-read', () => {
    const get = (path: string): MultiOperation => ({ op: 'getData', path, watch: false })
    const list = (path: string): MultiOperation => ({ op: 'getChildren', path, watch: false })

    it('answers each read by itself, errors among them', async () => {
      const { zk, root } = await stage()
      await zk.create(`${root}/a`, { data: 'data' })
      await zk.create(`${root}/shut`, { acl: [{ perms: 2, identity: { scheme: 'world', id: 'anyone' } }] })
      const done = await zk.ask('multiRead', [
        get(`${root}/a`),
        get(`${root}/no`),
        list(root),
        get(`${root}/shut`),
      ])
      const [data, none, children, shut] = done.body
      expect(data).toMatchObject({ op: 'getData', data: Buffer.from('data'), stat: { dataLength: 4 } })
      expect(none).toEqual(failure(NO_NODE))
      expect(children).toMatchObject({ op: 'getChildren' })
      expect(children?.op === 'getChildren' && [...children.children].sort()).toEqual(['a', 'shut'])
      expect(shut).toEqual(failure(-102))
    })

    it('of nothing is answered with nothing', async () => {
      const zk = await peer()
      expect((await zk.ask('multiRead', [])).body).toEqual([])
    })

    it('uses no zxid up', async () => {
      const { zk, root } = await stage()
      const first = await zk.create(`${root}/a`)
      await zk.ask('multiRead', [get(root)])
      expect((await zk.create(`${root}/b`)).zxid).toBe(first.zxid + 1n)
    })

    it('sets no watches, though asked for', async () => {
      const { zk, root } = await stage()
      await zk.ask('multiRead', [{ op: 'getData', path: root, watch: true }])
      await zk.set(root, 'x')
      expect(await zk.heard()).toEqual([])
    })
  })
}
