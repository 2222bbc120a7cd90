/** One of the demo's worker processes: takes the lock, increments the counter, lets go, again and again. */
import { connect, Mutex } from 'latchkey'
import { append, increment, readCounter } from './counter.js'
import { type Assignment, type FromWorker, nowUs, type ToWorker } from './messages.js'

const stop = new AbortController()
// Without its parent a worker has nobody to work for.
process.on('disconnect', () => process.exit(0))
process.on('message', (message: ToWorker) => {
  if (message.kind === 'stop') stop.abort()
  else work(message.assignment).catch(fail)
})

function tell(message: FromWorker): void {
  process.send?.(message)
}

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}

async function work(assignment: Assignment): Promise<void> {
  const { connectString, sessionTimeoutMs, lockPath } = assignment
  {
    await using zk = await connect(connectString, { sessionTimeoutMs })
    const session = await zk.ready()
    tell({ kind: 'ready', session: session.id.toString(16) })
    const lock = new Mutex(zk, lockPath)
    while (!stop.signal.aborted) await takeTurn(lock, assignment)
  }
  process.disconnect()
}

async function takeTurn(lock: Mutex, { worker, counterFile, journalFile }: Assignment): Promise<void> {
  const hold = await lock.acquire({ signal: stop.signal }).catch((error: unknown) => {
    if (stop.signal.aborted) return undefined
    throw error
  })
  if (hold === undefined) return
  try {
    const atUs = nowUs()
    const fence = hold.fencingToken.toString()
    const from = readCounter(counterFile)
    append(journalFile, { kind: 'begin', worker, fence, from, atUs })
    tell({ kind: 'granted', fence, atUs })
    const to = await increment(counterFile, from)
    append(journalFile, { kind: 'end', worker, fence, to, atUs: nowUs() })
  } finally {
    await hold.release()
  }
}
