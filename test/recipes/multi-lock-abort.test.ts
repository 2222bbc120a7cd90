/** Giving up a multi-lock, at every moment. */
import { MultiLock, Mutex, type Zk } from 'latchkey'
import { abortSweep } from './abort-sweep.js'

const paths = ['/locks/a', '/locks/b', '/locks/c']
const on = (zk: Zk): MultiLock => new MultiLock(zk, paths)

abortSweep('a multi-lock whose locks are free', {
  paths,
  start: async (zk, signal) => on(zk).acquire({ signal }),
})
abortSweep('a multi-lock whose last lock is taken', {
  paths,
  start: async (zk, signal) => on(zk).acquire({ signal }),
  ahead: async (zk) => new Mutex(zk, '/locks/c').acquire(),
})
abortSweep('a multi-lock whose second lock is taken', {
  paths,
  start: async (zk, signal) => on(zk).acquire({ signal }),
  ahead: async (zk) => new Mutex(zk, '/locks/b').acquire(),
})
abortSweep('a try of a multi-lock', {
  paths,
  start: async (zk, signal) => on(zk).tryAcquire({ signal }),
})
