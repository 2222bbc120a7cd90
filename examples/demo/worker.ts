/** One of the demo's worker processes: connects, and plays its part in each act. */
import { connect, type Client } from 'latchkey'
import { work as workOnCron } from './cron/work.js'
import { work as workOnJobs } from './jobs/work.js'
import { work as workUnderLock } from './lock/work.js'
import type { ActName, Deed, FromWorker, Post, ToWorker } from './messages.js'

/** A worker's part in an act: goes on until `signal` aborts, and resolves when nothing of it is left. */
export interface Part {
  readonly zk: Client
  readonly post: Post
  readonly signal: AbortSignal
  readonly tell: (deed: Deed) => void
}

const parts: Readonly<Record<ActName, (part: Part) => Promise<void>>> = {
  lock: workUnderLock,
  jobs: workOnJobs,
  cron: workOnCron,
}

let place: { readonly zk: Client; readonly post: Post } | undefined
let end = new AbortController()

function tell(message: FromWorker): void {
  process.send?.(message)
}

async function obey(message: ToWorker): Promise<void> {
  if (message.kind === 'connect') {
    const { connectString, sessionTimeoutMs } = message.post
    const zk = await connect(connectString, { sessionTimeoutMs })
    const session = await zk.ready()
    place = { zk, post: message.post }
    tell({ kind: 'ready', session: session.id.toString(16) })
  } else if (message.kind === 'begin' && place !== undefined) {
    end = new AbortController()
    await parts[message.act]({ ...place, signal: end.signal, tell })
    tell({ kind: 'ended' })
  } else if (message.kind === 'end') end.abort()
  else {
    await place?.zk.close()
    process.disconnect()
  }
}

// Without its parent a worker has nobody to work for.
process.on('disconnect', () => process.exit(0))
process.on('message', (message: ToWorker) => {
  obey(message).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
