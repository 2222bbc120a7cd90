/** node-zookeeper-client, the JavaScript client with callbacks. */
import { createRequire } from 'node:module'
import { launchWorker } from './node-subject.js'
import type { Done, Driver, Subject } from './subject.js'

const require = createRequire(import.meta.url)

export const nodeZookeeperClient: Subject = {
  name: 'node-zookeeper-client',
  benches: ['client', 'watch', 'memory'],
  async launch() {
    try {
      const { version } = require('node-zookeeper-client/package.json') as { version: string }
      return await Promise.resolve(launchWorker(import.meta.url, version))
    } catch {
      return { missing: 'not installed: npm ci' }
    }
  },
}

/** As much of the package as is used; it has no types. */
interface Package {
  createClient(connectString: string, options: { sessionTimeout: number }): Client
}
interface Client {
  connect(): void
  once(event: string, listener: () => void): void
  getData(path: string, done: Done): void
  getData(path: string, onEvent: () => void, done: Done): void
  setData(path: string, data: Buffer, version: number, done: Done): void
  create(path: string, data: Buffer, done: Done): void
  remove(path: string, version: number, done: Done): void
  close(): void
}

async function connected(connectString: string): Promise<Client> {
  const { createClient } = require('node-zookeeper-client') as Package
  const client = createClient(connectString, { sessionTimeout: 30_000 })
  await new Promise<void>((resolve) => {
    client.once('connected', resolve)
    client.connect()
  })
  return client
}

export async function open(connectString: string): Promise<Driver> {
  const client = await connected(connectString)
  return {
    get: (path, done) => client.getData(path, done),
    set: (path, data, done) => client.setData(path, data, -1, done),
    create: (path, data, done) => client.create(path, data, done),
    delete: (path, done) => client.remove(path, -1, done),
    async watcher() {
      const other = await connected(connectString)
      return {
        watch: (path, onEvent, done) => other.getData(path, onEvent, done),
        close: async () => Promise.resolve(other.close()),
      }
    },
    close: async () => Promise.resolve(client.close()),
  }
}
