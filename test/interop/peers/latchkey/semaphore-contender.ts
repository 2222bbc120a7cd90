/**
 * Takes one permit or two of our Semaphore again and again, and tells when it held them.
 *
 * usage: semaphore-contender.ts CONNECT PATH ROUNDS DIALECT PERMITS, where PERMITS is a number or the path of a shared one
 */
import { connect, Semaphore } from '../../../../src/index.js'
import type { SemaphoreDialectName } from '../../../../src/index.js'
import { sleep } from '../../../../src/runtime/abort.js'
import { systemClock } from '../../../../src/runtime/clock.js'

function say(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`,
  )
}

const [hosts, path = '/', rounds, dialect, limit = ''] = process.argv.slice(2)
const go = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
process.stdin.on('end', () => process.exit(2))

const zk = await connect(hosts, { sessionTimeoutMs: 10_000 })
const permits = limit.startsWith('/') ? { path: limit, initial: 3 } : Number(limit)
const semaphore = new Semaphore(zk, path, { permits, dialect: dialect as SemaphoreDialectName })
say({ event: 'ready' })
await go
for (let i = 0; i < Number(rounds); i++) {
  const lease = await semaphore.acquire(1 + (i % 2))
  const start = process.hrtime.bigint()
  // Long enough for others to come in between, if they are let.
  await sleep(systemClock, 2)
  const end = process.hrtime.bigint()
  await lease.release()
  say({ event: 'held', permits: 1 + (i % 2), start, end, fencingToken: lease.fencingToken })
}
await zk.close()
say({ event: 'done' })
process.exit(0)
