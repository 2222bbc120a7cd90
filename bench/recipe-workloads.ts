/** The work of the benches of queues, counters and barriers. */
import type { BarrierMember } from './subjects/recipes.js'
import { pump, type Workload } from './workloads.js'

const data = Buffer.alloc(128, 'x')

export const recipeWorkloads: Readonly<Record<string, Workload>> = {
  'queue-put': async (driver, _root, operations, inFlight, path) => {
    if (driver.queue === undefined) throw new Error('this subject knows no queue')
    const queue = await driver.queue(path)
    return pump(operations, inFlight, (_, done) => {
      queue.put(data).then(() => done(), done)
    })
  },

  counter: async (driver, _root, operations, inFlight, path) => {
    if (driver.counter === undefined) throw new Error('this subject knows no counter')
    const increment = driver.counter(path)
    return pump(operations, inFlight, (_, done) => {
      increment().then(() => done(), done)
    })
  },

  barrier: async ({ barrier }, _root, operations, members, path) => {
    if (barrier === undefined) throw new Error('this subject knows no barrier')
    const rounds: (readonly BarrierMember[])[] = []
    for (let index = 0; index < operations; index++) rounds.push(await barrier(`${path}-${index}`, members))
    return pump(operations, 1, (index, done) => {
      const round = async (): Promise<void> => {
        const ways = await Promise.all((rounds[index] ?? []).map(async (enter) => enter()))
        await Promise.all(ways.map(async (leave) => leave()))
      }
      round().then(() => done(), done)
    })
  },
}
