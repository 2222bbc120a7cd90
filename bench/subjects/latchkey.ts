/** latchkey, the built package. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { connect as Connect, Mutex as MutexClass } from 'latchkey'
import { packageFolder } from '../paths.js'
import { launchWorker } from './node-subject.js'
import type { Driver, Subject } from './subject.js'

export const latchkey: Subject = {
  name: 'latchkey',
  benches: ['client', 'mutex'],
  async launch() {
    const text = await readFile(join(packageFolder, 'package.json'), 'utf8')
    return launchWorker(import.meta.url, (JSON.parse(text) as { version: string }).version)
  },
}

export async function open(connectString: string): Promise<Driver> {
  const entry = pathToFileURL(join(packageFolder, 'dist', 'src', 'index.js')).href
  const { connect, Mutex } = (await import(entry)) as { connect: typeof Connect; Mutex: typeof MutexClass }
  const zk = await connect(connectString)
  return {
    get: (path, done) => void zk.get(path).then(() => done(), done),
    set: (path, data, done) => void zk.set(path, data).then(() => done(), done),
    create: (path, data, done) => void zk.create(path, data).then(() => done(), done),
    delete: (path, done) => void zk.delete(path).then(() => done(), done),
    mutex: {
      async prepare(path) {
        await zk.ensurePath(path)
        const mutex = new Mutex(zk, path)
        return {
          acquire: async () => {
            const hold = await mutex.acquire()
            return async () => hold.release()
          },
        }
      },
    },
    close: async () => zk.close(),
  }
}
