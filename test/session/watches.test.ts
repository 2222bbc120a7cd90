import { describe, expect, test } from 'vitest'
import type { WatchListener } from 'latchkey'
import { watched } from '../support/world.js'
import { Ear, setting } from './watch-setting.js'

describe('one-shot', () => {
  test('each kind hears what it is for, once, before newer data', async () => {
    await using all = await setting()
    const { world, client, other } = all
    const [data, absent, list] = [new Ear(), new Ear(), new Ear()]
    await world.until(client.create('/a', 'x'))
    await world.until(client.get('/a', { watch: data.listener }))
    await world.until(client.exists('/new', { watch: absent.listener }))
    await world.until(client.children('/', { watch: list.listener }))
    await world.until(other.set('/a', 'y'))
    await world.until(other.set('/a', 'z'))
    await world.until(other.create('/new'))
    await world.until(other.delete('/new'))
    await world.pass(10)
    expect(data.heard).toEqual(['dataChanged /a'])
    expect(absent.heard).toEqual(['created /new'])
    expect(list.heard).toEqual(['childrenChanged /'])
    expect(data.events[0]?.zxid).toBeTypeOf('bigint')
  })

  test('a listener may set the watch again from within its call', async () => {
    await using all = await setting()
    const { world, client, other } = all
    await world.until(client.create('/a'))
    let calls = 0
    const again: WatchListener = ({ type }) => {
      if (type === 'lost') return
      calls++
      void client.get('/a', { watch: again })
    }
    await world.until(client.get('/a', { watch: again }))
    for (let i = 0; i < 5; i++) {
      await world.until(other.set('/a', String(i)))
      await world.pass(10)
    }
    expect(calls).toBe(5)
  })

  test('a listener that throws is logged and keeps nobody from hearing', async () => {
    await using all = await setting()
    const { world, client, other } = all
    await world.until(client.create('/a'))
    const ear = new Ear()
    const bad: WatchListener = () => {
      throw new Error('listener broke')
    }
    await world.until(client.get('/a', { watch: bad }))
    await world.until(client.get('/a', { watch: ear.listener }))
    await world.until(other.set('/a', 'x'))
    await world.pass(10)
    expect(ear.heard).toEqual(['dataChanged /a'])
    expect(client.state).toBe('connected')
    expect(world.log.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'a watch listener threw' },
    ])
  })

  test('a failed read sets no watch, but exists on an absent znode does', async () => {
    await using all = await setting()
    const { world, server, client, other } = all
    const [failed, absent] = [new Ear(), new Ear()]
    await world.until(client.get('/no', { watch: failed.listener }).catch(() => undefined))
    expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
    await world.until(client.exists('/no', { watch: absent.listener }))
    await world.until(other.create('/no'))
    await world.pass(10)
    expect(failed.heard).toEqual([])
    expect(absent.heard).toEqual(['created /no'])
  })
})

describe('removal', () => {
  test('the listener is told at once and the server forgets', async () => {
    await using all = await setting()
    const { world, server, client } = all
    const ear = new Ear()
    await world.until(client.exists('/a', { watch: ear.listener }))
    await world.until(client.children('/', { watch: ear.listener }))
    expect(server.control.watchCounts()).toEqual({ data: 1, children: 1 })
    const removal = client.removeWatch('/a', ear.listener)
    expect(ear.heard).toEqual(['removed /a'])
    await world.until(removal)
    expect(server.control.watchCounts()).toEqual({ data: 0, children: 1 })
    await world.until(client.removeWatch('/', ear.listener))
    await world.until(client.removeWatch('/', ear.listener))
    expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
    expect(ear.heard).toEqual(['removed /a', 'removed /'])
  })

  test('one listener of two goes: the other still hears', async () => {
    await using all = await setting()
    const { world, client, other } = all
    const [gone, stays] = [new Ear(), new Ear()]
    await world.until(client.exists('/a', { watch: gone.listener }))
    await world.until(client.exists('/a', { watch: stays.listener }))
    await world.until(client.removeWatch('/a', gone.listener))
    await world.until(other.create('/a'))
    await world.pass(10)
    expect(gone.heard).toEqual(['removed /a'])
    expect(stays.heard).toEqual(['created /a'])
  })

  test('a removal that overtakes the reply of another read does not take its watch away', async () => {
    await using all = await setting()
    const { world, client, other } = all
    const [first, second] = [new Ear(), new Ear()]
    await world.until(client.exists('/a', { watch: first.listener }))
    const reading = client.exists('/a', { watch: second.listener })
    const removing = client.removeWatch('/a', first.listener)
    await world.until(Promise.all([reading, removing]))
    await world.until(other.create('/a'))
    await world.pass(10)
    expect(second.heard).toEqual(['created /a'])
  })

  test('a read that sets a watch right behind a removal keeps it', async () => {
    await using all = await setting()
    const { world, client, other } = all
    const [first, second] = [new Ear(), new Ear()]
    await world.until(client.exists('/a', { watch: first.listener }))
    const removing = client.removeWatch('/a', first.listener)
    const reading = client.exists('/a', { watch: second.listener })
    await world.until(Promise.all([reading, removing]))
    await world.until(other.create('/a'))
    await world.pass(10)
    expect(second.heard).toEqual(['created /a'])
  })

  test('a read that was given up on leaves no watch on the server and calls nobody', async () => {
    await using all = await setting()
    const { world, server, client, other } = all
    const ear = new Ear()
    const controller = new AbortController()
    const read = watched(client.exists('/a', { watch: ear.listener, signal: controller.signal }))
    const list = watched(client.children('/', { watch: ear.listener, signal: controller.signal }))
    await world.pass(1)
    controller.abort(new Error('given up'))
    await world.pass(20)
    expect([read.error, list.error]).toMatchObject([{ message: 'given up' }, { message: 'given up' }])
    expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
    await world.until(other.create('/a'))
    await world.pass(10)
    expect(ear.heard).toEqual([])
  })
})

