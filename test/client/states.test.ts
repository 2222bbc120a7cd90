import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import type { Client, SessionState } from 'latchkey'
import type { EmbeddedServer } from 'latchkey/server'
import { READ_TIMEOUT_MS, SESSION_MS, failureOf, watched, World } from '../support/world.js'
import { ScriptedPeer } from '../support/scripted-peer.js'

async function suspend(world: World, server: EmbeddedServer, client: Client): Promise<void> {
  server.control.dropConnection(client.session?.id ?? 0n)
  await world.untilTrue(() => client.state === 'suspended')
}

test('listeners hear every change in order, with the session; one that throws is logged; stopped ones are silent', async () => {
  await using world = new World()
  await using server = await world.server()
  const client = await world.client(server.connectString)
  const heard: [SessionState, number | undefined][] = []
  const stopped: SessionState[] = []
  client.on('state', () => {
    throw new Error('listener broke')
  })
  client.on('state', (state, session) => heard.push([state, session?.generation]))
  const stop = client.on('state', (state) => stopped.push(state))
  stop()
  stop()
  await suspend(world, server, client)
  await world.untilTrue(() => client.state === 'connected')
  const { session } = client
  server.control.expireSession(session?.id ?? 0n)
  await world.untilTrue(() => client.session?.generation === 2 && client.state === 'connected')
  expect(session?.endedBy).toBe('session-expired')
  expect(session?.signal.aborted).toBe(true)
  expect(session?.signal.reason).toMatchObject({ code: 'SESSION_EXPIRED' })
  await world.until(client.close())
  expect(heard.map(([state]) => state)).toEqual([
    'suspended',
    'connected',
    'suspended',
    'lost',
    'connected',
    'closed',
  ])
  expect(heard[0]).toEqual(['suspended', 1])
  expect(heard[1]).toEqual(['connected', 1])
  expect(heard[4]).toEqual(['connected', 2])
  expect(heard[5]).toEqual(['closed', undefined])
  expect(stopped).toEqual([])
  expect(world.log.filter(({ message }) => message === 'a state listener threw')).toHaveLength(6)
  expect(() => client.on('nothing' as 'state', () => undefined)).toThrow(TypeError)
})

test('states(): the state now, then the newest after each change, until closed', async () => {
  await using world = new World()
  await using server = await world.server()
  const client = await world.client(server.connectString)
  const seen: SessionState[] = []
  const slow: SessionState[] = []
  const lagging = client.states()
  slow.push((await lagging.next()).value as SessionState)
  const reading = (async () => {
    for await (const state of client.states()) seen.push(state)
  })()
  await world.pass(1)
  await suspend(world, server, client)
  await world.untilTrue(() => client.state === 'connected')
  await world.until(client.close())
  await reading
  expect(seen).toEqual(['connected', 'suspended', 'connected', 'closed'])
  // Who was busy all the while sees only the newest.
  for await (const state of lagging) slow.push(state)
  expect(slow).toEqual(['connected', 'closed'])
})

