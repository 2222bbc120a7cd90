/** Deletes that are owned until they are confirmed, and creates that turn up late. */
import { expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { EXPIRY_MS, PATH, SESSION_MS, stage } from './cluster.js'

const ephemeralSequential = { mode: 'ephemeralSequential' } as const

test('a create given up for lost that turns up after all is deleted, at the latest a session timeout later', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const [zk] = zks
  const janitor = Janitor.of(zk!)
  janitor.disown({ container: PATH, prefix: '_c_late-lock-', session: zk!.session! })
  await cluster.until(zk!.create(`${PATH}/_c_late-lock-`, '', ephemeralSequential))
  await cluster.pass(SESSION_MS - 100)
  expect(await cluster.children(PATH)).toHaveLength(1)
  await cluster.pass(300)
  await cluster.expectNothingLeft(PATH)
})

test('it does not block the next acquire of the same client for that long', async () => {
  await using staged = await stage(1)
  const { cluster, zks, mutexes } = staged
  const [zk] = zks
  Janitor.of(zk!).disown({ container: PATH, prefix: '_c_late-lock-', session: zk!.session! })
  await cluster.until(zk!.create(`${PATH}/_c_late-lock-`, '', ephemeralSequential))
  const start = cluster.clock.now()
  const hold = await cluster.until(mutexes[0]!.acquire())
  expect(cluster.clock.now() - start).toBeLessThan(20)
  await cluster.until(hold.release())
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
})

test('what is looked for and not found keeps no timer when the client is closed', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const [zk] = zks
  Janitor.of(zk!).disown({ container: PATH, prefix: '_c_late-lock-', session: zk!.session! })
  await cluster.until(zk!.close())
  expect(Janitor.of(zk!).pending).toBe(0)
})

test('a delete goes on through lost connections, and knows its own work from somebody else’s', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const [zk] = zks
  const janitor = Janitor.of(zk!)
  const { session } = zk!
  const one = await cluster.until(zk!.create(`${PATH}/one-`, '', ephemeralSequential))
  cluster.control.dropBefore({ operation: 'delete' })
  expect(await cluster.until(janitor.remove(one.path, session!))).toBe('deleted')
  const two = await cluster.until(zk!.create(`${PATH}/two-`, '', ephemeralSequential))
  cluster.control.dropAfter({ operation: 'delete' })
  expect(await cluster.until(janitor.remove(two.path, session!))).toBe('deleted')
  expect(await cluster.until(janitor.remove(two.path, session!))).toBe('gone')
  cluster.control.expireSession(session!.id)
  expect(await cluster.until(janitor.remove(two.path, session!))).toBe('session-over')
  await cluster.expectNothingLeft(PATH)
})

test('a delete that the server refuses is told once, and tried until the session is over', async () => {
  await using staged = await stage(1)
  const { cluster, zks } = staged
  const [zk] = zks
  const acl = [{ scheme: 'world', id: 'anyone', perms: 1 + 4 }]
  await cluster.until(zk!.create('/sticky', '', { acl }))
  const { path } = await cluster.until(zk!.create('/sticky/n-', '', ephemeralSequential))
  const told: unknown[] = []
  const removing = Janitor.of(zk!).remove(path, zk!.session!, (error) => told.push(error))
  await cluster.pass(10_000)
  expect(told).toMatchObject([{ code: 'NO_AUTH' }])
  expect(cluster.log.filter(({ level }) => level === 'warn')).toHaveLength(1)
  const tries = cluster.control.sessions()[0]!.requests
  expect(tries).toBeLessThan(25)
  await cluster.until(zk!.close())
  expect(await removing).toBe('session-over')
})

test('a release whose reply is lost is a release, not a loss', async () => {
  await using staged = await stage(1)
  const { cluster, mutexes } = staged
  cluster.control.dropAfter({ operation: 'delete' })
  expect(await cluster.until(mutexes[0]!.run(() => 'done'))).toBe('done')
  await cluster.expectNothingLeft(PATH)
})
