/** What locks make of what only servers of their own do: refuse for a quota, and serve reads only. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Client, ConnectOptions } from 'latchkey'
import { connect, MultiLock, Mutex, ReadWriteLock, Semaphore } from 'latchkey'
import { TestEnsemble, type TestEnsembleOptions } from '../../src/testing/index.js'
import { servers } from '../support/ensemble.js'

const LIMIT_MS = 90_000

async function start(options: TestEnsembleOptions): Promise<TestEnsemble> {
  if (servers.engine === 'embedded' || servers.engine === 'given')
    throw new Error('these tests need LATCHKEY_ENGINE=java or docker')
  const version = servers.engine === 'java' ? process.env['LATCHKEY_ZOOKEEPER_VERSION'] : undefined
  const ensemble = await TestEnsemble.start({ engine: servers.engine, version, ...options })
  onTestFinished(async () => ensemble[Symbol.asyncDispose]())
  return ensemble
}

async function open(connectString: string, options: ConnectOptions = {}): Promise<Client> {
  const client = await connect(connectString, options)
  onTestFinished(async () => client.close())
  return client
}

interface Lock {
  acquire(): Promise<{ release(): Promise<void> }>
  tryAcquire(): Promise<unknown>
}

/** Each with the parents that it uses below a path. */
const kinds: Readonly<
  Record<string, { parents: readonly string[]; lock: (zk: Client, path: string) => Lock }>
> = {
  mutex: { parents: [''], lock: (zk, path) => new Mutex(zk, path) },
  'read lock': { parents: [''], lock: (zk, path) => new ReadWriteLock(zk, path).readLock },
  'write lock': { parents: [''], lock: (zk, path) => new ReadWriteLock(zk, path).writeLock },
  'multi-lock': {
    parents: ['/a', '/b'],
    lock: (zk, path) => new MultiLock(zk, [`${path}/a`, `${path}/b`]),
  },
  'semaphore, native': { parents: [''], lock: (zk, path) => new Semaphore(zk, path, { permits: 1 }) },
  'semaphore, curator': {
    parents: ['/locks', '/leases'],
    lock: (zk, path) => new Semaphore(zk, path, { permits: 1, dialect: 'curator' }),
  },
}

async function limitCount(zk: Client, path: string, count: number): Promise<void> {
  const quota = `/zookeeper/quota${path}`
  await zk.ensurePath(quota)
  const limits = `count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=${count}`
  await zk.create(`${quota}/zookeeper_limits`, limits)
  await zk.create(`${quota}/zookeeper_stats`, 'count=0,bytes=0')
}

describe('a server that enforces quotas', () => {
  it('refuses each lock with QUOTA_EXCEEDED, and nothing is left', { timeout: LIMIT_MS }, async () => {
    const ensemble = await start({ servers: 1, systemProperties: { 'zookeeper.enforceQuota': 'true' } })
    const zk = await open(ensemble.connectString)
    for (const [name, { parents, lock }] of Object.entries(kinds)) {
      const root = `/${name.replaceAll(/[ ,]+/g, '-')}`
      for (const parent of parents) await zk.ensurePath(root + parent)
      const existing = new Set(['', ...parents]).size
      await limitCount(zk, root, existing)
      await expect(lock(zk, root).acquire(), name).rejects.toMatchObject({
        code: 'QUOTA_EXCEEDED',
        outcome: 'rejected',
      })
      await expect(lock(zk, root).tryAcquire(), name).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' })
      for (const parent of parents) expect((await zk.children(root + parent)).children).toEqual([])
    }
  })
})

describe('a server that has lost its quorum and serves reads', () => {
  it(
    'lets each lock wait for one that takes writes, within its limit, and is served then',
    { timeout: LIMIT_MS },
    async () => {
      const ensemble = await start({
        systemProperties: { 'readonlymode.enabled': 'true' },
        settings: { localSessionsEnabled: true, localSessionsUpgradingEnabled: true },
      })
      const [first, ...others] = ensemble.members
      if (first === undefined) throw new Error('no server')
      await Promise.all(others.map(async (member) => member.stop()))
      while ((await first.role()) !== 'readOnly');
      const zk = await open(first.connectString, { readOnly: true })
      expect(zk.state).toBe('readOnly')
      const locks = { mutex: new Mutex(zk, '/m'), rw: new ReadWriteLock(zk, '/rw').writeLock }
      for (const lock of [locks.mutex, locks.rw, new MultiLock(zk, ['/a', '/b'])]) {
        const limited = lock.acquire({ timeoutMs: 100 })
        await expect(limited).rejects.toThrow(/while waiting for a connection|with 0 of 2 taken/)
        await expect(lock.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' })
        await expect(lock.tryAcquire({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' })
      }
      const semaphore = new Semaphore(zk, '/s', { permits: 1 })
      await expect(semaphore.acquire(1, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' })
      const waiting = [locks.mutex.acquire(), locks.rw.acquire(), semaphore.acquire()]
      for (const member of others) await member.restart()
      for (const hold of await Promise.all(waiting)) await hold.release()
    },
  )
})
