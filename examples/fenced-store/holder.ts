/** A process that holds the lock, decides to write, and is stopped before its request is out: see main.ts. */
import { once } from 'node:events'
import { connect, LockLostError, Mutex } from 'latchkey'

export interface Orders {
  readonly connectString: string
  readonly sessionTimeoutMs: number
  readonly lockPath: string
  readonly url: string
}

/** What it tells its parent. */
export type Report =
  | { readonly kind: 'holds'; readonly fence: string }
  | {
      readonly kind: 'wrote'
      readonly status: number
      readonly answer: string
      readonly lost: string | undefined
    }

process.on('disconnect', () => process.exit(0))
process.once('message', (orders: Orders) => {
  hold(orders).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})

function tell(report: Report): void {
  process.send?.(report)
}

async function hold({ connectString, sessionTimeoutMs, lockPath, url }: Orders): Promise<void> {
  {
    await using zk = await connect(connectString, { sessionTimeoutMs })
    await using held = await new Mutex(zk, lockPath).acquire()
    // Here it looks for the last time whether it holds. What follows can be late by any length of time.
    held.signal.throwIfAborted()
    const fence = held.fencingToken.toString()
    const awake = once(process, 'message')
    tell({ kind: 'holds', fence })
    await awake
    const response = await fetch(`${url}/report`, {
      method: 'PUT',
      headers: { 'x-fence': fence },
      body: 'by the first',
    })
    const answer = await response.text()
    if (!held.signal.aborted) await once(held.signal, 'abort')
    const { reason } = held.signal as { reason: unknown }
    const lost = reason instanceof LockLostError ? reason.reason : undefined
    tell({ kind: 'wrote', status: response.status, answer, lost })
  }
  process.disconnect()
}
