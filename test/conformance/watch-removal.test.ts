/** checkWatches and removeWatches, by kind of watch; and what is left afterwards. */
import { describe, expect, it } from 'vitest'
import type { WatchEvent } from 'latchkey'
import type { Peer } from './peer.js'
import { client, peer, stage } from './stage.js'
import { has } from './versions.js'

const Kind = { children: 1, data: 2, any: 3, persistent: 4, recursive: 5 } as const

const check = async (zk: Peer, path: string, type: number): Promise<string> =>
  (await zk.ask('checkWatches', { path, type })).error
const remove = async (zk: Peer, path: string, type: number): Promise<string> =>
  (await zk.ask('removeWatches', { path, type })).error

/** Each way to set a watch, and the kinds that it answers to. */
const watches: readonly (readonly [
  string,
  (zk: Peer, path: string) => Promise<unknown>,
  readonly number[],
])[] = [
  ['exists', async (zk, path) => zk.exists(path, true), [Kind.data, Kind.any]],
  ['get', async (zk, path) => zk.get(path, true), [Kind.data, Kind.any]],
  ['children', async (zk, path) => zk.children(path, true), [Kind.children, Kind.any]],
]

describe.each(watches)('a watch of %s', (_name, set, kinds) => {
  it.each(Object.entries(Kind).filter(([, kind]) => kind <= 3))(
    'answers to the kind %s as it should',
    async (_kind, kind) => {
      const { zk, root } = await stage()
      expect(await check(zk, root, kind)).toBe('NO_WATCHER')
      await set(zk, root)
      const expected = kinds.includes(kind) ? 'OK' : 'NO_WATCHER'
      expect(await check(zk, root, kind)).toBe(expected)
      expect(await remove(zk, root, kind)).toBe(expected)
      await zk.set(root, 'y')
      await zk.create(`${root}/a`)
      expect(await zk.heard()).toHaveLength(expected === 'OK' ? 0 : 1)
    },
  )
})

describe('removeWatches', () => {
  it('sends no event to the session that asks, and knows no watch of another', async () => {
    const { zk, root } = await stage()
    const other = await peer()
    await zk.sync()
    await other.get(root, true)
    expect(await remove(zk, root, Kind.any)).toBe('NO_WATCHER')
    expect(await remove(other, root, Kind.any)).toBe('OK')
    expect(await other.heard()).toEqual([])
  })

  it('of data leaves a watch of children alone, and the other way round', async () => {
    const { zk, root } = await stage()
    await zk.get(root, true)
    await zk.children(root, true)
    expect(await remove(zk, root, Kind.data)).toBe('OK')
    expect(await check(zk, root, Kind.children)).toBe('OK')
    expect(await check(zk, root, Kind.data)).toBe('NO_WATCHER')
    await zk.get(root, true)
    expect(await remove(zk, root, Kind.children)).toBe('OK')
    expect(await check(zk, root, Kind.data)).toBe('OK')
    expect(await check(zk, root, Kind.children)).toBe('NO_WATCHER')
  })

  it('of any takes both', async () => {
    const { zk, root } = await stage()
    await zk.get(root, true)
    await zk.children(root, true)
    expect(await remove(zk, root, Kind.any)).toBe('OK')
    await zk.set(root, 'y')
    await zk.create(`${root}/a`)
    expect(await zk.heard()).toEqual([])
    expect(await remove(zk, root, Kind.any)).toBe('NO_WATCHER')
  })

  it('knows no watch that has fired', async () => {
    const { zk, root } = await stage()
    await zk.get(root, true)
    await zk.set(root, 'y')
    expect(await remove(zk, root, Kind.data)).toBe('NO_WATCHER')
  })

  it('asks for no permission and for no znode', async () => {
    const { zk, root } = await stage()
    await zk.exists(`${root}/no`, true)
    expect(await remove(zk, `${root}/no`, Kind.data)).toBe('OK')
  })

  it.each([0, 6, -1])('of kind %i is refused', async (kind) => {
    const { zk, root } = await stage()
    await zk.get(root, true)
    expect(await remove(zk, root, kind)).toBe('MARSHALLING_ERROR')
    expect(await check(zk, root, kind)).toBe('MARSHALLING_ERROR')
  })
})

const PERSISTENT = 0
const RECURSIVE = 1

if (has.operationsOf36) {
  describe('a persistent watch', () => {
    it('is taken away as any, on every release', async () => {
      const { zk, root } = await stage()
      for (const mode of [PERSISTENT, RECURSIVE]) {
        await zk.ask('addWatch', { path: root, mode })
        expect(await check(zk, root, Kind.any)).toBe('OK')
        expect(await remove(zk, root, Kind.any)).toBe('OK')
        expect(await remove(zk, root, Kind.any)).toBe('NO_WATCHER')
      }
      await zk.set(root, 'y')
      await zk.create(`${root}/a`)
      expect(await zk.heard()).toEqual([])
    })
  })
}

