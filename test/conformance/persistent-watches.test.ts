/** Watches that stay, on one znode or on all below it. */
import { describe, expect, it } from 'vitest'
import { onlooker, peer, stage } from './stage.js'
import { has } from './versions.js'

const PERSISTENT = 0
const RECURSIVE = 1

if (!has.operationsOf36) {
  it('are unknown to servers before 3.6, which end the connection', async () => {
    const zk = await peer()
    expect((await zk.ask('addWatch', { path: '/', mode: PERSISTENT })).error).toBe('UNIMPLEMENTED')
    await zk.raw.closed
  })
} else {
  describe('a persistent watch', () => {
    it('hears of every change of its znode and of its list of children', async () => {
      const { zk, root } = await stage()
      expect((await zk.ask('addWatch', { path: root, mode: PERSISTENT })).error).toBe('OK')
      await zk.set(root, 'y')
      await zk.create(`${root}/a`)
      await zk.set(`${root}/a`, 'y')
      await zk.create(`${root}/a/b`)
      await zk.delete(`${root}/a/b`)
      await zk.delete(`${root}/a`)
      await zk.set(root, 'z')
      expect(await zk.heard()).toEqual([
        `dataChanged ${root}`,
        `childrenChanged ${root}`,
        `childrenChanged ${root}`,
        `dataChanged ${root}`,
      ])
    })

    it('may be set before its znode is there, and outlives it', async () => {
      const { zk, root } = await stage()
      const path = `${root}/a`
      await zk.ask('addWatch', { path, mode: PERSISTENT })
      for (let i = 0; i < 2; i++) {
        await zk.create(path)
        await zk.delete(path)
      }
      expect(await zk.heard()).toEqual([
        `created ${path}`,
        `deleted ${path}`,
        `created ${path}`,
        `deleted ${path}`,
      ])
    })

    it('with a one-shot watch on the same znode hears of each change once, or becomes one', async () => {
      const { zk, root } = await stage()
      await zk.ask('addWatch', { path: root, mode: PERSISTENT })
      await zk.get(root, true)
      await zk.children(root, true)
      await zk.set(root, 'y')
      await zk.set(root, 'z')
      await zk.create(`${root}/a`)
      const again = has.watchKindsCoexist ? [`dataChanged ${root}`] : []
      expect(await zk.heard()).toEqual([`dataChanged ${root}`, ...again, `childrenChanged ${root}`])
    })
  })

  describe('a recursive watch', () => {
    it('hears of every znode below it, at all depths, its own changes included', async () => {
      const { zk, root } = await stage()
      await zk.ask('addWatch', { path: root, mode: RECURSIVE })
      await zk.create(`${root}/a`)
      await zk.create(`${root}/a/b`)
      await zk.set(`${root}/a/b`, 'y')
      await zk.delete(`${root}/a/b`)
      await zk.set(root, 'y')
      const events = (await zk.heard()).filter((event) => !event.startsWith('childrenChanged'))
      expect(events).toEqual([
        `created ${root}/a`,
        `created ${root}/a/b`,
        `dataChanged ${root}/a/b`,
        `deleted ${root}/a/b`,
        `dataChanged ${root}`,
      ])
    })

    it('hears of changed children only where a one-shot watch asks for it', async () => {
      const { zk, root } = await stage()
      await zk.ask('addWatch', { path: root, mode: RECURSIVE })
      await zk.create(`${root}/a`)
      await zk.children(root, true)
      await zk.create(`${root}/b`)
      await zk.create(`${root}/c`)
      expect(await zk.heard()).toEqual([
        `created ${root}/a`,
        `created ${root}/b`,
        `childrenChanged ${root}`,
        `created ${root}/c`,
      ])
    })

    it('does not hear of its neighbours with a name that begins alike', async () => {
      const { zk, root } = await stage()
      await zk.ask('addWatch', { path: `${root}/a`, mode: RECURSIVE })
      await zk.create(`${root}/ab`)
      await zk.create(`${root}/a`)
      expect(await zk.heard()).toEqual([`created ${root}/a`])
    })

    it('of the root hears of all', async () => {
      const { zk, root } = await stage()
      const other = await onlooker(zk)
      await other.ask('addWatch', { path: '/', mode: RECURSIVE })
      await zk.create(`${root}/deep`)
      expect(await other.heard()).toContain(`created ${root}/deep`)
    })
  })

  describe('both kinds on one path', () => {
    it('the later one takes the place of the earlier, or both are heard once', async () => {
      const { zk, root } = await stage()
      await zk.ask('addWatch', { path: root, mode: PERSISTENT })
      await zk.ask('addWatch', { path: root, mode: RECURSIVE })
      await zk.set(root, 'y')
      await zk.create(`${root}/a`)
      const events = await zk.heard()
      expect(events.filter((event) => event === `dataChanged ${root}`)).toHaveLength(1)
      expect(events.filter((event) => event === `created ${root}/a`)).toHaveLength(1)
    })
  })

  it('a mode that is none is refused', async () => {
    const zk = await peer()
    expect((await zk.ask('addWatch', { path: '/', mode: 7 })).error).toBe('MARSHALLING_ERROR')
  })
}
