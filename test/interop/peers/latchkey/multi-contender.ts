/**
 * Takes two of three locks at a time as one MultiLock, and tells when it held which.
 *
 * usage: multi-contender.ts CONNECT PATH ROUNDS
 */
import { connect, MultiLock } from '../../../../src/index.js'
import { sleep } from '../../../../src/runtime/abort.js'
import { systemClock } from '../../../../src/runtime/clock.js'

function say(line: object): void {
  process.stdout.write(
    `${JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`,
  )
}

const [hosts, path = '/', rounds] = process.argv.slice(2)
const go = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
process.stdin.on('end', () => process.exit(2))

const zk = await connect(hosts, { sessionTimeoutMs: 10_000 })
const [a, b, c] = [`${path}/a`, `${path}/b`, `${path}/c`] as const
// Against their order: it is for the multi-lock to put them right.
const pairs = [
  [b, a],
  [c, b],
  [c, a],
]

say({ event: 'ready' })
await go
for (let i = 0; i < Number(rounds); i++) {
  const pair = pairs[i % pairs.length]!
  await using hold = await new MultiLock(zk, pair).acquire()
  const start = process.hrtime.bigint()
  await sleep(systemClock, 0.3)
  const end = process.hrtime.bigint()
  for (const [held, fencingToken] of hold.fencingTokens) {
    say({ event: 'held', kind: 'write', path: held, start, end, fencingToken })
  }
}
await zk.close()
say({ event: 'done' })
process.exit(0)
