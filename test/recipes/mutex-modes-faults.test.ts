/** The fault matrix of the modes of a mutex: tasks of one process in line, a znode that is kept, holds inside of holds. */
import { LockLostError, Mutex, type Hold, type MutexOptions, type Zk } from 'latchkey'
import { expect } from 'vitest'
import { sleep } from '../../src/runtime/abort.js'
import { PATH, type Cluster } from './cluster.js'
import { faultMatrix, type Stage } from './fault-matrix.js'

/** Longer than a request and its answer. */
const WORK_MS = 5

/** Checks that of one client's tasks only one believes to hold at a time, and that tokens don't go back. */
class Witness {
  readonly #cluster: Cluster
  #inside: Hold | undefined
  #token = 0n
  grants = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async work(hold: Hold, ms = WORK_MS): Promise<void> {
    const leave = (): void => {
      if (this.#inside === hold) this.#inside = undefined
    }
    hold.signal.addEventListener('abort', leave)
    if (!hold.signal.aborted) {
      expect(this.#inside).toBeUndefined()
      expect(hold.fencingToken).toBeGreaterThanOrEqual(this.#token)
      this.#token = hold.fencingToken
      this.#inside = hold
    }
    this.grants++
    await sleep(this.#cluster.clock, ms)
    leave()
  }
}

interface Play extends Stage {
  readonly witness: Witness
  readonly mutexOf: (zk: Zk) => Mutex
  readonly mutex: Mutex
}

const scene =
  (options: MutexOptions, play: (stage: Play) => Promise<void>) =>
  async (stage: Stage): Promise<void> => {
    const mutexOf = (zk: Zk): Mutex => new Mutex(zk, PATH, zk === stage.zk ? options : {})
    const witness = new Witness(stage.cluster)
    await play({ ...stage, witness, mutexOf, mutex: mutexOf(stage.zk) })
  }

/** One after the other, each begun before the one ahead of it is done. */
async function tasks({ cluster, mutex, witness }: Play, count: number): Promise<void> {
  const one = async (): Promise<void> => {
    const hold = await mutex.acquire()
    await witness.work(hold)
    await hold.release()
  }
  await cluster.until(Promise.all(Array.from({ length: count }, one)))
  expect(witness.grants).toBe(count)
}

async function againstRival(stage: Play): Promise<void> {
  const { cluster, mutex, mutexOf, rivals, witness } = stage
  const first = await cluster.until(mutex.acquire())
  const theirs = mutexOf(rivals[0]).acquire()
  const mine = mutex.acquire()
  await cluster.quiet()
  await cluster.until(witness.work(first, 0))
  const released = first.release()
  const rival = (await cluster.until(theirs)).release()
  const hold = await cluster.until(mine)
  await cluster.until(Promise.all([rival, released, witness.work(hold).then(async () => hold.release())]))
}

const biased: MutexOptions = { biased: { idleMs: 60 } }
const nested: MutexOptions = { reentrant: true }

faultMatrix({
  name: 'mutex modes',
  paths: [PATH],
  next: async (zk) => (await new Mutex(zk, PATH).acquire()).release(),
  scenarios: {
    'three tasks in line': scene({}, async (stage) => tasks(stage, 3)),
    'tasks in line, a rival between them': scene({}, againstRival),
    'tasks in line, one gives up': scene({}, async (stage) => {
      const { cluster, mutex } = stage
      const giving = mutex.run(async () => sleep(cluster.clock, 30))
      await cluster.pass(0)
      const late = expect(mutex.acquire({ timeoutMs: 4 })).rejects.toMatchObject({ code: 'TIMEOUT' })
      await cluster.until(giving.catch((error: unknown) => expect(error).toBeInstanceOf(LockLostError)))
      await cluster.until(late)
      await tasks(stage, 1)
    }),
    'biased: holds one after the other': scene(biased, async (stage) => {
      await tasks(stage, 2)
      await stage.cluster.pass(10)
      const { cluster, mutex, witness } = stage
      for (let round = 0; round < 2; round++) {
        const hold = await cluster.until(mutex.acquire())
        await cluster.until(witness.work(hold))
        await cluster.until(
          hold.confirm().catch((error: unknown) => expect(error).toBeInstanceOf(LockLostError)),
        )
        await cluster.until(hold.release())
      }
    }),
    'biased: a rival while it is held': scene(biased, againstRival),
    'biased: a rival while it is kept': scene(biased, async (stage) => {
      const { cluster, mutexOf, rivals } = stage
      await tasks(stage, 1)
      const theirs = await cluster.until(mutexOf(rivals[0]).acquire())
      const mine = stage.mutex.tryAcquire()
      await cluster.until(theirs.release())
      const hold = await cluster.until(mine)
      if (hold !== undefined) await cluster.until(hold.release())
      await tasks({ ...stage, witness: new Witness(cluster) }, 1)
    }),
    'biased: kept until it has been idle for long': scene(biased, async (stage) => {
      await tasks(stage, 1)
      await stage.cluster.pass(500)
      await tasks({ ...stage, witness: new Witness(stage.cluster) }, 1)
    }),
    'nested holds': scene(nested, async ({ cluster, mutex }) => {
      const running = mutex.run(async (outer) => {
        const inner = await mutex.acquire()
        expect(inner.fencingToken).toBe(outer.fencingToken)
        await sleep(cluster.clock, WORK_MS)
        await inner.confirm()
        await inner.release()
        await mutex.run(async () => sleep(cluster.clock, WORK_MS))
      })
      // Only a loss can keep it from its end.
      await cluster.until(running.catch((error: unknown) => expect(error).toBeInstanceOf(LockLostError)))
    }),
  },
})
