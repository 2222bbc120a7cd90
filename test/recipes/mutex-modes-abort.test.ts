/** Giving up at every moment, in the modes of a mutex. */
import { Mutex, type Hold, type MutexOptions, type Zk } from 'latchkey'
import { PATH } from './cluster.js'
import { abortSweep, type Sweep } from './abort-sweep.js'

/** Behind a task of the same process that gives it back as soon as it has it. */
const behindAnother =
  (options: MutexOptions): Sweep['start'] =>
  async (zk: Zk, signal: AbortSignal): Promise<Hold> => {
    const mutex = new Mutex(zk, PATH, options)
    const ahead = mutex
      .run(() => 0, { signal })
      .catch((error: unknown) => {
        if (signal.aborted) throw error
      })
    const [hold] = await Promise.all([mutex.acquire({ signal }), ahead])
    return hold
  }

const paths = [PATH]
const rival = async (zk: Zk): Promise<Hold> => new Mutex(zk, PATH).acquire()
const biased = { biased: { idleMs: 20 } }

abortSweep('behind another task of the process', { paths, start: behindAnother({}) })
abortSweep('behind another task and another process', { paths, start: behindAnother({}), ahead: rival })
abortSweep('in biased mode, behind another task', { paths, start: behindAnother(biased) })
abortSweep('in biased mode, behind another process', { paths, start: behindAnother(biased), ahead: rival })
abortSweep('inside of a run', {
  paths,
  start: async (zk, signal) => {
    const mutex = new Mutex(zk, PATH, { reentrant: true })
    return mutex.run(async () => mutex.acquire({ signal }), { signal })
  },
})
