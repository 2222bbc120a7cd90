/**
 * For context: redlock on five Redis servers that keep everything in memory. Its lock ends with the clock, whether the work is done or
 * not; it is not fair (who waits tries again after a while), and it has no fencing token.
 */
import { findContext, requireContext } from '../context-packages.js'
import { contextServers, freePorts } from '../context-servers.js'
import { lockDriver } from '../lock-driver.js'
import { launchWorker } from './node-subject.js'
import type { Driver, Subject } from './subject.js'

const PACKAGES = ['redlock@4.2.0', 'ioredis@5.9.2'] as const
const TTL_MS = 30_000

export const redlock: Subject = {
  name: 'redlock on 5 × Redis',
  benches: ['context'],
  isElsewhere: true,
  async launch() {
    const found = await findContext(['redis-server', '--version'], PACKAGES)
    if (typeof found !== 'string') return found
    const server = /v=([\d.]+)/.exec(found)?.[1] ?? ''
    return launchWorker(import.meta.url, `${PACKAGES.join(', ')}, Redis ${server} without persistence`)
  },
}

/** As much of the packages as is used. */
type Redlock = new (
  clients: readonly Redis[],
  options: { retryCount: number },
) => { lock(name: string, ttlMs: number): PromiseLike<{ unlock(): PromiseLike<void> }> }
interface Redis {
  ping(): Promise<unknown>
  disconnect(): void
}

export async function open(): Promise<Driver> {
  const servers = await contextServers()
  const ports = await freePorts(5)
  for (const port of ports)
    servers.start('redis-server', [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
    ])
  const Redis = requireContext('ioredis') as new (port: number) => Redis
  const clients = ports.map((port) => new Redis(port))
  await Promise.all(clients.map(async (client) => client.ping()))
  const Redlock = requireContext('redlock') as Redlock
  // It waits for ever, as the others do.
  const locks = new Redlock(clients, { retryCount: -1 })
  return lockDriver({
    prepare: async (path) =>
      Promise.resolve({
        async acquire() {
          const lock = await locks.lock(path, TTL_MS)
          return async () => lock.unlock()
        },
      }),
    async close() {
      for (const client of clients) client.disconnect()
      await servers[Symbol.asyncDispose]()
    },
  })
}
