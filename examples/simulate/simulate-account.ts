/** One seed: three processes deposit again and again while faults strike. */
import { hasCode } from 'latchkey'
import { planFaults, SimulatedCluster, type SimulatedProcess } from 'latchkey/testing'
import { deposit } from './account.js'
import type { Ledger } from './databases.js'

const NAMES = ['a', 'b', 'c']
const SIMULATED_MS = 20_000

export interface AccountOutcome {
  readonly seed: number
  readonly deposits: number
  /** Deposits that were acknowledged and are not in the balance. */
  readonly lost: number
  /** The same for the same seed. */
  readonly hash: string
}

export async function simulateAccount(
  seed: number,
  makeDatabase: (cluster: SimulatedCluster) => Ledger,
): Promise<AccountOutcome> {
  const cluster = await SimulatedCluster.start({ seed })
  const database = makeDatabase(cluster)
  let isOver = false
  const work = async (process: SimulatedProcess): Promise<void> => {
    const zk = await process.connect()
    while (!isOver) {
      const operation = process.invoke('deposit')
      try {
        // The work of a real handler takes time, on the clock of its process: it may be stalled in the midst of it.
        await deposit(zk, slowly(process, database), 1)
        operation.ok()
      } catch (error) {
        operation.info()
        if (!hasCode(error, 'LOCK_LOST') && !isFencedOff(error)) throw error
      }
      await process.sleep(5)
    }
  }
  for (const name of NAMES) cluster.launch(name, work)
  const mix = { stall: 3, partition: 1, reset: 2, replyLost: 2 }
  const { sessionTimeoutMs } = cluster
  cluster.disturb(
    planFaults(cluster.random('faults'), { processes: NAMES, everyMs: 500, sessionTimeoutMs, mix }),
  )
  await cluster.run(async () => {
    await cluster.sleep(SIMULATED_MS)
    cluster.heal()
    isOver = true
    await cluster.sleep(10_000)
  })
  const { hash } = cluster.history
  await cluster.close()
  return { seed, deposits: database.deposited, lost: database.deposited - database.balance, hash }
}

function slowly(process: SimulatedProcess, database: Ledger): Ledger {
  return {
    deposited: 0,
    balance: 0,
    read: async (token) => {
      const balance = await database.read(token)
      await process.sleep(20)
      return balance
    },
    write: async (balance, token) => database.write(balance, token),
  }
}

function isFencedOff(error: unknown): boolean {
  return error instanceof Error && error.message === 'fenced off'
}
