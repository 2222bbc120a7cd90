/** The work of the benches of watches: one session writes, another is told. */
import type { Driver, Watcher } from './subjects/subject.js'
import { called, pump, timed, type Workload } from './workloads.js'

const data = Buffer.alloc(128, 'x')

async function watcherOf(driver: Driver): Promise<Watcher> {
  if (driver.watcher === undefined) throw new Error('this subject knows no watches')
  return driver.watcher()
}

/** An event that is waited for, once its watch stands. */
async function armed(watcher: Watcher, path: string): Promise<() => Promise<void>> {
  let fired = (): void => undefined
  const event = new Promise<void>((resolve) => (fired = resolve))
  await called((done) => watcher.watch(path, fired, done))
  return async () => event
}

/** A new znode each time; timed from the write until the event. */
const oneByOne =
  (act: (driver: Driver, path: string, done: (error?: unknown) => void) => void): Workload =>
  async (driver, _root, operations, _inFlight, name) => {
    const watcher = await watcherOf(driver)
    const path = (index: number): string => `${name}-${index}`
    let event = async (): Promise<void> => undefined
    const measured = await timed(
      operations,
      async (index) => {
        await called((done) => driver.create(path(index), data, done))
        event = await armed(watcher, path(index))
      },
      async (index) => {
        const acted = called((done) => act(driver, path(index), done))
        await event()
        await acted
      },
    )
    await watcher.close()
    return measured
  }

export const watchWorkloads: Readonly<Record<string, Workload>> = {
  watch: oneByOne((driver, path, done) => driver.set(path, data, done)),

  'delete-event': oneByOne((driver, path, done) => driver.delete(path, done)),

  // All are written at once. Timed is each from its write until its event.
  'watch-all': async (driver, _root, operations, inFlight, name) => {
    const watcher = await watcherOf(driver)
    const path = (index: number): string => `${name}-${index}`
    const events: (() => Promise<void>)[] = []
    await pump(operations, 64, (index, done) => driver.create(path(index), data, done))
    for (let index = 0; index < operations; index++) events.push(await armed(watcher, path(index)))
    const measured = await pump(operations, inFlight, (index, done) => {
      const both = Promise.all([called((set) => driver.set(path(index), data, set)), events[index]?.()])
      both.then(() => done(), done)
    })
    await watcher.close()
    return measured
  },
}
