import { Semaphore } from 'latchkey'
import { abortSweep } from './abort-sweep.js'
import { layouts, parentsOf, POOL } from './semaphore-stage.js'

for (const layout of layouts) {
  // kazoo's pool says how many permits there are: only it may make that znode.
  const paths = layout === 'kazoo' ? [`${POOL}-__lock__`] : parentsOf[layout]
  const options = { permits: 2, dialect: layout }

  abortSweep(`two of two free ones, ${layout}`, {
    paths,
    start: async (zk, signal) => new Semaphore(zk, POOL, options).acquire(2, { signal }),
  })

  abortSweep(`a try, ${layout}`, {
    paths,
    start: async (zk, signal) => new Semaphore(zk, POOL, options).tryAcquire(1, { signal }),
  })

  abortSweep(`a wait for one, ${layout}`, {
    paths,
    start: async (zk, signal) => new Semaphore(zk, POOL, options).acquire(1, { signal }),
    ahead: async (zk) => new Semaphore(zk, POOL, options).acquire(2),
  })
}

const shared = { permits: { path: '/app/limit', initial: 1 } }
abortSweep('a wait under a shared limit', {
  paths: [POOL],
  start: async (zk, signal) => new Semaphore(zk, POOL, shared).acquire(1, { signal }),
  ahead: async (zk) => new Semaphore(zk, POOL, shared).acquire(),
})
