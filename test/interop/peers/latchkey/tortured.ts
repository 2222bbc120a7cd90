/**
 * Acquires and releases our Mutex again and again under faults, and says what it believes: the same as its kazoo and
 * Curator namesakes.
 *
 * usage: tortured.ts CONNECT ROOT KEYS SESSION_MS LIMIT_MS
 */
import { createInterface } from 'node:readline'
import { connect, hasCode, Mutex, type Hold } from '../../../../src/index.js'
import { onAbort, sleep } from '../../../../src/runtime/abort.js'
import { systemClock } from '../../../../src/runtime/clock.js'
import { deferred } from '../../../../src/runtime/deferred.js'
import { systemRandom } from '../../../../src/runtime/random.js'

function say(line: object): void {
  const t = Number(process.hrtime.bigint() / 1_000n)
  process.stdout.write(`${JSON.stringify({ ...line, t })}\n`)
}

const [hosts, root = '', keys, sessionMs, limitMs] = process.argv.slice(2)
const orders = { running: false, stopped: false }
let turn = deferred<undefined>()
const input = createInterface({ input: process.stdin })
input.on('line', (line) => {
  orders.running = line !== 'pause'
  orders.stopped ||= line === 'stop'
  turn.resolve(undefined)
})
input.on('close', () => {
  if (!orders.stopped) process.exit(2)
})

const zk = await connect(hosts, { sessionTimeoutMs: Number(sessionMs) })
function saySession(): void {
  const session = zk.exportSession()
  if (session === undefined) return
  say({ event: 'session', id: String(session.id), password: Buffer.from(session.password).toString('hex') })
}
zk.on('state', (state) => {
  if (state === 'connected') saySession()
})
saySession()
say({ event: 'ready' })

const codeOf = (error: unknown): string => (error instanceof Error ? error.constructor.name : String(error))

async function use(hold: Hold, id: string, path: string): Promise<void> {
  const session = String(hold.sessionId)
  say({ event: 'grant', id, path, session, token: String(hold.fencingToken) })
  const belief = { ended: false }
  const end = (how: string): void => {
    if (!belief.ended) say({ event: 'end', id, how })
    belief.ended = true
  }
  const unlisten = onAbort(hold.signal, () => end('lost'))
  if (hold.signal.aborted) end('lost')
  // As long as the others hold it, lost or not.
  await sleep(systemClock, systemRandom.next() * (systemRandom.next() < 0.97 ? 10 : 1_000))
  if (zk.session !== undefined && zk.session.id !== hold.sessionId && !hold.signal.aborted)
    say({ event: 'stale', id })
  unlisten()
  end('release')
  await hold.release().catch((error: unknown) => {
    say({ event: 'fail', id, during: 'release', code: codeOf(error) })
  })
  say({ event: 'released', id })
}

for (let number = 0; !orders.stopped; number++) {
  if (!orders.running) {
    turn = deferred<undefined>()
    say({ event: 'idle' })
    await turn.promise
    continue
  }
  const id = `${process.pid}:${number}`
  const path = `${root}/${Math.floor(systemRandom.next() * Number(keys))}`
  say({ event: 'ask', id })
  try {
    const hold = await new Mutex(zk, path).acquire({ timeoutMs: Number(limitMs) })
    await use(hold, id, path)
  } catch (error) {
    const code = hasCode(error, 'TIMEOUT') ? 'TIMEOUT' : codeOf(error)
    say({ event: 'fail', id, during: 'acquire', code })
  }
}
await zk.close()
say({ event: 'done' })
process.exit(0)
