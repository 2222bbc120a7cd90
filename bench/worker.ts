/**
 * The process of a subject written in JavaScript: `worker <module> <connect string> <root>`. It connects, says `{"ready":true}`, then
 * answers each line `<workload> <operations> <in flight> <name>` with one line of JSON, until its input ends. A consumer
 * (`queue-take`) says how many items it has acknowledged, from 0 on, until the line `stop`, and answers that.
 */
import { createInterface } from 'node:readline'
import type { DriverModule } from './subjects/subject.js'
import { holdWhileWeighed } from './held-weight.js'
import { recipeWorkloads } from './recipe-workloads.js'
import { watchWorkloads } from './watch-workloads.js'
import { workloads } from './workloads.js'

const [module = '', connectString = '', root = ''] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

async function answer(line: string): Promise<object> {
  const [name = '', operations, inFlight, round = ''] = line.split(' ')
  const path = `${root}/${round}`
  if (name === 'queue-take') return takeUntilStopped(path, Number(inFlight))
  if (name === 'lead') return lead(path, Number(operations))
  if (name.startsWith('memory-'))
    return holdWhileWeighed(driver, name, root, Number(operations), { say, next: async () => lines.next() })
  const workload = workloads[name] ?? recipeWorkloads[name] ?? watchWorkloads[name]
  if (workload === undefined) return { error: `no workload ${name}` }
  try {
    return await workload(driver, root, Number(operations), Number(inFlight), path)
  } catch (error) {
    return { error: String(error) }
  }
}

/** Says when it leads. */
async function lead(path: string, sessionTimeoutMs: number): Promise<object> {
  if (driver.lead === undefined) return { error: 'this subject knows no leader' }
  await driver.lead(path, sessionTimeoutMs)
  return { leading: true }
}

async function takeUntilStopped(path: string, takers: number): Promise<object> {
  if (driver.queue === undefined) return { error: 'this subject knows no queue' }
  const cpu = process.cpuUsage()
  let acked = 0
  let isTold = true
  const queue = await driver.queue(path)
  const stop = await queue.consume(takers, () => {
    acked++
    if (isTold) setImmediate(tell)
    isTold = false
  })
  function tell(): void {
    isTold = true
    say({ acked })
  }
  tell()
  await lines.next()
  await stop()
  const { user, system } = process.cpuUsage(cpu)
  return { stopped: true, acked, cpuMs: (user + system) / 1000 }
}

const { open } = (await import(module)) as DriverModule
const driver = await open(connectString)
say({ ready: true })
for (let line = await lines.next(); line.done !== true; line = await lines.next())
  say(await answer(line.value))
await driver.close()
process.exit(0)
