import { DoubleBarrier, hasCode, type DoubleBarrierDialectName, type Zk } from 'latchkey'
import { abortSweep, type Sweep } from '../abort-sweep.js'

const PATH = '/app/barrier'

type Dialect = DoubleBarrierDialectName
const barrierOf = (zk: Zk, dialect: Dialect): DoubleBarrier =>
  new DoubleBarrier(zk, PATH, { members: 2, dialect })

const entering =
  (dialect: Dialect): Sweep['start'] =>
  async (zk, signal) => {
    const pass = await barrierOf(zk, dialect).enter({ signal })
    return { release: async () => pass.withdraw() }
  }

/** Enters, and waits for one that never leaves. Who is told that it was lost waits all the same. */
const leaving =
  (dialect: Dialect): Sweep['start'] =>
  async (zk, signal) => {
    const pass = await barrierOf(zk, dialect).enter({ signal })
    try {
      await pass.leave({ signal })
    } catch (error) {
      if (!hasCode(error, 'LOCK_LOST')) throw error
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      signal.throwIfAborted()
    }
    return undefined
  }

/** One that is there first, and leaves, or gives up, in the end. */
const other =
  (dialect: Dialect) =>
  async (rival: Zk): Promise<{ release: () => Promise<void> }> => {
    const abort = new AbortController()
    const barrier = barrierOf(rival, dialect).enter({ signal: abort.signal })
    const coming = barrier.catch(() => undefined)
    await rival.sync(PATH)
    return {
      release: async () => {
        abort.abort()
        await (await coming)?.leave()
      },
    }
  }

for (const dialect of ['native', 'curator', 'kazoo'] as const) {
  abortSweep(`a member that waits alone, ${dialect}`, {
    paths: [PATH],
    start: entering(dialect),
    ahead: async () => Promise.resolve({ release: async () => Promise.resolve() }),
  })
  abortSweep(`a member that comes last, ${dialect}`, {
    paths: [PATH],
    start: entering(dialect),
    ahead: other(dialect),
    grants: true,
  })
  abortSweep(`a member that leaves, ${dialect}`, {
    paths: [PATH],
    start: leaving(dialect),
    ahead: other(dialect),
  })
}
