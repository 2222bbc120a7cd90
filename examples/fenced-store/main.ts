/**
 * A late write, and a store that refuses it. A process takes a lock and is stopped (SIGSTOP stands for a long garbage
 * collection, or a laptop that sleeps). Its session expires, another one takes the lock and writes. Then the first one
 * wakes up, and sends what it was about to send: no lock service can prevent that. Its fencing token is older than one
 * that the store has seen, and the store says no. Exits with 1 if it did not.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { connect, Mutex } from 'latchkey'
import { startServer } from 'latchkey/server'
import type { Orders, Report } from './holder.js'
import { FencedStore } from './store.js'

const SESSION_TIMEOUT_MS = 1_000
const LIMIT_MS = 20_000
const lockPath = '/locks/report'

async function report<K extends Report['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<Report, { kind: K }>> {
  const [said] = (await once(child, 'message', { signal: AbortSignal.timeout(LIMIT_MS) })) as [Report]
  if (said.kind !== kind) throw new Error(`expected "${kind}", got "${said.kind}"`)
  return said as Extract<Report, { kind: K }>
}

async function put(url: string, fence: bigint, body: string): Promise<number> {
  const headers = { 'x-fence': String(fence) }
  return (await fetch(`${url}/report`, { method: 'PUT', headers, body })).status
}

async function play(child: ChildProcess): Promise<boolean> {
  await using server = await startServer({ port: 0, tickTimeMs: SESSION_TIMEOUT_MS / 2 })
  await using store = await FencedStore.start()
  const { connectString } = server
  const { url } = store
  const orders: Orders = { connectString, sessionTimeoutMs: SESSION_TIMEOUT_MS, lockPath, url }
  child.send(orders)
  const first = await report(child, 'holds')
  console.log(`first   holds the lock, token ${first.fence}; it is stopped`)
  child.kill('SIGSTOP')

  await using zk = await connect(connectString, { sessionTimeoutMs: 10 * SESSION_TIMEOUT_MS })
  const hold = await new Mutex(zk, lockPath).acquire({ timeoutMs: LIMIT_MS })
  const status = await put(url, hold.fencingToken, 'by the second')
  console.log(`second  holds the lock, token ${hold.fencingToken}; its write: ${status}`)

  child.send('wake')
  child.kill('SIGCONT')
  const late = await report(child, 'wrote')
  console.log(`first   wakes up and writes: ${late.status} (${late.answer}); its signal: ${late.lost}`)
  const kept = store.read('report')
  console.log(`store   has the report "${kept}"`)
  await hold.release()
  return status === 204 && late.status === 409 && late.lost !== undefined && kept === 'by the second'
}

const child = fork(fileURLToPath(new URL('./holder.ts', import.meta.url)), {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})
const ended = once(child, 'exit')
try {
  const isRefused = await play(child)
  console.log(isRefused ? 'the late write was refused' : 'WRONG: the late write was taken')
  if (!isRefused) process.exitCode = 1
} finally {
  // Also when it is still stopped.
  child.kill('SIGKILL')
  await ended
}