test('states() ends on abort and on break, and leaves no listener', async () => {
  await using world = new World()
  await using server = await world.server()
  const client = await world.client(server.connectString)
  const controller = new AbortController()
  const { signal } = controller
  const waiting = watched(
    (async () => {
      for await (const state of client.states({ signal })) expect(state).toBe('connected')
    })(),
  )
  for await (const state of client.states({ signal })) {
    expect(state).toBe('connected')
    break
  }
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  controller.abort()
  await world.pass(1)
  expect(waiting.settled).toBe(true)
  expect(waiting.error).toBeUndefined()
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('ready() waits for a session that takes writes, within its limits', async () => {
  await using world = new World()
  await using server = await world.server()
  const client = await world.client(server.connectString)
  expect(await client.ready()).toBe(client.session)
  await world.until(server.stop())
  await world.untilTrue(() => client.state === 'suspended')
  const limited = watched(client.ready({ timeoutMs: 100 }))
  const controller = new AbortController()
  const aborted = watched(client.ready({ signal: controller.signal }))
  const patient = watched(client.ready())
  await world.pass(100)
  expect(limited.error).toMatchObject({ code: 'TIMEOUT' })
  controller.abort(new Error('enough'))
  await world.pass(0)
  expect(aborted.error).toMatchObject({ message: 'enough' })
  expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  await world.until(server.start())
  expect((await world.until(patient.promise)).generation).toBe(1)
  await world.until(client.close())
  expect(await failureOf(client.ready())).toMatchObject({ code: 'CLOSED' })
})

test('cut off from everyone, the session is lost at the deadline and not a millisecond later', async () => {
  await using world = new World()
  await using server = await world.server()
  const client = await world.client(server.connectString)
  const { session } = client
  let lostAt = 0
  session?.signal.addEventListener('abort', () => (lostAt = world.clock.now()))
  await world.pass(500)
  const asked = world.clock.now()
  await world.until(client.sync('/'))
  await world.until(server.stop())
  await world.untilTrue(() => client.state === 'lost')
  expect(session?.endedBy).toBe('session-in-doubt')
  // Proven when the last request that was answered was sent.
  expect(lostAt - asked).toBeGreaterThan(SESSION_MS - 1)
  expect(lostAt - asked).toBeLessThanOrEqual(SESSION_MS)
  await world.until(server.start())
  await world.untilTrue(() => client.state === 'connected')
  expect(client.session?.generation).toBe(2)
})

test('after a stall longer than the session nothing is delivered in its name', async () => {
  await using world = new World()
  await using server = await world.server()
  const client = await world.client(server.connectString)
  const other = await world.client(server.connectString, { sessionTimeoutMs: 60_000 })
  const heard: string[] = []
  await world.until(client.exists('/a', { watch: ({ type }) => heard.push(type) }))
  const { session } = client
  session?.signal.addEventListener('abort', () => heard.push('aborted'))
  const read = watched(client.get('/', { generation: 1 }))
  void other.create('/a')
  await world.clock.stall(SESSION_MS + 1_000)
  await world.pass(50)
  expect(heard.slice(0, 2)).toEqual(['aborted', 'lost'])
  expect(heard).not.toContain('created')
  expect(read.error).toMatchObject({ code: 'SESSION_EXPIRED' })
})

test('after a stall shorter than the session a healthy connection is kept, its bytes read', async () => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network, {
    request: (request, at) => at.reply(request.xid, { err: -101 }),
  })
  const client = await world.client(peer.connectString)
  for (let i = 0; i < 5; i++) {
    await world.clock.stall(READ_TIMEOUT_MS + 500)
    await world.pass(100)
    expect(client.state).toBe('connected')
  }
  expect(peer.connections).toHaveLength(1)
})

test('a server that is silent after a stall is given up within the session timeout', async () => {
  await using world = new World()
  let silent = false
  await using peer = await ScriptedPeer.start(world.network, {
    ping(at) {
      if (!silent) at.reply(-2)
    },
  })
  const client = await world.client(peer.connectString)
  silent = true
  const states: SessionState[] = []
  client.on('state', (state) => states.push(state))
  await world.clock.stall(READ_TIMEOUT_MS + 500)
  await world.pass(SESSION_MS - READ_TIMEOUT_MS - 500)
  // Dropped with time to spare: the next connection has saved the session.
  expect(states).toEqual(['suspended', 'connected'])
  expect(client.session?.generation).toBe(1)
})

test('a silent server is noticed by the read timeout, whatever its socket says', async () => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network, { ping: () => undefined })
  const client = await world.client(peer.connectString)
  const start = world.clock.now()
  await world.untilTrue(() => client.state === 'suspended')
  expect(world.clock.now() - start).toBeLessThanOrEqual(READ_TIMEOUT_MS + 1)
})

test('requestTimeoutMs bounds every call that gives no limit of its own', async () => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network)
  const client = await world.client(peer.connectString, { requestTimeoutMs: 300 })
  const bounded = watched(client.get('/a'))
  const own = watched(client.get('/a', { timeoutMs: 600 }))
  await world.pass(300)
  expect(bounded.error).toMatchObject({ code: 'TIMEOUT' })
  expect(own.settled).toBe(false)
  await world.pass(300)
  expect(own.error).toMatchObject({ code: 'TIMEOUT' })
})
