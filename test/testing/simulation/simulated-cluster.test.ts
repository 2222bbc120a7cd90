import { Mutex } from 'latchkey'
import { planFaults, SimulatedCluster, type SimulatedFault, type SimulationOptions } from 'latchkey/testing'
import { expect, onTestFinished, test } from 'vitest'

async function clusterOf(options: Partial<SimulationOptions> = {}): Promise<SimulatedCluster> {
  const cluster = await SimulatedCluster.start({ seed: 1, ...options })
  onTestFinished(async () => {
    const leftovers = await cluster.close()
    expect(leftovers).toEqual({ timers: 0, connectionEnds: 0, watches: 0, sessions: 0 })
  })
  return cluster
}

test('a minute passes in no time, and pings keep the sessions alive', async () => {
  const cluster = await clusterOf()
  const process = cluster.launch('a')
  await cluster.run(async () => {
    const zk = await process.connect()
    const { id } = zk.session!
    await cluster.sleep(60_000)
    expect(zk.session?.id).toBe(id)
  })
  expect(cluster.clock.now()).toBeGreaterThan(60_000)
})

test('a process that is stalled hears nothing and does nothing; then its overdue session ends first', async () => {
  const cluster = await clusterOf()
  const process = cluster.launch('a')
  await cluster.run(async () => {
    const zk = await process.connect()
    const hold = await new Mutex(zk, '/lock').acquire()
    const { signal } = hold
    let woke = 0
    void process.sleep(100).then(() => woke++)
    cluster.inject({ kind: 'stall', process: 'a', forMs: 10_000, networkFirst: false })
    await cluster.sleep(9_000)
    expect({ woke, aborted: signal.aborted, state: process.state }).toEqual({
      woke: 0,
      aborted: false,
      state: 'stalled',
    })
    expect(cluster.server.control.sessions()).toEqual([])
    await cluster.sleep(1_001)
    expect({ woke, aborted: signal.aborted, state: process.state }).toEqual({
      woke: 1,
      aborted: true,
      state: 'running',
    })
  })
})

test.each(['toServer', 'toClient'] as const)('half-open: %s is cut', async (direction) => {
  const cluster = await clusterOf()
  const process = cluster.launch('a')
  await cluster.run(async () => {
    const zk = await process.connect()
    const { zxid } = cluster.server.control
    cluster.inject({ kind: 'partition', process: 'a', directions: [direction], forMs: 1_000 })
    const creating = zk.create('/a')
    await cluster.sleep(900)
    expect(cluster.server.control.zxid - zxid).toBe(direction === 'toServer' ? 0n : 1n)
    const begun = cluster.clock.now()
    await creating
    expect(cluster.clock.now() - begun).toBeGreaterThan(99)
  })
})

test('a reply that is lost leaves the request applied', async () => {
  const cluster = await clusterOf()
  const process = cluster.launch('a')
  await cluster.run(async () => {
    const zk = await process.connect()
    cluster.inject({ kind: 'replyLost', process: 'a', skip: 1 })
    await zk.exists('/a')
    await expect(zk.create('/a')).rejects.toMatchObject({ outcome: 'unknown' })
    expect(await zk.exists('/a')).toBeDefined()
  })
  expect(Object.fromEntries(cluster.faultCounts)).toEqual({ replyLost: 1 })
})

test.each([true, false])('the server restarts (silently: %s) with znodes and sessions', async (silent) => {
  const cluster = await clusterOf()
  const process = cluster.launch('a')
  await cluster.run(async () => {
    const zk = await process.connect()
    const { id } = zk.session!
    await zk.create('/mine', null, { mode: 'ephemeral' })
    cluster.inject({ kind: 'restart', downMs: 1_000, silent })
    await cluster.sleep(500)
    expect(cluster.server.isRunning).toBe(false)
    expect((await zk.get('/mine')).stat.ephemeralOwner).toBe(id)
  })
})

test('what crashes goes on no more, and begins anew', async () => {
  const cluster = await clusterOf()
  const course: string[] = []
  cluster.launch('a', async (process) => {
    course.push(`life ${process.life}`)
    await process.sleep(100)
    course.push(`end of life ${process.life}`)
  })
  await cluster.run(async () => {
    await cluster.sleep(50)
    cluster.inject({ kind: 'crash', process: 'a', silent: false, downMs: 1_000 })
    await cluster.sleep(2_000)
  })
  expect(course).toEqual(['life 1', 'life 2', 'end of life 2'])
})

test('an hour back and an hour forth on the calendar changes nothing', async () => {
  const course = async (steps: boolean): Promise<string[]> => {
    const cluster = await clusterOf()
    const process = cluster.launch('a')
    const events: string[] = []
    cluster.history.on((event) => {
      if (event.source === 'server') events.push(`${event.atMs} ${event.transaction.body.type}`)
    })
    await cluster.run(async () => {
      const zk = await process.connect()
      const mutex = new Mutex(zk, '/lock')
      for (const byMs of [3_600_000, -7_200_000]) {
        if (steps) cluster.inject({ kind: 'wallStep', process: 'a', byMs })
        if (steps) cluster.inject({ kind: 'serverWallStep', byMs })
        const hold = await mutex.acquire()
        await process.sleep(5_000)
        await hold.release()
      }
    })
    return events
  }
  expect(await course(true)).toEqual(await course(false))
})

test('who waits for what never comes is told so', async () => {
  const cluster = await clusterOf()
  await expect(cluster.run(async () => new Promise(() => undefined))).rejects.toThrow(
    'not over after 86400000 ms',
  )
})

test('what a program throws ends the run', async () => {
  const cluster = await clusterOf()
  cluster.launch('a', async (process) => {
    await process.sleep(10)
    throw new Error('planted')
  })
  await expect(cluster.run(async () => cluster.sleep(1_000))).rejects.toThrow('planted')
})

test('the same seed draws the same faults, another seed others', async () => {
  const drawn = async (seed: number): Promise<string> => {
    const cluster = await clusterOf({ seed })
    const options = { processes: ['a', 'b'], everyMs: 100, sessionTimeoutMs: 4_000 }
    const plan = planFaults(cluster.random('faults'), options)
    return JSON.stringify(Array.from({ length: 100 }, () => plan.next().value as SimulatedFault))
  }
  expect(await drawn(1)).toBe(await drawn(1))
  expect(await drawn(1)).not.toBe(await drawn(2))
})
