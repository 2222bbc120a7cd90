import { describe, expect, test } from 'vitest'
import type { Client, WatchEvent, WatchListener } from 'latchkey'
import type { EmbeddedServer } from 'latchkey/server'
import { Reader } from '../../src/codec/reader.js'
import { OpCode, Xid } from '../../src/protocol/constants.js'
import { getDataReply, setWatches2Request, setWatchesRequest } from '../../src/protocol/records.js'
import { encode, eventFrame, replyFrame, ScriptedPeer, type PeerRequest } from '../support/scripted-peer.js'
import { watched, World } from '../support/world.js'

class Ear {
  readonly heard: string[] = []
  readonly events: WatchEvent[] = []
  readonly listener: WatchListener = (event) => {
    this.events.push(event)
    this.heard.push(`${event.type} ${event.path}`)
  }
}

interface Setting extends AsyncDisposable {
  readonly world: World
  readonly server: EmbeddedServer
  readonly client: Client
  readonly other: Client
}

async function setting(options: { chroot?: string } = {}): Promise<Setting> {
  const world = new World()
  const server = await world.server()
  const other = await world.client(server.connectString)
  const client = await world.client(`${server.connectString}${options.chroot ?? ''}`)
  return { world, server, client, other, [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose]() }
}

/** Cuts the client's connection and waits until the session goes on. */
async function reconnect({ world, server, client }: Setting): Promise<void> {
  server.control.dropConnection(client.session?.id ?? 0n)
  await world.untilTrue(() => client.state === 'suspended')
  await world.untilTrue(() => client.state === 'connected')
  await world.pass(10)
}

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

describe('reconnecting', () => {
  test('every kind is set again, and what was missed meanwhile is told', async () => {
    await using all = await setting()
    const { world, server, client, other } = all
    await world.until(client.create('/a'))
    await world.until(client.create('/quiet'))
    const ears = Array.from({ length: 6 }, () => new Ear())
    const [data, absent, list, quiet, persistent, recursive] = ears.map((ear) => ear.listener)
    await world.until(client.get('/a', { watch: data }))
    await world.until(client.exists('/new', { watch: absent }))
    await world.until(client.children('/a', { watch: list }))
    await world.until(client.get('/quiet', { watch: quiet }))
    if (persistent !== undefined) await world.until(client.watch('/quiet', persistent))
    if (recursive !== undefined) await world.until(client.watch('/quiet', recursive, { recursive: true }))
    const id = client.session?.id ?? 0n
    server.control.pauseAccepting()
    server.control.dropConnection(id)
    // The other client keeps its connection.
    await world.until(other.set('/a', 'x'))
    await world.until(other.create('/new'))
    await world.until(other.create('/a/b'))
    server.control.resumeAccepting()
    await world.untilTrue(() => client.state === 'suspended')
    await world.untilTrue(() => client.state === 'connected')
    await world.pass(10)
    expect(ears.map(({ heard }) => heard)).toEqual([
      ['dataChanged /a'],
      ['created /new'],
      ['childrenChanged /a'],
      [],
      [],
      [],
    ])
    await world.until(other.set('/quiet', 'x'))
    await world.pass(10)
    expect(ears.slice(3).map(({ heard }) => heard)).toEqual([
      ['dataChanged /quiet'],
      ['dataChanged /quiet'],
      ['dataChanged /quiet'],
    ])
  })

  test('ten thousand watches come back in batches that any server takes', async () => {
    await using all = await setting()
    const { world, server, client } = all
    const name = 'x'.repeat(60)
    const ear = new Ear()
    const calls = Array.from({ length: 10_000 }, async (_, i) =>
      client.exists(`/${name}${i}`, { watch: ear.listener }),
    )
    await world.until(Promise.all(calls))
    await reconnect(all)
    expect(server.control.watchCounts().data).toBe(10_000)
    expect(ear.heard).toEqual([])
  })

  test('a batch is under 128 KiB on the wire', async () => {
    await using world = new World()
    const sizes: number[] = []
    await using peer = await ScriptedPeer.start(world.network, {
      request(request, at) {
        if (request.opcode === OpCode.setWatches) sizes.push(request.body.length + 8)
        const xid = request.opcode === OpCode.setWatches ? Xid.setWatches : request.xid
        at.reply(xid, { err: request.opcode === OpCode.exists ? -101 : 0 })
      },
    })
    const client = await world.client(peer.connectString)
    const calls = Array.from({ length: 5_000 }, async (_, i) =>
      client.exists(`/${'y'.repeat(100)}${i}`, { watch: () => undefined }),
    )
    await world.until(Promise.all(calls))
    peer.last.connection.destroy()
    await world.untilTrue(() => client.state === 'suspended')
    await world.untilTrue(() => client.state === 'connected')
    await world.pass(10)
    expect(sizes.length).toBeGreaterThan(3)
    expect(Math.max(...sizes)).toBeLessThan(128 * 1024)
  })

  test('a server that refuses to take watches back: their listeners hear lost, the session goes on', async () => {
    await using world = new World()
    await using peer = await ScriptedPeer.start(world.network, {
      request(request, at) {
        if (request.opcode === OpCode.setWatches) at.reply(Xid.setWatches, { err: -6 })
        else at.reply(request.xid, { err: -101 })
      },
    })
    const client = await world.client(peer.connectString)
    const ear = new Ear()
    await world.until(client.exists('/a', { watch: ear.listener }))
    peer.last.connection.destroy()
    await world.untilTrue(() => ear.heard.length > 0)
    await world.pass(100)
    expect(ear.heard).toEqual(['lost /a'])
    expect(client.state).toBe('connected')
  })

  test('an event of a transaction is not proof of its other events: they are asked for from before it', async () => {
    await using world = new World()
    let relative = 0n
    await using peer = await ScriptedPeer.start(world.network, {
      request(request, at) {
        if (request.opcode !== OpCode.setWatches) return at.reply(request.xid, { err: -101, zxid: 5n })
        relative = setWatchesRequest.read(new Reader(request.body)).relativeZxid
        at.reply(Xid.setWatches)
      },
    })
    const client = await world.client(peer.connectString)
    const [first, second] = [new Ear(), new Ear()]
    await world.until(client.exists('/a', { watch: first.listener }))
    await world.until(client.exists('/b', { watch: second.listener }))
    // One transaction, zxid 9, made both; the connection breaks between the two events.
    peer.last.event(1, '/a', 9n)
    await world.untilTrue(() => first.heard.length > 0)
    peer.last.connection.destroy()
    await world.untilTrue(() => client.state === 'suspended')
    await world.untilTrue(() => client.state === 'connected')
    await world.pass(10)
    expect(relative).toBe(5n)
  })

  test('only where persistent watches exist is the newer request used', async () => {
    await using world = new World()
    const restored: PeerRequest[] = []
    await using peer = await ScriptedPeer.start(world.network, {
      request(request, at) {
        const restores = request.opcode === OpCode.setWatches || request.opcode === OpCode.setWatches2
        if (restores) restored.push(request)
        at.reply(restores ? Xid.setWatches : request.xid)
      },
    })
    const client = await world.client(peer.connectString)
    await world.until(client.watch('/p', () => undefined))
    await world.until(client.watch('/r', () => undefined, { recursive: true }))
    peer.last.connection.destroy()
    await world.untilTrue(() => restored.length > 0)
    const lists = setWatches2Request.read(new Reader(restored[0]?.body ?? Buffer.alloc(0)))
    expect(lists).toMatchObject({ persistentWatches: ['/p'], persistentRecursiveWatches: ['/r'] })
  })
})

