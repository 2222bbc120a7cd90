/**
 * The process of a subject written in JavaScript: `worker <module> <connect string> <root>`. It connects, says `{"ready":true}`, then
 * answers each line `<workload> <operations> <in flight>` with one line of JSON, until its input ends.
 */
import { createInterface } from 'node:readline'
import type { DriverModule } from './subjects/subject.js'
import { workloads } from './workloads.js'

const [module = '', connectString = '', root = ''] = process.argv.slice(2)
const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

async function answer(line: string): Promise<object> {
  const [name = '', operations, inFlight] = line.split(' ')
  const workload = workloads[name]
  if (workload === undefined) return { error: `no workload ${name}` }
  try {
    return await workload(driver, root, Number(operations), Number(inFlight))
  } catch (error) {
    return { error: String(error) }
  }
}

const { open } = (await import(module)) as DriverModule
const driver = await open(connectString)
say({ ready: true })
for await (const line of createInterface({ input: process.stdin })) say(await answer(line))
await driver.close()
process.exit(0)
