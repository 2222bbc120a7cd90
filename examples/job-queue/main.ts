/**
 * A job queue shared by three workers; one is killed in the middle. No job is lost; one that was in the dead worker's hands
 * is done again. Ends by itself. Uses the servers of `ZOOKEEPER_CONNECT`, or its own.
 */
import { connect, Queue, Worker, type Client } from 'latchkey'
import { startServer } from 'latchkey/server'

const JOBS = 30
const PATH = `/examples/job-queue-${process.pid}`

interface Resize {
  readonly picture: string
}

const given = process.env['ZOOKEEPER_CONNECT']
const server = given === undefined ? await startServer() : undefined
const connectString = given ?? server?.connectString
const zks: Client[] = []
const done = new Map<string, number>()
let finished: () => void = () => undefined
const allDone = new Promise<void>((resolve) => (finished = resolve))

/** A process of its own would look the same. */
async function startWorker(name: string): Promise<Worker<Resize>> {
  const zk = await connect(connectString, { sessionTimeoutMs: 4_000 })
  zks.push(zk)
  const queue = new Queue<Resize>(zk, PATH, { id: name })
  const worker = new Worker(queue, async () => zk.sync('/'), { concurrency: 2 })
  worker.on('completed', ({ item }) => {
    done.set(item.picture, (done.get(item.picture) ?? 0) + 1)
    if (done.size === JOBS) finished()
  })
  return worker
}

const producer = await connect(connectString)
const queue = new Queue<Resize>(producer, PATH)
await queue.putMany(Array.from({ length: JOBS }, (_, i) => ({ picture: `picture-${i}.jpg` })))
console.log(`${await queue.size()} jobs are put`)

const workers = [await startWorker('one'), await startWorker('two'), await startWorker('three')]
await zks[0]?.close() // As a crash would have it: nothing is given back; the claims go with the session.
console.log('worker one is gone')
await allDone
await Promise.all(workers.map(async (worker) => worker.stop()))
console.log(`${done.size} jobs are done, ${await queue.size()} are left`)
process.exitCode = done.size === JOBS && (await queue.size()) === 0 ? 0 : 1

await producer.deleteRecursive(PATH)
for (const zk of [...zks, producer]) await zk.close()
await server?.close()