describe('the end', () => {
  test('every listener hears lost exactly once when the session ends, and once when the client is closed', async () => {
    await using all = await setting()
    const { world, server, client } = all
    await world.until(client.create('/a'))
    const ears = Array.from({ length: 4 }, () => new Ear())
    const [one, two, three, four] = ears.map((ear) => ear.listener)
    await world.until(client.get('/a', { watch: one }))
    await world.until(client.children('/a', { watch: two }))
    if (three !== undefined) await world.until(client.watch('/a', three))
    server.control.expireSession(client.session?.id ?? 0n)
    await world.untilTrue(() => client.session?.generation === 2 && client.state === 'connected')
    expect(ears.slice(0, 3).map(({ heard }) => heard)).toEqual([['lost /a'], ['lost /a'], ['lost /a']])
    await world.until(client.get('/a', { watch: four }))
    await world.until(client.close())
    await world.pass(100)
    expect(ears.map(({ heard }) => heard)).toEqual(Array.from({ length: 4 }, () => ['lost /a']))
  })
})

test('a reply that can not be read leaves nothing expected: a later removal reaches the server', async () => {
  await using world = new World()
  let broken = true
  const body = encode(getDataReply, {
    data: null,
    stat: {
      czxid: 1n,
      mzxid: 1n,
      ctime: 0n,
      mtime: 0n,
      version: 0,
      cversion: 0,
      aversion: 0,
      ephemeralOwner: 0n,
      dataLength: 0,
      numChildren: 0,
      pzxid: 1n,
    },
  })
  const opcodes: number[] = []
  await using peer = await ScriptedPeer.start(world.network, {
    request(request, at) {
      opcodes.push(request.opcode)
      if (request.opcode === OpCode.getData)
        at.raw(replyFrame(request.xid, { body: broken ? body.subarray(3) : body }))
      else at.reply(request.xid)
    },
  })
  const client = await world.client(peer.connectString)
  const ear = new Ear()
  const read = watched(client.get('/a', { watch: ear.listener }))
  await world.untilTrue(() => read.settled)
  expect(read.error).toMatchObject({ code: 'PROTOCOL_ERROR' })
  broken = false
  await world.until(client.get('/a', { watch: ear.listener }))
  await world.until(client.removeWatch('/a', ear.listener))
  expect(opcodes).toContain(OpCode.removeWatches)
})

test('notifications of kinds that nobody knows, or about nothing, are passed over', async () => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network, {
    request: (request, at) => at.reply(request.xid, { err: -101 }),
  })
  const client = await world.client(peer.connectString)
  const ear = new Ear()
  await world.until(client.exists('/a', { watch: ear.listener }))
  for (const type of [-1, 0, 8, 99, 2 ** 31 - 1]) peer.last.raw(eventFrame(type, '/a'))
  peer.last.raw(eventFrame(1, ''))
  peer.last.raw(eventFrame(1, 'no/slash'))
  await world.pass(10)
  expect(ear.heard).toEqual([])
  expect(client.state).toBe('connected')
})
