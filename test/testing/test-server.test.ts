/** `TestServer`, and the raw sessions that judge servers, on the embedded server. */
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { connect } from '../../src/index.js'
import { TestEnsemble, TestServer } from '../../src/testing/index.js'
import { closeSession, proveWrites } from '../../src/testing/raw-session.js'

async function start(): Promise<TestServer> {
  const server = await TestServer.start()
  onTestFinished(async () => server[Symbol.asyncDispose]())
  return server
}

it('a test server keeps sessions and znodes when it is restarted', async () => {
  const server = await start()
  await using zk = await connect(server.connectString, { sessionTimeoutMs: 10_000 })
  await zk.create('/mine', 'x', { mode: 'ephemeral' })
  const before = zk.session?.id
  await server.restart()
  expect((await zk.get('/mine')).data.toString()).toBe('x')
  expect(zk.session?.id).toBe(before)
})

it('a session that is killed is over for its client, with its ephemeral znodes', async () => {
  const server = await start()
  await using zk = await connect(server.connectString)
  const { session } = zk
  await zk.create('/mine', '', { mode: 'ephemeral' })
  if (session === undefined) throw new Error('not connected')
  const over = once(session.signal, 'abort')
  expect(server.killSession(session.id)).toBe(true)
  await over
  expect((await zk.ready()).id).not.toBe(session.id)
  expect(await zk.exists('/mine')).toBeUndefined()
  expect(server.killSession(session.id)).toBe(false)
})

it('a proof of writes leaves no trace in the tree', async () => {
  const { server, control } = await start()
  await proveWrites(server.host, server.port, 5_000)
  expect(control.sessions()).toEqual([])
  await using zk = await connect(server.connectString)
  expect((await zk.children('/')).children).toEqual(['zookeeper'])
})

it('a session with a wrong password is not closed', async () => {
  const { server, control } = await start()
  await using zk = await connect(server.connectString)
  const id = zk.session?.id ?? 0n
  expect(await closeSession(server.host, server.port, { id, password: Buffer.alloc(16, 1) })).toBe(false)
  expect(control.sessions().map((session) => session.id)).toEqual([id])
})

it('a given ensemble is used but never controlled', async () => {
  const server = await start()
  await using ensemble = await TestEnsemble.start({ connectString: server.connectString })
  expect(ensemble).toMatchObject({ engine: 'given', connectString: server.connectString })
  const [member] = ensemble.members
  expect(await member?.role()).toBe('standalone')
  for (const attempt of [
    () => member?.kill(),
    () => member?.stop(),
    () => member?.restart(),
    () => member?.pause(),
  ]) {
    await expect(attempt()).rejects.toThrow(/it was given, and is not ours to control/)
  }
  expect(member?.state).toBe('running')
  await ensemble.waitForQuorum()
})

it('a given ensemble that is not there is reported in the time allowed', async () => {
  const server = await start()
  const { connectString } = server
  await server.stop()
  await expect(TestEnsemble.start({ connectString, startTimeoutMs: 200 })).rejects.toMatchObject({
    code: 'TEST_ENVIRONMENT',
    message: expect.stringContaining(`${connectString}) takes no writes`) as unknown,
  })
})
