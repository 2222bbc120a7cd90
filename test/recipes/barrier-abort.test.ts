import { Barrier, CountDownLatch, type Zk } from 'latchkey'
import { abortSweep } from './abort-sweep.js'

/** Nothing of these is listed in the end: they are persistent. */
const BESIDE = '/app/beside'
const LATCH = '/app/latches/import'

const barrierOf = (zk: Zk): Barrier => new Barrier(zk, '/app/barriers/gate')
const latchOf = (zk: Zk): CountDownLatch => new CountDownLatch(zk, LATCH, { count: 5 })
const nothing = { release: async () => Promise.resolve() }

abortSweep('a wait at an open barrier', {
  paths: ['/app/barriers'],
  start: async (zk, signal) => {
    await barrierOf(zk).wait({ signal })
    return nothing
  },
})

abortSweep('a wait at a closed barrier', {
  paths: ['/app/barriers'],
  start: async (zk, signal) => {
    await barrierOf(zk).wait({ signal })
    return nothing
  },
  ahead: async (rival) => {
    await barrierOf(rival).set()
    return {
      release: async () =>
        barrierOf(rival)
          .remove()
          .then(() => undefined),
    }
  },
})

abortSweep('counting a latch down', {
  paths: [BESIDE],
  start: async (zk, signal) => {
    await latchOf(zk).countDown(2, { signal, id: 'one' })
    return nothing
  },
})

abortSweep('a wait for a latch', {
  paths: [BESIDE],
  start: async (zk, signal) => {
    await latchOf(zk).wait({ signal })
    return nothing
  },
  ahead: async (rival) => {
    await latchOf(rival).countDown()
    return nothing
  },
})
