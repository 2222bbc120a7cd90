/**
 * Giving up: by signal or by time limit, at every moment of an acquire, alone and together with a fault at each of its
 * requests. The call rejects at once, and nothing is left behind, while whoever holds the lock keeps it.
 */
import { Mutex, type Client, type Hold } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Cluster, EXPIRY_MS, SESSION_MS } from './cluster.js'

const PATH = '/app/locks/report'
const reason = new Error('no longer needed')

type Start = (mutex: Mutex, signal: AbortSignal) => Promise<Hold | undefined>
const acquire: Start = async (mutex, signal) => mutex.acquire({ signal })

interface Way {
  readonly start: Start
  /** How many rivals hold or wait ahead. */
  readonly ahead: number
  readonly parents: boolean
}

const ways: Readonly<Record<string, Way>> = {
  'a free lock': { start: acquire, ahead: 0, parents: true },
  'a free lock, parents missing': { start: acquire, ahead: 0, parents: false },
  'one ahead': { start: acquire, ahead: 1, parents: true },
  'two ahead': { start: acquire, ahead: 2, parents: true },
  'a try': { start: async (mutex, signal) => mutex.tryAcquire({ signal }), ahead: 0, parents: true },
  'a free lock, and a look at who is there': {
    start: async (mutex, signal) => {
      await mutex.contenders({ signal })
      return mutex.acquire({ signal })
    },
    ahead: 0,
    parents: true,
  },
}

type Break = (cluster: Cluster, zk: Client, point: number) => () => boolean
const at = (zk: Client, point: number): ((request: { session: bigint }) => boolean) => {
  const id = zk.session!.id
  let count = 0
  return ({ session }) => session === id && ++count === point
}

const breaks: Readonly<Record<string, Break>> = {
  'reply lost': (cluster, zk, point) => {
    const fault = cluster.control.dropAfter({ where: at(zk, point) })
    return () => fault.hasFired
  },
  'request lost': (cluster, zk, point) => {
    const fault = cluster.control.dropBefore({ where: at(zk, point) })
    return () => fault.hasFired
  },
  'session expired': (cluster, zk, point) => {
    const fault = cluster.control.dropAfter({ where: at(zk, point) })
    void fault.fired.then(({ session }) => cluster.control.expireSession(session))
    return () => fault.hasFired
  },
}

/** Aborts `afterMs` into it. Returns whether it had been granted before, and whether the fault struck. */
async function abortAfter(
  way: Way,
  afterMs: number,
  broken?: { how: string; point: number },
): Promise<{ granted: boolean; struck: boolean }> {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const rivals = [await cluster.client(), await cluster.client()].map((client) => new Mutex(client, PATH))
  if (way.parents) await cluster.until(zk.ensurePath(PATH, { mode: 'container' }))
  await cluster.observer()
  const ahead: Promise<Hold>[] = []
  for (const rival of rivals.slice(0, way.ahead)) {
    ahead.push(rival.acquire())
    await cluster.quiet()
  }
  const hasStruck = broken === undefined ? undefined : breaks[broken.how]!(cluster, zk, broken.point)
  const abort = new AbortController()
  const outcome: { hold?: Hold | undefined; error?: unknown; settled: boolean } = { settled: false }
  way.start(new Mutex(zk, PATH), abort.signal).then(
    (hold) => Object.assign(outcome, { hold, settled: true }),
    (error: unknown) => Object.assign(outcome, { error, settled: true }),
  )
  await cluster.pass(afterMs)
  const granted = outcome.settled
  abort.abort(reason)
  await cluster.pass(0)
  expect(outcome.settled).toBe(true)
  if (granted) expect(outcome.error).toBeUndefined()
  else expect(outcome.error).toBe(reason)
  await cluster.pass(2 * EXPIRY_MS)
  expect((await cluster.children(PATH)) ?? []).toHaveLength(way.ahead + (outcome.hold === undefined ? 0 : 1))
  if (outcome.hold !== undefined) await cluster.until(outcome.hold.release())
  for (const each of ahead) await cluster.until((await cluster.until(each)).release())
  await cluster.expectNothingLeft(PATH)
  return { granted: granted && outcome.hold !== undefined, struck: hasStruck?.() ?? false }
}

