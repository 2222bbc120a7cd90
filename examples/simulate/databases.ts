/** Two databases that could stand behind the account. */
import type { SimulatedCluster } from 'latchkey/testing'
import type { Database } from './account.js'

/** What was acknowledged, and what is there: if they differ, a deposit is lost. */
export interface Ledger extends Database {
  readonly deposited: number
  readonly balance: number
}

/** Takes whatever it is told: the bug. A process that was stalled overwrites what others have done meanwhile. */
export class NaiveDatabase implements Ledger {
  readonly #cluster: SimulatedCluster
  balance = 0
  deposited = 0

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  async read(_token: bigint): Promise<number> {
    await this.#cluster.sleep(1)
    return this.balance
  }

  async write(balance: number, _token: bigint): Promise<void> {
    await this.#cluster.sleep(1)
    this.balance = balance
    this.deposited++
  }
}

/** Refuses a token lower than one that it has seen. */
export class FencedDatabase extends NaiveDatabase {
  #seen = 0n

  override async read(token: bigint): Promise<number> {
    this.#check(token)
    return super.read(token)
  }

  override async write(balance: number, token: bigint): Promise<void> {
    this.#check(token)
    return super.write(balance, token)
  }

  #check(token: bigint): void {
    if (token < this.#seen) throw new Error('fenced off')
    this.#seen = token
  }
}
