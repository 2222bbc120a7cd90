/**
 * The fault matrix: for every request that a mutex sends, in each way of using it, the reply lost, the request lost,
 * the session expired at that point (with the request applied, and without), and the session moved. Each time the caller must get the truth,
 * the lock must work for the next one, and nothing may be left behind. What was covered is printed as a list.
 */
import { Mutex, type Hold } from 'latchkey'
import { afterAll, describe, expect, test } from 'vitest'
import { Cluster, EXPIRY_MS } from './cluster.js'
import { faults } from './fault-matrix.js'

const PATH = '/app/locks/report'

interface Stage {
  readonly cluster: Cluster
  /** Of the client whose requests are struck. */
  readonly mutex: Mutex
  readonly rivals: readonly Mutex[]
  /** Checks the grant against the server's own tree. */
  granted(hold: Hold): Promise<void>
}

/** Ways of using a mutex; each runs to its end whatever is struck. */
const scenarios: Readonly<Record<string, { parents: boolean; play: (stage: Stage) => Promise<void> }>> = {
  'free lock': {
    parents: true,
    async play({ cluster, mutex, granted }) {
      const hold = await cluster.until(mutex.acquire())
      await granted(hold)
      await cluster.until(hold.release())
    },
  },
  'free lock, parents missing': {
    parents: false,
    async play({ cluster, mutex, granted }) {
      const hold = await cluster.until(mutex.acquire())
      await granted(hold)
      await cluster.until(hold.release())
    },
  },
  'free lock, signal read, confirmed': {
    parents: true,
    async play({ cluster, mutex, granted }) {
      const hold = await cluster.until(mutex.acquire())
      const { signal } = hold
      await cluster.quiet()
      const confirmed = await cluster.until(
        hold.confirm().then(
          () => true,
          () => false,
        ),
      )
      expect(confirmed).toBe(!signal.aborted)
      if (confirmed) await granted(hold)
      await cluster.until(hold.release())
    },
  },
  'one ahead': {
    parents: true,
    async play({ cluster, mutex, rivals, granted }) {
      const [rival] = rivals
      const ahead = await cluster.until(rival!.acquire())
      const waiting = mutex.acquire()
      await cluster.quiet()
      await cluster.until(ahead.release())
      const hold = await cluster.until(waiting)
      await granted(hold)
      await cluster.until(hold.release())
    },
  },
  'two ahead, one behind, the middle one leaves': {
    parents: true,
    async play({ cluster, mutex, rivals, granted }) {
      const [one, two, three] = rivals
      const holder = await cluster.until(one!.acquire())
      const leave = new AbortController()
      const middle = expect(two!.acquire({ signal: leave.signal })).rejects.toThrow('changed my mind')
      await cluster.quiet()
      const waiting = mutex.acquire()
      let isGranted = false
      void waiting.then(() => (isGranted = true))
      await cluster.quiet()
      const behind = three!.acquire()
      await cluster.quiet()
      leave.abort(new Error('changed my mind'))
      await cluster.until(middle)
      await cluster.pass(3_000)
      expect(isGranted).toBe(false)
      await cluster.until(holder.release())
      // An expiry sends us to the end of the queue.
      const order = [waiting, behind].map(async (each) => {
        const hold = await each
        await granted(hold)
        await hold.release()
      })
      await cluster.until(Promise.all(order))
    },
  },
  'try, free': {
    parents: true,
    async play({ cluster, mutex, granted }) {
      const hold = await cluster.until(mutex.tryAcquire())
      expect(hold).toBeDefined()
      await granted(hold!)
      await cluster.until(hold!.release())
    },
  },
  'try, taken': {
    parents: true,
    async play({ cluster, mutex, rivals }) {
      const holder = await cluster.until(rivals[0]!.acquire())
      expect(await cluster.until(mutex.tryAcquire())).toBeUndefined()
      expect(await cluster.children(PATH)).toHaveLength(1)
      await cluster.until(holder.release())
    },
  },
  'try, taken between look and queueing': {
    parents: true,
    async play({ cluster, mutex, rivals }) {
      // The look is answered at 1 ms, so our create arrives at 3 ms; the rival's arrives before.
      const trying = mutex.tryAcquire()
      await cluster.pass(1.5)
      const racing = rivals[0]!.acquire()
      const holds = await cluster.until(Promise.all([racing, trying]))
      for (const hold of holds) if (hold !== undefined) await cluster.until(hold.release())
    },
  },
  'a waiter gives up': {
    parents: true,
    async play({ cluster, mutex, rivals }) {
      const holder = await cluster.until(rivals[0]!.acquire())
      await expect(cluster.until(mutex.acquire({ timeoutMs: 1_000 }))).rejects.toMatchObject({
        code: 'TIMEOUT',
      })
      await cluster.pass(EXPIRY_MS)
      expect(await cluster.children(PATH)).toHaveLength(1)
      await cluster.until(holder.release())
    },
  },
}

const covered: string[] = []
let points = 0
let runs = 0

/** Plays it with the fault at request `point`. False if it has no such request. */
async function strike(
  scenarioName: string,
  faultName: string,
  point: number,
  seen: string[],
): Promise<boolean> {
  const scenario = scenarios[scenarioName]!
  await using cluster = await Cluster.start()
  const zk = await cluster.client()
  const others = [await cluster.client(), await cluster.client(), await cluster.client()]
  if (scenario.parents) await cluster.until(zk.ensurePath(PATH, { mode: 'container' }))
  const observer = await cluster.observer()
  let lastToken = 0n
  const granted = async (hold: Hold): Promise<void> => {
    expect(hold.fencingToken).toBeGreaterThan(lastToken)
    lastToken = hold.fencingToken
    const [first] = await new Mutex(observer, PATH).contenders()
    expect(first).toMatchObject({ path: hold.path, sessionId: hold.sessionId, czxid: hold.fencingToken })
  }
  const bounded = async (hold: Hold): Promise<void> => cluster.until(granted(hold))
  const armed = faults[faultName]!(cluster, zk, point, seen)
  const mutex = new Mutex(armed.zk, PATH)
  const rivals = others.map((other) => new Mutex(other, PATH))
  const isNested = scenarioName.startsWith('two ahead')
  await scenario.play({ cluster, mutex, rivals, granted: isNested ? granted : bounded })
  // Whoever comes next gets it without delay, and nothing is left in the end.
  armed.stop()
  await cluster.pass(EXPIRY_MS)
  const next = await cluster.until(rivals[2]!.acquire({ timeoutMs: 1_000 }))
  await bounded(next)
  await cluster.until(next.release())
  await cluster.expectNothingLeft(PATH)
  return armed.hasFired()
}

describe.each(Object.keys(scenarios))('%s', (scenarioName) => {
  test.each(Object.keys(faults))('%s, at each request in turn', async (faultName) => {
    const seen: string[] = []
    let point = 1
    for (; ; point++) {
      try {
        if (!(await strike(scenarioName, faultName, point, seen))) break
      } catch (error) {
        throw new Error(`${scenarioName}: ${faultName} at request ${point} (${seen.at(-1)})`, {
          cause: error,
        })
      }
      runs++
    }
    expect(seen.length).toBeGreaterThan(0)
    if (faultName !== 'reply lost') return
    points += seen.length
    covered.push(`${scenarioName}: ${seen.join(', ')}`)
  })
})

afterAll(() => {
  const kinds = Object.keys(faults)
  process.stdout.write(
    `mutex fault matrix: ${points} request points × ${kinds.length} faults (${kinds.join('; ')}), ${runs} runs\n` +
      covered.map((line) => `  ${line}\n`).join(''),
  )
})
