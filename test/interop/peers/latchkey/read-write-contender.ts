/**
 * Reads, writes and downgrades under our ReadWriteLock, and tells when it held what.
 *
 * usage: read-write-contender.ts CONNECT PATH ROUNDS DIALECT
 */
import { connect, ReadWriteLock } from '../../../../src/index.js'
import type { ReadWriteDialectName } from '../../../../src/index.js'
import { sleep } from '../../../../src/runtime/abort.js'
import { systemClock } from '../../../../src/runtime/clock.js'

function say(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`,
  )
}

const [hosts, path = '/', rounds, dialect] = process.argv.slice(2)
const go = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
process.stdin.on('end', () => process.exit(2))

const zk = await connect(hosts, { sessionTimeoutMs: 10_000 })
const lock = new ReadWriteLock(zk, path, { dialect: dialect as ReadWriteDialectName })

/** Long enough for another one to come in between, if the lock let it. */
async function hold(kind: 'read' | 'write', fencingToken: bigint, isDowngrade = false): Promise<void> {
  const start = process.hrtime.bigint()
  await sleep(systemClock, 0.3)
  say({
    event: 'held',
    kind,
    path,
    start,
    end: process.hrtime.bigint(),
    fencingToken,
    downgraded: isDowngrade,
  })
}

async function read(): Promise<void> {
  await using held = await lock.readLock.acquire()
  await hold('read', held.fencingToken)
}

async function write(downgrades: boolean): Promise<void> {
  await using held = await lock.writeLock.acquire()
  await hold('write', held.fencingToken)
  if (!downgrades) return
  await using made = await held.downgrade()
  await hold('read', made.fencingToken, true)
}

say({ event: 'ready', downgrades: true, reads: true })
await go
for (let i = 0; i < Number(rounds); i++) await (i % 4 < 2 ? read() : write(i % 4 === 3))
await zk.close()
say({ event: 'done' })
process.exit(0)
