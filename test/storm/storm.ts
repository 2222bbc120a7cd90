/**
 * A storm: clients at work while a proxy cuts their connections many times a second. Afterwards everything has
 * settled, and nothing is left: no socket, timer, abort listener, watch, and the heap is where it was.
 */
import { getEventListeners, setMaxListeners } from 'node:events'
import { connect, hasCode, type Client } from 'latchkey'
import { startServer } from 'latchkey/server'
import { FaultProxy } from 'latchkey/testing'
import { expect } from 'vitest'
import { systemRuntime } from '../../src/runtime/runtime.js'
import { holdings } from '../support/holdings.js'
import { LeakAudit } from '../support/leak-audit.js'

export interface StormOptions {
  readonly clients: number
  readonly cutsPerSecond: number
  readonly seconds: number
}

export interface StormReport {
  readonly cuts: number
  readonly calls: number
  readonly succeeded: number
  readonly inDoubt: number
  readonly sessions: number
  readonly heapGrowthBytes: number
}

interface Tally {
  calls: number
  succeeded: number
  inDoubt: number
  unexpected: unknown[]
}

const { clock } = systemRuntime
const IN_DOUBT = ['CONNECTION_LOSS', 'TIMEOUT', 'SESSION_EXPIRED'] as const

async function tallied(tally: Tally, call: Promise<unknown>): Promise<void> {
  tally.calls++
  try {
    await call
    tally.succeeded++
  } catch (error) {
    // The effect of an earlier call in doubt shows as one of the last three.
    if (hasCode(error, ...IN_DOUBT, 'NODE_EXISTS', 'NO_NODE', 'BAD_VERSION')) tally.inDoubt++
    else tally.unexpected.push(error)
  }
}

/** One round of a client's work: every kind of call, watches set, removed and left. */
async function round(client: Client, name: string, signal: AbortSignal, tally: Tally): Promise<void> {
  const limits = { signal, timeoutMs: 5_000 }
  const quiet = (): void => undefined
  const path = `/storm/${name}`
  await Promise.all([
    tallied(tally, client.create(path, 'x', { mode: 'ephemeral', ...limits })),
    tallied(tally, client.set('/storm/shared', name, limits)),
    tallied(tally, client.get('/storm/shared', { watch: quiet, ...limits })),
    tallied(tally, client.exists(path, { watch: quiet, ...limits })),
    tallied(tally, client.children('/storm', { watch: quiet, ...limits })),
    tallied(tally, client.transaction().check('/storm').delete(path).commit(limits)),
    tallied(tally, client.removeWatch(path, quiet, limits)),
    tallied(tally, client.sync('/storm', limits)),
  ])
}

/** Cuts at the rate that is asked for until the time is over; catches up where the timer was late. */
async function cutFor(proxy: FaultProxy, { cutsPerSecond, seconds }: StormOptions): Promise<number> {
  const start = clock.now()
  let cuts = 0
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      const elapsed = (clock.now() - start) / 1_000
      // By turns in order and with a reset.
      while (cuts < Math.min(elapsed, seconds) * cutsPerSecond && proxy.cutOldest(cuts % 2 ? 'reset' : 'end'))
        cuts++
      if (elapsed >= seconds) resolve()
      else clock.setTimer(1, turn)
    }
    turn()
  })
  return cuts
}

export async function storm(options: StormOptions): Promise<StormReport> {
  const audit = new LeakAudit()
  const report = await rage(options)
  await audit.expectNothingLeft()
  return report
}

async function rage(options: StormOptions): Promise<StormReport> {
  await using server = await startServer({ tickTimeMs: 500 })
  await using proxy = await FaultProxy.inFrontOf(server)
  await using direct = await connect(server.connectString)
  await direct.create('/storm')
  await direct.create('/storm/shared')
  const clients = await Promise.all(
    Array.from({ length: options.clients }, async () =>
      connect(proxy.connectString, { sessionTimeoutMs: 8_000, maxBackOffMs: 10 }),
    ),
  )
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  const tally: Tally = { calls: 0, succeeded: 0, inDoubt: 0, unexpected: [] }
  await Promise.all(clients.map(async (client, i) => round(client, `${i}`, signal, tally)))
  const before = holdings()
  let over = false
  const work = clients.map(async (client, i) => {
    while (!over) await round(client, `${i}`, signal, tally)
  })
  const cuts = await cutFor(proxy, options)
  over = true
  await Promise.all(work)
  await Promise.all(clients.map(async (client) => client.ready()))
  const after = holdings()
  expect(tally.unexpected).toEqual([])
  expect(tally.succeeded + tally.inDoubt).toBe(tally.calls)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  const sessions = Math.max(...clients.map((client) => client.session?.generation ?? 0))
  await Promise.all(clients.map(async (client) => client.close()))
  expect(server.control.watchCounts()).toEqual({ data: 0, children: 0 })
  expect(server.control.sessions()).toHaveLength(1)
  const { calls, succeeded, inDoubt } = tally
  const heapGrowthBytes = after.heapBytes - before.heapBytes
  return { cuts, calls, succeeded, inDoubt, sessions, heapGrowthBytes }
}