if (has.exactWatchRemoval) {
  describe('removal by kind', () => {
    it('leaves a persistent watch alone where a one-shot one is meant', async () => {
      const { zk, root } = await stage()
      await zk.ask('addWatch', { path: root, mode: PERSISTENT })
      expect(await remove(zk, root, Kind.data)).toBe('NO_WATCHER')
      expect(await remove(zk, root, Kind.children)).toBe('NO_WATCHER')
      await zk.get(root, true)
      expect(await remove(zk, root, Kind.data)).toBe('OK')
      await zk.set(root, 'y')
      expect(await zk.heard()).toEqual([`dataChanged ${root}`])
    })

    it('leaves one-shot watches alone where a persistent one is meant', async () => {
      const { zk, root } = await stage()
      await zk.get(root, true)
      expect(await remove(zk, root, Kind.persistent)).toBe('NO_WATCHER')
      expect(await remove(zk, root, Kind.recursive)).toBe('NO_WATCHER')
      await zk.ask('addWatch', { path: root, mode: PERSISTENT })
      expect(await check(zk, root, Kind.persistent)).toBe('OK')
      expect(await remove(zk, root, Kind.persistent)).toBe('OK')
      await zk.set(root, 'y')
      await zk.set(root, 'z')
      expect(await zk.heard()).toEqual([`dataChanged ${root}`])
    })

    it('tells a recursive watch from a plain one', async () => {
      const { zk, root } = await stage()
      await zk.ask('addWatch', { path: root, mode: RECURSIVE })
      expect(await check(zk, root, Kind.persistent)).toBe('NO_WATCHER')
      expect(await check(zk, root, Kind.recursive)).toBe('OK')
      expect(await remove(zk, root, Kind.recursive)).toBe('OK')
      await zk.create(`${root}/a`)
      expect(await zk.heard()).toEqual([])
    })
  })
}

describe('the client', () => {
  it('takes a watch back: the listener hears so, and nothing else, and the server forgets it', async () => {
    const { zk, root } = await stage()
    const user = await client()
    const events: string[] = []
    const listener = ({ type }: WatchEvent): void => void events.push(type)
    await user.sync(root)
    await user.get(root, { watch: listener })
    await user.removeWatch(root, listener)
    await zk.set(root, 'y')
    await user.sync(root)
    expect(events).toEqual(['removed'])
  })

  it('keeps the watch for another listener', async () => {
    const { zk, root } = await stage()
    const user = await client()
    const events: string[] = []
    const one = ({ type }: WatchEvent): void => void events.push(`one ${type}`)
    const two = ({ type }: WatchEvent): void => void events.push(`two ${type}`)
    await user.sync(root)
    await user.get(root, { watch: one })
    await user.get(root, { watch: two })
    await user.removeWatch(root, one)
    await zk.set(root, 'y')
    await user.sync(root)
    await user.get(root)
    expect(events).toEqual(['one removed', 'two dataChanged'])
  })

  if (has.operationsOf36) {
    it.each([...(has.watchKindsCoexist ? [['the same path', '']] : []), ['a path above', '/below']])(
      'closes a persistent watch and no recursive one on %s',
      async (_where, below) => {
        const { zk, root } = await stage()
        const at = `${root}${below}`
        if (below !== '') await zk.create(at)
        const user = await client()
        const events: string[] = []
        const heard = async (): Promise<string[]> => {
          await user.sync(root)
          await user.get(root)
          return events.splice(0)
        }
        await user.sync(root)
        const plain = await user.watch(at, ({ type, path }) => events.push(`plain ${type} ${path}`))
        const deep = await user.watch(root, ({ type, path }) => events.push(`deep ${type} ${path}`), {
          recursive: true,
        })
        await zk.create(`${at}/a`)
        expect((await heard()).sort()).toEqual([`deep created ${at}/a`, `plain childrenChanged ${at}`])
        await plain.close()
        await zk.create(`${at}/b`)
        expect(await heard()).toEqual([`plain removed ${at}`, `deep created ${at}/b`])
        await deep.close()
        await zk.create(`${at}/c`)
        expect(await heard()).toEqual([`deep removed ${root}`])
      },
    )
  } else {
    it('says UNIMPLEMENTED of a persistent watch, and goes on with the same session', async () => {
      const { root } = await stage()
      const user = await client()
      await expect(user.watch(root, () => undefined)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' })
      const before = user.session?.id
      await user.sync(root)
      expect(user.session?.id).toBe(before)
    })
  }
})
