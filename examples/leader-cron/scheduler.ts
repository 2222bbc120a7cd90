/** One of the processes: schedules the job and stands by. Says over IPC what it runs. */
import { connect, LeaderCron } from 'latchkey'

export interface Orders {
  readonly connectString: string
  readonly sessionTimeoutMs: number
  readonly id: string
}

export type Report =
  { readonly kind: 'ready' } | { readonly kind: 'ran'; readonly id: string; readonly due: string }

function report(said: Report): void {
  process.send?.(said)
}

process.on('disconnect', () => process.exit(0))
process.once('message', (message) => {
  const { connectString, sessionTimeoutMs, id } = message as Orders
  const run = async (): Promise<void> => {
    const zk = await connect(connectString, { sessionTimeoutMs })
    const cron = new LeaderCron(zk, '/cron', { id })
    cron.schedule(
      '* * * * * *',
      ({ due, signal }) => {
        signal.throwIfAborted()
        report({ kind: 'ran', id, due: due.toISOString() })
      },
      { name: 'report', misfire: 'run-once' },
    )
    await cron.start()
    report({ kind: 'ready' })
  }
  run().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
