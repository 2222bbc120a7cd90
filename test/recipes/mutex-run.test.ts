/** The callback form, and what the caller is told when the server refuses. */
import { LockLostError, Mutex, digestAcl } from 'latchkey'
import { expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Cluster, EXPIRY_MS, PATH, stage } from './cluster.js'

test('run gives the result, releases always, and passes the user’s own error on', async () => {
  await using staged = await stage(1)
  const { cluster, mutexes } = staged
  const [mutex] = mutexes
  expect(await cluster.until(mutex!.run(({ fencingToken }) => fencingToken > 0n))).toBe(true)
  const own = new Error('mine')
  await expect(cluster.until(mutex!.run(() => Promise.reject(own)))).rejects.toBe(own)
  const thrown = mutex!.run(() => {
    throw own
  })
  await expect(cluster.until(thrown)).rejects.toBe(own)
  await cluster.expectNothingLeft(PATH)
})

test.each(['deleted', 'expired'])(
  'run tells that the lock was lost (%s) while the function succeeded',
  async (how) => {
    await using staged = await stage(2)
    const { cluster, zks, mutexes } = staged
    const running = mutexes[0]!.run(async (hold) => {
      if (how === 'deleted') return zks[1]!.delete(hold.path)
      cluster.control.expireSession(hold.sessionId)
      return cluster.clock.advance(500)
    })
    await expect(cluster.until(running)).rejects.toBeInstanceOf(LockLostError)
    await cluster.expectNothingLeft(PATH)
  },
)

test('a session that expires after the function is done is no loss', async () => {
  await using staged = await stage(1)
  const { cluster, mutexes } = staged
  const fault = cluster.control.dropBefore({ operation: 'delete' })
  void fault.fired.then(({ session }) => cluster.control.expireSession(session))
  expect(await cluster.until(mutexes[0]!.run(() => 'done'))).toBe('done')
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
})

test('without the right to make the parent, to list or to delete, the caller is told', async () => {
  await using cluster = await Cluster.start()
  const auth = { scheme: 'digest', auth: 'owner:secret' }
  const owner = await cluster.client({ auth })
  const stranger = await cluster.client()
  const acl = (perms: number): object => ({
    acl: [digestAcl('owner:secret'), { scheme: 'world', id: 'anyone', perms }],
  })
  await cluster.until(owner.create('/closed', '', acl(1)))
  const refused = { code: 'NO_AUTH' }
  await expect(cluster.until(new Mutex(stranger, '/closed/lock').acquire())).rejects.toMatchObject(refused)
  await expect(cluster.until(new Mutex(stranger, '/closed').acquire())).rejects.toMatchObject(refused)
  await cluster.until(owner.create('/blind', '', acl(4 + 8)))
  await expect(cluster.until(new Mutex(stranger, '/blind').acquire())).rejects.toMatchObject(refused)
  await cluster.quiet()
  expect(Janitor.of(stranger).pending).toBe(0)
  expect(await cluster.until(owner.children('/blind'))).toMatchObject({ children: [] })
  // Create and read, but not delete: held, and then kept by the server until the session ends.
  await cluster.until(owner.create('/sticky', '', acl(1 + 4)))
  const hold = await cluster.until(new Mutex(stranger, '/sticky').acquire())
  await expect(cluster.until(hold.release())).rejects.toMatchObject(refused)
  expect(hold.signal.aborted).toBe(false)
  const own = new Error('mine')
  await cluster.until(stranger.close())
  await expect(cluster.until(new Mutex(owner, '/sticky').run(() => Promise.reject(own)))).rejects.toBe(own)
  expect(await cluster.until(owner.children('/sticky'))).toMatchObject({ children: [] })
})

test('the error of the function wins over a release that the server refuses', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  await cluster.until(zk.create('/sticky', '', { acl: [{ scheme: 'world', id: 'anyone', perms: 1 + 4 }] }))
  const own = new Error('mine')
  await expect(cluster.until(new Mutex(zk, '/sticky').run(() => Promise.reject(own)))).rejects.toBe(own)
  expect(cluster.log.filter(({ level }) => level === 'error')).toHaveLength(1)
})

test('a peer whose znode we may not read is an error, not a wait for ever', async () => {
  await using cluster = await Cluster.start()
  const peer = await cluster.client({ auth: { scheme: 'digest', auth: 'peer:secret' } })
  const zk = await cluster.client()
  await cluster.until(zk.ensurePath(PATH))
  const hold = await cluster.until(new Mutex(peer, PATH, { acl: [digestAcl('peer:secret')] }).acquire())
  const refused = { code: 'NO_AUTH', path: hold.path }
  await expect(cluster.until(new Mutex(zk, PATH).acquire())).rejects.toMatchObject(refused)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('who may not read its own znode still holds, and the log says what goes unnoticed', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const mutex = new Mutex(zks[0]!, PATH, { acl: [{ scheme: 'world', id: 'anyone', perms: 2 }] })
  const hold = await cluster.until(mutex.acquire())
  expect(hold.signal.aborted).toBe(false)
  await cluster.pass(3_000)
  expect(hold.signal.aborted).toBe(false)
  expect(cluster.log.filter(({ level }) => level === 'warn')).toMatchObject([{ fields: { path: hold.path } }])
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})
