import { expect, test } from 'vitest'
import { connect } from 'latchkey'
import { startServer } from 'latchkey/server'
import { LeakAudit } from '../support/leak-audit.js'
import { ScriptedPeer } from '../support/scripted-peer.js'
import { watched, World } from '../support/world.js'

test('close at any moment of connecting and reconnecting ends it, twice too, with nothing left open', async () => {
  for (let after = 0; after < 40; after++) {
    await using world = new World()
    await using server = await world.server()
    const client = await world.client(server.connectString, { auth: { scheme: 'digest', auth: 'a:b' } })
    server.control.dropConnection(client.session?.id ?? 0n)
    await world.pass(after * 2.5)
    const [one, two] = [watched(client.close()), watched(client.close())]
    await world.untilTrue(() => one.settled && two.settled)
    expect(client.state).toBe('closed')
    expect([one.error, two.error]).toEqual([undefined, undefined])
    await world.pass(5)
    expect(world.network.openEnds).toBe(0)
    await world.until(client.close())
  }
})

test('close while the server is about to open a session leaves none behind', async () => {
  for (const delay of [0, 1, 2, 3, 4]) {
    await using world = new World()
    await using server = await world.server()
    const client = await world.client(server.connectString)
    server.control.expireSession(client.session?.id ?? 0n)
    await world.pass(delay)
    await world.until(client.close())
    await world.pass(5)
    expect(server.control.sessions()).toEqual([])
  }
})

test('closing a connection to a server that never answers takes no longer than the patience with it', async () => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network)
  const client = await world.client(peer.connectString, { connectTimeoutMs: 700 })
  const closing = watched(client.close())
  await world.pass(699)
  expect(closing.settled).toBe(false)
  await world.pass(1)
  expect(closing.settled).toBe(true)
})

test('a state listener may close the client from within', async () => {
  await using world = new World()
  await using server = await world.server()
  const client = await world.client(server.connectString)
  let closed: Promise<void> | undefined
  client.on('state', (state) => {
    if (state === 'suspended') closed = client.close()
  })
  server.control.dropConnections()
  await world.untilTrue(() => client.state === 'closed')
  await closed
})

test('on real sockets: after close nothing keeps the process alive', async () => {
  const audit = new LeakAudit()
  {
    await using server = await startServer()
    await using client = await connect(server.connectString)
    await client.create('/a', 'x', { mode: 'ephemeral', timeoutMs: 5_000 })
    const gone = await connect(server.connectString, { sessionTimeoutMs: 4_000 })
    await server.stop()
    const waiting = watched(gone.get('/a', { timeoutMs: 60_000 }))
    await gone.close()
    await Promise.resolve()
    expect(waiting.error).toMatchObject({ code: 'CLOSED' })
    await server.start()
  }
  await audit.expectNothingLeft()
})
