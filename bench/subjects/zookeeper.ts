/** npm `zookeeper`, the binding of ZooKeeper's C client. */
import {
  installNpmZooKeeper,
  NPM_ZOOKEEPER_VERSION,
  requireNpmZooKeeper,
} from '../../test/support/npm-zookeeper.js'
import { launchWorker } from './node-subject.js'
import type { Done, Driver, Subject } from './subject.js'

export const zookeeper: Subject = {
  name: 'npm zookeeper',
  benches: ['client', 'watch', 'memory'],
  async launch() {
    const missing = await installNpmZooKeeper()
    return missing === undefined ? launchWorker(import.meta.url, NPM_ZOOKEEPER_VERSION) : { missing }
  },
}

/** As much of the package as is used. Result code first, then the message, then what was asked for. */
type Reply = (code: number, message: string) => void
interface Client {
  init(options: {
    connect: string
    timeout: number
    debug_level: number
    host_order_deterministic: boolean
  }): void
  once(event: 'connect', listener: () => void): void
  a_get(path: string, watch: boolean, reply: Reply): void
  aw_get(path: string, onEvent: () => void, reply: Reply): void
  a_set(path: string, data: Buffer, version: number, reply: Reply): void
  a_create(path: string, data: Buffer, flags: number, reply: Reply): void
  a_delete_(path: string, version: number, reply: Reply): void
  close(): void
}

const told =
  (done: Done): Reply =>
  (code, message) =>
    code === 0 ? done() : done(new Error(message))

async function connected(connectString: string): Promise<Client> {
  const ZooKeeper = requireNpmZooKeeper() as new () => Client
  const client = new ZooKeeper()
  await new Promise<void>((resolve) => {
    client.once('connect', resolve)
    client.init({ connect: connectString, timeout: 30_000, debug_level: 1, host_order_deterministic: false })
  })
  return client
}

export async function open(connectString: string): Promise<Driver> {
  const client = await connected(connectString)
  return {
    get: (path, done) => client.a_get(path, false, told(done)),
    set: (path, data, done) => client.a_set(path, data, -1, told(done)),
    create: (path, data, done) => client.a_create(path, data, 0, told(done)),
    delete: (path, done) => client.a_delete_(path, -1, told(done)),
    async watcher() {
      const other = await connected(connectString)
      return {
        watch: (path, onEvent, done) => other.aw_get(path, onEvent, told(done)),
        close: async () => Promise.resolve(other.close()),
      }
    },
    close: async () => Promise.resolve(client.close()),
  }
}