describe('persistent', () => {
  test('a persistent and a one-shot watch on one path each hear, and go, on their own', async () => {
    await using all = await setting()
    const { world, server, client, other } = all
    await world.until(client.create('/a'))
    const [stays, once] = [new Ear(), new Ear()]
    const watch = await world.until(client.watch('/a', stays.listener))
    await world.until(client.get('/a', { watch: once.listener }))
    await world.until(other.set('/a', '1'))
    await world.until(other.set('/a', '2'))
    await world.until(other.create('/a/b'))
    await world.pass(10)
    expect(once.heard).toEqual(['dataChanged /a'])
    expect(stays.heard).toEqual(['dataChanged /a', 'dataChanged /a', 'childrenChanged /a'])
    await world.until(watch.close())
    await world.until(watch.close())
    expect(stays.heard.at(-1)).toBe('removed /a')
    await world.until(other.set('/a', '3'))
    expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
  })

  test('recursive: all below, without childrenChanged, mapped through the chroot', async () => {
    await using all = await setting({ chroot: '/app' })
    const { world, client, other } = all
    await world.until(other.create('/app'))
    const ear = new Ear()
    await using watch = await world.until(client.watch('/', ear.listener, { recursive: true }))
    await world.until(other.create('/app/a'))
    await world.until(other.create('/app/a/b'))
    await world.until(other.set('/app/a/b', 'x'))
    await world.until(other.delete('/app/a/b'))
    await world.until(other.create('/apple'))
    await world.until(other.set('/app', 'x'))
    await world.pass(10)
    expect(ear.heard).toEqual([
      'created /a',
      'created /a/b',
      'dataChanged /a/b',
      'deleted /a/b',
      'dataChanged /',
    ])
    await world.until(watch.close())
  })

  test('two watches with one listener: closing one leaves the other', async () => {
    await using all = await setting()
    const { world, client, other } = all
    const ear = new Ear()
    const one = await world.until(client.watch('/a', ear.listener))
    const two = await world.until(client.watch('/a', ear.listener))
    await world.until(one.close())
    await world.until(other.create('/a'))
    await world.pass(10)
    expect(ear.heard).toEqual(['removed /a', 'created /a'])
    await world.until(two.close())
  })
})

test.each(['removed', 'fired'] as const)(
  'a watch that stays, closed beside a one-shot watch, is taken back once that is %s',
  async (how) => {
    await using all = await setting()
    const { world, server, client, other } = all
    const ear = new Ear()
    const stays = await world.until(client.watch('/a', new Ear().listener))
    await world.until(client.exists('/a', { watch: ear.listener }))
    await world.until(stays.close())
    if (how === 'removed') await world.until(client.removeWatch('/a', ear.listener))
    else await world.until(other.create('/a'))
    await world.pass(10)
    expect(ear.heard).toHaveLength(1)
    expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
  },
)

test('a watch that stays, closed while a read that may set another is on its way, is taken back if none is set', async () => {
  await using all = await setting()
  const { world, server, client } = all
  const stays = await world.until(client.watch('/a', new Ear().listener))
  const reading = watched(client.get('/a', { watch: new Ear().listener }))
  await world.until(stays.close())
  await world.pass(10)
  expect(reading.error).toMatchObject({ code: 'NO_NODE' })
  expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
})
