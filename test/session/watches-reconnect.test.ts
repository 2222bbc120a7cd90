import { describe, expect, test } from 'vitest'
import { Reader } from '../../src/codec/reader.js'
import { OpCode, Xid } from '../../src/protocol/constants.js'
import { getDataReply, setWatches2Request, setWatchesRequest } from '../../src/protocol/records.js'
import { STAT } from '../support/answering-peer.js'
import { encode, eventFrame, replyFrame, ScriptedPeer, type PeerRequest } from '../support/scripted-peer.js'
import { watched, World } from '../support/world.js'
import { Ear, reconnect, setting } from './watch-setting.js'

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
  const body = encode(getDataReply, { data: null, stat: STAT })
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
