/**
 * Contends for our Mutex and increments an unprotected counter in a plain file each time it holds it.
 *
 * usage: contender.ts CONNECT PATH FILE INCREMENTS DIALECT MODE (single; tasks: eight of them share it; biased: they keep it)
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, Mutex } from '../../../../src/index.js'
import type { DialectName } from '../../../../src/index.js'
import { sleep } from '../../../../src/runtime/abort.js'
import { systemClock } from '../../../../src/runtime/clock.js'

function say(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`,
  )
}

const [hosts, path = '/', file = '', increments, dialect, mode] = process.argv.slice(2)
const go = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
process.stdin.on('end', () => process.exit(2))

const zk = await connect(hosts, { sessionTimeoutMs: 10_000 })
const mutex = new Mutex(zk, path, { dialect: dialect as DialectName, biased: mode === 'biased' })
say({ event: 'ready' })
await go
let left = Number(increments)
async function work(): Promise<void> {
  while (left-- > 0) await increment()
}
async function increment(): Promise<void> {
  const hold = await mutex.acquire()
  const start = process.hrtime.bigint()
  const value = Number(readFileSync(file, 'utf8'))
  // Long enough for another one to come in between, if the lock let it.
  await sleep(systemClock, 0.3)
  writeFileSync(file, String(value + 1))
  const end = process.hrtime.bigint()
  await hold.release()
  say({ event: 'held', start, end, fencingToken: hold.fencingToken })
}
await Promise.all(Array.from({ length: mode === 'single' ? 1 : 8 }, work))
await zk.close()
say({ event: 'done' })
process.exit(0)
