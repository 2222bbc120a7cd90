/** The work itself, the same for every subject: operations kept a given number in flight, each one timed. */
import type { PreparedMutex } from './subjects/recipes.js'
import type { Done, Driver } from './subjects/subject.js'

export interface Measured {
  readonly operations: number
  readonly elapsedMs: number
  /** Of the whole process, user and system. */
  readonly cpuMs: number
  readonly p50Us: number
  readonly p99Us: number
}

/** Runs `issue` `operations` times, `inFlight` at once. */
export async function pump(
  operations: number,
  inFlight: number,
  issue: (index: number, done: Done) => void,
): Promise<Measured> {
  const latencies = new Float64Array(operations)
  const cpu = process.cpuUsage()
  const start = performance.now()
  await new Promise<void>((resolve, reject) => {
    let issued = 0
    let finished = 0
    const next = (): void => {
      if (issued === operations) return
      const index = issued++
      const begun = performance.now()
      issue(index, (error) => {
        if (error !== undefined && error !== null)
          return reject(new Error('an operation failed', { cause: error }))
        latencies[index] = performance.now() - begun
        if (++finished === operations) resolve()
        else next()
      })
    }
    for (let i = 0; i < inFlight; i++) next()
  })
  return summary(latencies, performance.now() - start, process.cpuUsage(cpu))
}

function summary(latencies: Float64Array, elapsedMs: number, cpu: NodeJS.CpuUsage): Measured {
  latencies.sort()
  const at = (share: number): number => (latencies[Math.floor((latencies.length - 1) * share)] ?? 0) * 1000
  const cpuMs = (cpu.user + cpu.system) / 1000
  return { operations: latencies.length, elapsedMs, cpuMs, p50Us: at(0.5), p99Us: at(0.99) }
}

/** One after the other; only `act` is timed, and counts as elapsed. */
export async function timed(
  operations: number,
  prepare: (index: number) => Promise<void>,
  act: (index: number) => Promise<void>,
): Promise<Measured> {
  const latencies = new Float64Array(operations)
  const cpu = process.cpuUsage()
  for (let index = 0; index < operations; index++) {
    await prepare(index)
    const begun = performance.now()
    await act(index)
    latencies[index] = performance.now() - begun
  }
  return summary(
    latencies,
    latencies.reduce((sum, each) => sum + each, 0),
    process.cpuUsage(cpu),
  )
}

export async function called(call: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === undefined || error === null) resolve()
      else reject(new Error('an operation failed', { cause: error }))
    })
  })
}

/** `path` is the same in all processes that take part in this round, and used by no other. */
export type Workload = (
  driver: Driver,
  root: string,
  operations: number,
  inFlight: number,
  path: string,
) => Promise<Measured>

const data = Buffer.alloc(128, 'x')

async function mutexOf(driver: Driver, path: string): Promise<PreparedMutex> {
  if (driver.mutex === undefined) throw new Error('this subject knows no mutex')
  return driver.mutex.prepare(path)
}

/** Used once, so that what comes is acquiring again. */
async function usedMutexOf(driver: Driver, path: string): Promise<PreparedMutex> {
  const workload = driver.biasedMutex ?? driver.mutex
  if (workload === undefined) throw new Error('this subject knows no mutex')
  const mutex = await workload.prepare(path)
  await (
    await mutex.acquire()
  )()
  return mutex
}

async function semaphoreOf(driver: Driver, path: string): Promise<PreparedMutex> {
  if (driver.semaphore === undefined) throw new Error('this subject knows no semaphore')
  return driver.semaphore.prepare(path)
}

async function cycles(lock: PreparedMutex, operations: number, contenders: number): Promise<Measured> {
  return pump(operations, contenders, (_, done) => {
    const cycle = async (): Promise<void> => (await lock.acquire())()
    cycle().then(() => done(), done)
  })
}

let round = 0

/** One of `every` operations writes. */
async function mixed(
  driver: Driver,
  root: string,
  operations: number,
  inFlight: number,
  every: number,
): Promise<Measured> {
  const path = `${root}/node`
  return pump(operations, inFlight, (index, done) => {
    if (index % every === 0) driver.set(path, data, done)
    else driver.get(path, done)
  })
}

export const workloads: Readonly<Record<string, Workload>> = {
  get: async (driver, root, operations, inFlight) =>
    pump(operations, inFlight, (_, done) => driver.get(`${root}/node`, done)),

  'mix-90': async (driver, root, operations, inFlight) => mixed(driver, root, operations, inFlight, 10),
  'mix-50': async (driver, root, operations, inFlight) => mixed(driver, root, operations, inFlight, 2),

  set: async (driver, root, operations, inFlight) =>
    pump(operations, inFlight, (_, done) => driver.set(`${root}/node`, data, done)),

  // One operation is the pair.
  'create-delete': async (driver, root, operations, inFlight) => {
    const name = `${root}/${process.pid}-${++round}-`
    return pump(operations, inFlight, (index, done) => {
      const path = `${name}${index}`
      driver.create(path, data, (error) => {
        if (error === undefined || error === null) driver.delete(path, done)
        else done(error)
      })
    })
  },

  // Acquire and release, by as many contenders as given, each waiting for its release.
  mutex: async (driver, root, operations, contenders) => {
    const mutex = await mutexOf(driver, `${root}/${process.pid}-${++round}`)
    return cycles(mutex, operations, contenders)
  },

  // The same by many processes.
  'mutex-shared': async (driver, _root, operations, contenders, path) =>
    cycles(await mutexOf(driver, path), operations, contenders),

  // The same process again and again, while nobody else wants it.
  'mutex-again': async (driver, root, operations, contenders) => {
    const mutex = await usedMutexOf(driver, `${root}/${process.pid}-${++round}`)
    return cycles(mutex, operations, contenders)
  },

  semaphore: async (driver, root, operations, contenders) => {
    const semaphore = await semaphoreOf(driver, `${root}/${process.pid}-${++round}`)
    return cycles(semaphore, operations, contenders)
  },

  // The next acquire begins without waiting for the release; all have been confirmed at the end.
  'mutex-not-awaited': async (driver, root, operations, contenders) => {
    const mutex = await mutexOf(driver, `${root}/${process.pid}-${++round}`)
    const releases: Promise<void>[] = []
    const measured = await pump(operations, contenders, (_, done) => {
      mutex.acquire().then((release) => {
        releases.push(release())
        done()
      }, done)
    })
    await Promise.all(releases)
    return measured
  },

  delete: async (driver, root, operations) => {
    const name = `${root}/${process.pid}-${++round}-`
    return timed(
      operations,
      async (index) => called((done) => driver.create(`${name}${index}`, data, done)),
      async (index) => called((done) => driver.delete(`${name}${index}`, done)),
    )
  },

  'leader-hand-over': async (driver, root, operations) => {
    if (driver.leader === undefined) throw new Error('this subject knows no leader')
    const leaders = await driver.leader.prepare(`${root}/${process.pid}-${++round}`)
    const measured = await timed(
      operations,
      async () => leaders.standBy(),
      async () => leaders.handOver(),
    )
    await leaders.close()
    return measured
  },
}
