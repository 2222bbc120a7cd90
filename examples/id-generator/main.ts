/**
 * Order numbers that three processes give out at the same time: none comes twice, also when one of them dies. Ends by
 * itself. Uses the servers of `ZOOKEEPER_CONNECT`, or its own.
 */
import { connect, IdGenerator, type Client } from 'latchkey'
import { startServer } from 'latchkey/server'

const PATH = `/examples/id-generator-${process.pid}`
const ORDERS = 250

const given = process.env['ZOOKEEPER_CONNECT']
const server = given === undefined ? await startServer() : undefined
const connectString = given ?? server?.connectString
const zks: Client[] = []
const orders: bigint[] = []

/** A process of its own would look the same. One request takes a hundred numbers. */
async function startShop(count: number): Promise<void> {
  const zk = await connect(connectString)
  zks.push(zk)
  const ids = new IdGenerator(zk, PATH, { blockSize: 100 })
  for (let i = 0; i < count; i++) orders.push(await ids.next())
}

await Promise.all([startShop(ORDERS), startShop(ORDERS)])
await zks[0]?.close() // As a crash would have it: the rest of its block is never used.
await startShop(ORDERS)

const different = new Set(orders).size
console.log(`${orders.length} orders, ${different} different numbers`)
process.exitCode = different === 3 * ORDERS ? 0 : 1

await zks.at(-1)?.deleteRecursive(PATH)
for (const zk of zks) await zk.close()
await server?.close()
