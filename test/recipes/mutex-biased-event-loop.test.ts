/** Biased mode and the event loop, in real time and with real sockets: holds can follow each other without a turn of it. */
import { connect, Mutex } from 'latchkey'
import { startServer } from 'latchkey/server'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/runtime/clock.js'
import { PATH } from './cluster.js'

test('a loop over short holds, which never lets the event loop turn, lets in who comes meanwhile', async () => {
  await using server = await startServer()
  await using zk = await connect(server.connectString)
  await using other = await connect(server.connectString)
  const mutex = new Mutex(zk, PATH, { biased: { maxHolds: Infinity, maxMs: Infinity } })
  await mutex.run(() => undefined)
  let granted = false
  const theirs = new Mutex(other, PATH).run(() => {
    granted = true
  })
  const end = systemClock.now() + 5_000
  const isOver = (): boolean => granted || systemClock.now() > end
  while (!isOver()) await mutex.run(() => undefined)
  expect(granted).toBe(true)
  await theirs
})

test('after a stall longer than the session, a task that waited is not given what the dead session held', async () => {
  await using server = await startServer({ tickTimeMs: 100 })
  await using zk = await connect(server.connectString, { sessionTimeoutMs: 300 })
  const mutex = new Mutex(zk, PATH, { biased: true })
  await mutex.run(() => undefined)
  const first = await mutex.acquire()
  const waiting = mutex.acquire()
  const end = systemClock.now() + 1_500
  for (let now = 0; now < end;) now = systemClock.now()
  await first.release()
  const next = await waiting
  expect(next.path).not.toBe(first.path)
  await next.release()
})
