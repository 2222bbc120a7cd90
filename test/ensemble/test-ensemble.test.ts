/**
 * `TestEnsemble` on real servers: those of the run's engine (LATCHKEY_ENGINE), but ones of its own, since it disturbs
 * them. Whether an ensemble works is judged by sessions that open, which are writes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { TestEnsemble, type TestEnsembleOptions } from '../../src/testing/index.js'
import { servers } from '../support/ensemble.js'
import { RawClient } from '../support/raw-client.js'

async function start(options: TestEnsembleOptions = {}): Promise<TestEnsemble> {
  if (servers.engine === 'embedded' || servers.engine === 'given') {
    throw new Error('these tests need LATCHKEY_ENGINE=java or docker')
  }
  const version = servers.engine === 'java' ? process.env['LATCHKEY_ZOOKEEPER_VERSION'] : undefined
  const ensemble = await TestEnsemble.start({ engine: servers.engine, version, ...options })
  onTestFinished(async () => ensemble[Symbol.asyncDispose]())
  return ensemble
}

type Member = TestEnsemble['members'][number]

async function connectTo(member: Member | undefined): Promise<RawClient> {
  if (member === undefined) throw new Error('no such member')
  const client = await RawClient.connect({ host: member.host, port: member.clientPort })
  onTestFinished(async () => client.drop())
  return client
}

const persistent = 0
const ephemeral = 1

async function make(client: RawClient, path: string, flags = persistent): Promise<void> {
  const acl = [{ perms: 31, identity: { scheme: 'world', id: 'anyone' } }]
  await client.must('create', { path, data: Buffer.from('kept'), acl, flags })
}

/** Whether the znode is there, as seen by a new session that has caught up with the leader. */
async function isThere(member: Member | undefined, path: string): Promise<boolean> {
  const client = await connectTo(member)
  await client.must('sync', { path: '/' })
  const { err } = await client.call('exists', { path, watch: false })
  await client.closeSession()
  return err === 0
}

describe('three servers', () => {
  it('each take writes that the others see, under one leader', async () => {
    const ensemble = await start()
    expect(ensemble.members.map(({ id }) => id)).toEqual([1, 2, 3])
    for (const [index, member] of ensemble.members.entries())
      await make(await connectTo(member), `/n${index}`)
    for (const member of ensemble.members) expect(await isThere(member, '/n2')).toBe(true)
    const roles = await Promise.all(ensemble.members.map(async (member) => member.role()))
    expect(roles.sort()).toEqual(['follower', 'follower', 'leader'])
    expect(ensemble.version).toMatch(/^3\.\d+\.\d+/)
    expect(ensemble.connectString.split(',')).toHaveLength(3)
  })

  it('go on without a leader that was killed, and take it back with its data', async () => {
    const ensemble = await start()
    const killed = await ensemble.leader()
    const [survivor] = ensemble.members.filter((member) => member !== killed)
    if (killed === undefined) throw new Error('no leader')
    const cut = await connectTo(killed)
    await make(cut, '/before')
    await killed.kill()
    await cut.closed
    expect(await killed.role()).toBeUndefined()
    await ensemble.waitForQuorum()
    await make(await connectTo(survivor), '/meanwhile')
    await killed.restart()
    await ensemble.waitForQuorum()
    expect(await isThere(killed, '/before')).toBe(true)
    expect(await isThere(killed, '/meanwhile')).toBe(true)
  })

  it('take no writes without a majority, and do again when it is back', async () => {
    const ensemble = await start()
    const [first, second] = ensemble.members
    await Promise.all([first?.kill(), second?.kill()])
    await expect(ensemble.waitForQuorum({ timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'TEST_ENVIRONMENT',
      message: expect.stringMatching(/^server 3 .* takes no writes/) as unknown,
    })
    await second?.restart()
    await ensemble.waitForQuorum()
  })

  it('hear nothing from one that is paused, until it goes on', async () => {
    const ensemble = await start()
    const roles = await Promise.all(ensemble.members.map(async (member) => member.role()))
    const follower = ensemble.members[roles.indexOf('follower')]
    const client = await connectTo(follower)
    await follower?.pause()
    await expect(follower?.ask('ruok')).rejects.toThrow(/no answer/)
    let answered = false
    const answer = client.call('exists', { path: '/', watch: false }).finally(() => (answered = true))
    await ensemble.waitForQuorum()
    expect(answered).toBe(false)
    await follower?.resume()
    expect((await answer).err).toBe(0)
    await ensemble.waitForQuorum()
  })

  it('keep what was written when all are stopped and started again', async () => {
    const ensemble = await start()
    await make(await connectTo(ensemble.members[0]), '/kept')
    await Promise.all(ensemble.members.map(async (member) => member.stop()))
    expect(ensemble.members.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped'])
    await Promise.all(ensemble.members.map(async (member) => member.restart()))
    await ensemble.waitForQuorum()
    expect(await isThere(ensemble.members[2], '/kept')).toBe(true)
  })

  it('end a session that is killed, with its ephemeral znodes, and say if it was unknown', async () => {
    const ensemble = await start()
    const client = await connectTo(ensemble.members[1])
    const { sessionId, password } = client.session
    if (password === null) throw new Error('a session without a password')
    await make(client, '/mine', ephemeral)
    expect(await ensemble.killSession(sessionId, password)).toBe(true)
    expect(await isThere(ensemble.members[0], '/mine')).toBe(false)
    expect(await ensemble.killSession(sessionId, password)).toBe(false)
  })
})

describe('one server', () => {
  it('is a standalone one', async () => {
    const ensemble = await start({ servers: 1 })
    expect(await ensemble.members[0]?.role()).toBe('standalone')
    await make(await connectTo(await ensemble.leader()), '/n')
  })

  it('says what it can not do in its state', async () => {
    const ensemble = await start({ servers: 1 })
    const [member] = ensemble.members
    await expect(member?.resume()).rejects.toThrow("can't resume server 1: it is running, not paused")
    await member?.kill()
    await expect(member?.pause()).rejects.toThrow("can't pause server 1: it is stopped, not running")
    await expect(ensemble.waitForQuorum()).rejects.toThrow('no server of the ensemble is running')
  })

  it('that can not start is reported with the end of its log, and leaves nothing', async () => {
    const failure: unknown = await start({ servers: 1, settings: { tickTime: 'soon' } }).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'TEST_ENVIRONMENT' })
    expect(String(failure)).toMatch(/server 1 ended by itself/)
    expect(String(failure)).toMatch(/soon/)
  })
})

describe('nothing is left behind', () => {
  it('when an ensemble is disposed of: its servers are gone', async () => {
    const ensemble = await start({ servers: 1 })
    const client = await connectTo(ensemble.members[0])
    await ensemble[Symbol.asyncDispose]()
    await client.closed
    expect(await ensemble.members[0]?.role()).toBeUndefined()
  })

  it('when the process that started the servers is killed', async () => {
    const script = new URL('abandoned-ensemble.ts', import.meta.url)
    const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(script), servers.engine], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const { host, port } = JSON.parse(line) as { host: string; port: number }
    const client = await RawClient.connect({ host, port })
    child.kill('SIGKILL')
    await client.closed
  })
})