describe.each(Object.entries(ways))('aborting %s', (_, way) => {
  test('at every half millisecond: rejects at once with the reason, and leaves nothing', async () => {
    let granted = 0
    let moments = 0
    for (let afterMs = 0; afterMs < 60 && granted < 3; afterMs += afterMs < 30 ? 0.5 : 10) {
      moments++
      if ((await abortAfter(way, afterMs)).granted) granted++
    }
    expect(moments).toBeGreaterThan(4)
    if (way.ahead === 0) expect(granted).toBe(3)
  })

  test.each(Object.keys(breaks))('after each request in turn, with its %s', async (how) => {
    let struck = true
    let point = 1
    for (; struck; point++) {
      struck = false
      for (const afterMs of [1, 2, 3, 4, 6, 8, 12, 30, 100, 1_000]) {
        try {
          if ((await abortAfter(way, afterMs, { how, point })).struck) struck = true
        } catch (error) {
          throw new Error(`abort after ${afterMs} ms, ${how} at request ${point}`, { cause: error })
        }
      }
    }
    expect(point).toBeGreaterThan(2)
  })
})

test('an acquire that is aborted beforehand sends nothing', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const before = cluster.control.sessions()[0]!.requests
  await expect(new Mutex(zk, PATH).acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await cluster.quiet()
  expect(cluster.control.sessions()[0]!.requests).toBe(before)
})

test('the time limit says what it waited for, and holds for the whole call', async () => {
  await using cluster = await Cluster.start()
  const [zk, rival] = [await cluster.client(), await cluster.client()]
  const hold = await cluster.until(new Mutex(rival, PATH).acquire())
  const start = cluster.clock.now()
  const waiting = new Mutex(zk, PATH).acquire({ timeoutMs: 5_000 })
  await expect(cluster.until(waiting)).rejects.toMatchObject({
    code: 'TIMEOUT',
    outcome: 'rejected',
    path: PATH,
    message: expect.stringMatching(
      /gave up after 5000 ms, while waiting for _c_.*-lock-0000000000 \(1 ahead/,
    ) as unknown,
  })
  expect(cluster.clock.now() - start).toBeLessThan(5_100)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('the time limit bounds the wait for a connection too', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  cluster.control.pauseAccepting()
  cluster.control.dropConnections()
  await cluster.pass(10)
  const start = cluster.clock.now()
  await expect(cluster.until(new Mutex(zk, PATH).acquire({ timeoutMs: 700 }))).rejects.toThrow(
    /gave up after 700 ms, while waiting for a connection/,
  )
  expect(cluster.clock.now() - start).toBeLessThan(760)
  cluster.control.resumeAccepting()
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
})

test('a limit of 0 is one try: it gets a free lock, and not a busy one, and does not wait for a connection', async () => {
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const mutex = new Mutex(zk, PATH)
  const hold = await cluster.until(mutex.acquire({ timeoutMs: 0 }))
  await expect(cluster.until(mutex.acquire({ timeoutMs: 0 }))).rejects.toThrow(
    /gave up after 0 ms, while somebody/,
  )
  expect(await cluster.children(PATH)).toHaveLength(1)
  await cluster.until(hold.release())
  const start = cluster.clock.now()
  cluster.control.pauseAccepting()
  const inFlight = mutex.acquire({ timeoutMs: 0 })
  cluster.control.dropConnections()
  await expect(cluster.until(inFlight)).rejects.toMatchObject({ code: 'TIMEOUT' })
  await expect(cluster.until(mutex.tryAcquire({ timeoutMs: 0 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
  expect(cluster.clock.now() - start).toBeLessThan(10)
  cluster.control.resumeAccepting()
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
})

test('who gives up takes back its watch, while the one ahead goes on holding', async () => {
  await using cluster = await Cluster.start()
  const [zk, rival] = [await cluster.client(), await cluster.client()]
  const hold = await cluster.until(new Mutex(rival, PATH).acquire())
  const abort = new AbortController()
  const waiting = new Mutex(zk, PATH).acquire({ signal: abort.signal })
  await cluster.quiet()
  expect(cluster.control.watchCounts().data).toBeGreaterThan(0)
  abort.abort(reason)
  await expect(cluster.until(waiting)).rejects.toBe(reason)
  await cluster.quiet()
  expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})

test('giving up while suspended leaves nothing, once the connection is back', async () => {
  await using cluster = await Cluster.start()
  const [zk, rival] = [await cluster.client(), await cluster.client()]
  const hold = await cluster.until(new Mutex(rival, PATH).acquire())
  const abort = new AbortController()
  const waiting = new Mutex(zk, PATH).acquire({ signal: abort.signal })
  await cluster.quiet()
  cluster.control.pauseAccepting()
  cluster.control.dropConnection(zk.session!.id)
  await cluster.pass(200)
  abort.abort(reason)
  await expect(cluster.until(waiting)).rejects.toBe(reason)
  expect(Janitor.of(zk).pending).toBe(1)
  cluster.control.resumeAccepting()
  await cluster.pass(SESSION_MS / 2)
  expect(Janitor.of(zk).pending).toBe(0)
  expect(await cluster.children(PATH)).toHaveLength(1)
  await cluster.until(hold.release())
  await cluster.expectNothingLeft(PATH)
})
