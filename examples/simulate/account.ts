/** The code under test: a balance in a database, changed by several processes under a lock. */
import { Mutex, type Client } from 'latchkey'

/** Whatever keeps the balance; each call takes its time on the network. */
export interface Database {
  read(token: bigint): Promise<number>
  write(balance: number, token: bigint): Promise<void>
}

/** Does its work while it holds the lock, as one would. The database decides whether that is enough. */
export async function deposit(zk: Client, database: Database, amount: number): Promise<void> {
  const mutex = new Mutex(zk, '/locks/account')
  await mutex.run(async (hold) => {
    const balance = await database.read(hold.fencingToken)
    await database.write(balance + amount, hold.fencingToken)
  })
}
