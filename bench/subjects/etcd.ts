/**
 * For context: etcd3's lock on three etcd servers, which sync to disk as ZooKeeper's do. It does not wait: a lock that is
 * held is refused, and nobody is told when it is free. It has no fencing token of its own.
 */
import { findContext, requireContext } from '../context-packages.js'
import { contextServers, freePorts, type ContextServers } from '../context-servers.js'
import { lockDriver } from '../lock-driver.js'
import { launchWorker } from './node-subject.js'
import type { Driver, Subject } from './subject.js'

const PACKAGE = 'etcd3@1.1.2'

export const etcd: Subject = {
  name: 'etcd3 on etcd',
  benches: ['context'],
  isElsewhere: true,
  lacks: { 'context-8': 'its lock does not wait' },
  async launch() {
    const found = await findContext(['etcd', '--version'], [PACKAGE])
    return typeof found === 'string' ? launchWorker(import.meta.url, `${PACKAGE}, ${found}`) : found
  },
}

/** As much of the package as is used. */
interface Package {
  readonly Etcd3: new (options: { hosts: string[] }) => Client
}
interface Client {
  lock(name: string): { ttl(seconds: number): { acquire(): Promise<{ release(): Promise<unknown> }> } }
  put(key: string): { value(value: string): Promise<unknown> }
  close(): void
}

export async function open(): Promise<Driver> {
  const servers = await contextServers()
  const hosts = await startThree(servers)
  const { Etcd3 } = requireContext('etcd3') as Package
  const client = new Etcd3({ hosts })
  await untilWritable(client)
  return lockDriver({
    prepare: async (path) =>
      Promise.resolve({
        async acquire() {
          const lock = await client.lock(path).ttl(30).acquire()
          return async () => {
            await lock.release()
          }
        },
      }),
    async close() {
      client.close()
      await servers[Symbol.asyncDispose]()
    },
  })
}

async function startThree({ start, folder }: ContextServers): Promise<string[]> {
  const ports = await freePorts(6)
  const members = [0, 1, 2].map((index) => ({
    name: `m${index}`,
    client: `http://127.0.0.1:${ports[index]}`,
    peer: `http://127.0.0.1:${ports[index + 3]}`,
  }))
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',')
  for (const { name, client, peer } of members) {
    const urls = ['--listen-client-urls', client, '--advertise-client-urls', client]
    const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer]
    start('etcd', [
      '--name',
      name,
      '--data-dir',
      `${folder}/${name}`,
      ...urls,
      ...peers,
      '--initial-cluster',
      cluster,
    ])
  }
  return members.map(({ client }) => client)
}

async function untilWritable(client: Client): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await client.put('ready').value('yes')
      return
    } catch (error) {
      if (attempt === 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}
