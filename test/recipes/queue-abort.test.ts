import { Queue } from 'latchkey'
import { abortSweep } from './abort-sweep.js'
import { JOBS } from './queue-stage.js'

const nothing = { release: async (): Promise<void> => Promise.resolve() }

abortSweep('a take of an empty queue', {
  paths: [`${JOBS}/claims`, `${JOBS}/waiting`],
  start: async (zk, signal) => {
    await new Queue<string>(zk, JOBS).take({ signal })
    return undefined
  },
  ahead: async () => Promise.resolve(nothing),
})
