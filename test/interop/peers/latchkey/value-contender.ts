/**
 * Counts, and goes through barriers, with latchkey.
 *
 * usage: value-contender.ts CONNECT PATH ROUNDS KIND [MEMBERS], KIND one of int64, int32, kazoo, or double-curator, double-kazoo
 */
import { connect, Counter, DoubleBarrier } from '../../../../src/index.js'
import type { Client, NumberFormatName } from '../../../../src/index.js'

function say(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`,
  )
}

const [hosts, path = '/', rounds, kind = '', members] = process.argv.slice(2)
const go = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
process.stdin.on('end', () => process.exit(2))

async function count(zk: Client, format: NumberFormatName): Promise<void> {
  await using counter = new Counter(zk, path, { format })
  for (let i = 0; i < Number(rounds); i++) say({ event: 'counted', value: await counter.increment() })
}

/** Nobody may leave before all have come out of `enter`, in both layouts: we are told when they have. */
async function told(round: number): Promise<void> {
  const telling = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
  say({ event: 'entered', round })
  await telling
}

async function passThrough(zk: Client, dialect: 'curator' | 'kazoo'): Promise<void> {
  for (let round = 0; round < Number(rounds); round++) {
    const barrier = new DoubleBarrier(zk, `${path}/${round}`, { members: Number(members), dialect })
    const asked = process.hrtime.bigint()
    const pass = await barrier.enter({ timeoutMs: 60_000 })
    const entered = process.hrtime.bigint()
    await told(round)
    const leaving = process.hrtime.bigint()
    await pass.leave({ timeoutMs: 60_000 })
    say({ event: 'passed', round, asked, entered, leaving, left: process.hrtime.bigint() })
  }
}

const zk = await connect(hosts, { sessionTimeoutMs: 10_000 })
say({ event: 'ready' })
await go
const dialect = /^double-(curator|kazoo)$/.exec(kind)?.[1]
if (dialect === undefined) await count(zk, kind as NumberFormatName)
else await passThrough(zk, dialect as 'curator' | 'kazoo')
await zk.close()
say({ event: 'done' })
process.exit(0)
