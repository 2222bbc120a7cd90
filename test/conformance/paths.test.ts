/** Paths that a client never sends, because it checks them itself: what the server makes of them, per operation. */
import { describe, expect, it } from 'vitest'
import { Flags } from './peer.js'
import { stage } from './stage.js'

const invalid = [
  ['a segment of one dot', '/.'],
  ['a segment of two dots', '/..'],
  ['dots within', '/./x'],
  ['an empty segment', '//x'],
  ['a slash at the end', '/x/'],
  ['a control character', '/\u0001'],
  ['a delete character', '/\u007f'],
  ['a private-use character', '/\ue000'],
  ['a surrogate pair', '/😀'],
  ['U+FFFF', '/\uffff'],
] as const

describe('create', () => {
  // The parent is looked for first: only where it is there does the path matter.
  it.each(invalid)('with %s is refused', async (_what, suffix) => {
    const { zk, root } = await stage()
    const { error } = await zk.create(`${root}${suffix}`)
    const parent = `${root}${suffix}`.slice(0, `${root}${suffix}`.lastIndexOf('/'))
    expect(error).toBe(parent === root ? 'BAD_ARGUMENTS' : 'NO_NODE')
  })

  it('without a slash, or with a null character, is refused', async () => {
    const { zk, root } = await stage()
    for (const path of ['', 'x', `${root}/\0`]) expect((await zk.create(path)).error).toBe('BAD_ARGUMENTS')
  })

  it('with a path that does not begin with a slash looks for its parent first', async () => {
    const { zk, root } = await stage()
    expect((await zk.create(`x${root}/a`)).error).toBe('NO_NODE')
  })

  it('below the root, with an empty name, is refused', async () => {
    const { zk } = await stage()
    expect((await zk.create('//')).error).toBe('BAD_ARGUMENTS')
  })

  it.each(['/...', '/.a', '/a.', '/a b', '/\u00a0', '/ü', '/中文', '/-', '/ﬀ'])(
    'takes %s',
    async (suffix) => {
      const { zk, root } = await stage()
      expect((await zk.create(`${root}${suffix}`)).body.path).toBe(`${root}${suffix}`)
      expect((await zk.children(root)).body.children).toEqual([suffix.slice(1)])
    },
  )

  it('checks the name with its number: a dot in front of it is one', async () => {
    const { zk, root } = await stage()
    const made = await zk.create(`${root}/.`, { flags: Flags.sequential })
    expect(made.body.path).toBe(`${root}/.0000000000`)
  })
})

describe('setData, setACL and check', () => {
  it.each(invalid)('with %s are refused', async (_what, suffix) => {
    const { zk, root } = await stage()
    const path = `${root}${suffix}`
    expect((await zk.set(path, 'x')).error).toBe('BAD_ARGUMENTS')
    expect((await zk.setAcl(path, [])).error).toBe('BAD_ARGUMENTS')
    const [result] = (await zk.multi({ op: 'check', path, version: -1 })).body
    expect(result).toEqual({ op: 'error', err: -8 })
  })

  it('without a slash in front are refused', async () => {
    const { zk } = await stage()
    expect((await zk.set('x', 'x')).error).toBe('BAD_ARGUMENTS')
    expect((await zk.set('', 'x')).error).toBe('BAD_ARGUMENTS')
  })
})

describe('delete', () => {
  it('looks only for a slash and a null character', async () => {
    const { zk, root } = await stage()
    expect((await zk.delete('x')).error).toBe('BAD_ARGUMENTS')
    expect((await zk.delete('')).error).toBe('BAD_ARGUMENTS')
    expect((await zk.delete(`${root}/\0`)).error).toBe('BAD_ARGUMENTS')
    expect((await zk.delete(`${root}/..`)).error).toBe('NO_NODE')
    expect((await zk.delete(`${root}/x/`)).error).toBe('NO_NODE')
  })
})

describe('reads', () => {
  it.each(invalid)('with %s find nothing', async (_what, suffix) => {
    const { zk, root } = await stage()
    const path = `${root}${suffix}`
    expect((await zk.get(path)).error).toBe('NO_NODE')
    expect((await zk.exists(path)).error).toBe('NO_NODE')
    expect((await zk.children(path)).error).toBe('NO_NODE')
    expect((await zk.getAcl(path)).error).toBe('NO_NODE')
  })

  it('with a null character: exists is refused, the others find nothing', async () => {
    const { zk, root } = await stage()
    expect((await zk.exists(`${root}/\0`)).error).toBe('BAD_ARGUMENTS')
    expect((await zk.get(`${root}/\0`)).error).toBe('NO_NODE')
    expect((await zk.children(`${root}/\0`)).error).toBe('NO_NODE')
  })

  it('of the empty path are of the root', async () => {
    const { zk } = await stage()
    const root = await zk.stat('/')
    expect(root.ctime).toBe(0n)
    expect((await zk.get('')).body.stat.czxid).toBe(root.czxid)
    expect((await zk.children('')).body.children).toContain('zookeeper')
  })
})
