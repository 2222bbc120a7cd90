/**
 * Leads again and again, and increments an unprotected counter in a plain file each time.
 *
 * usage: leader-contender.ts CONNECT PATH FILE INCREMENTS latch|curator|kazoo (a latch, or an election in that dialect)
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, LeaderElection, LeaderLatch } from '../../../../src/index.js'
import type { DialectName } from '../../../../src/index.js'
import { sleep } from '../../../../src/runtime/abort.js'
import { systemClock } from '../../../../src/runtime/clock.js'

function say(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`,
  )
}

const [hosts, path = '/', file = '', increments, how] = process.argv.slice(2)
const go = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
process.stdin.on('end', () => process.exit(2))

async function lead({ fencingToken }: { fencingToken: bigint }): Promise<void> {
  const start = process.hrtime.bigint()
  const value = Number(readFileSync(file, 'utf8'))
  // Long enough for another one to come in between, if it could.
  await sleep(systemClock, 0.3)
  writeFileSync(file, String(value + 1))
  say({ event: 'held', start, end: process.hrtime.bigint(), fencingToken })
}

const zk = await connect(hosts, { sessionTimeoutMs: 10_000 })
const turns = Number(increments)

/** The first half of the turns with one latch that hands on each time, the second with a new one each. */
async function withLatches(): Promise<void> {
  let latch = new LeaderLatch(zk, path, { id: 'latchkey' })
  for (let turn = 0; turn < turns; turn++) {
    if (latch.state.status === 'latent') await latch.start()
    const leadership = await latch.waitForLeadership()
    if ((await latch.leader())?.value !== 'latchkey') throw new Error('another one leads')
    await lead(leadership)
    if (turn < turns / 2 - 1) {
      await leadership.release()
      continue
    }
    await latch.close()
    latch = new LeaderLatch(zk, path, { id: 'latchkey' })
  }
}

async function withElection(dialect: DialectName): Promise<void> {
  const election = new LeaderElection(zk, path, { dialect, id: 'latchkey' })
  for (let turn = 0; turn < turns; turn++) await election.lead(lead)
}

say({ event: 'ready' })
await go
if (how === 'latch') await withLatches()
else await withElection(how as DialectName)
await zk.close()
say({ event: 'done' })
process.exit(0)
