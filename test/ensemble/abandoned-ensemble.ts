/** Starts one server, prints where it is, and waits to be killed: see `test-ensemble.test.ts`. */
import { TestEnsemble } from '../../src/testing/index.js'
import type { EngineName } from '../../src/testing/index.js'

const ensemble = await TestEnsemble.start({ engine: process.argv[2] as EngineName, servers: 1 })
const [member] = ensemble.members
process.stdout.write(`${JSON.stringify({ host: member?.host, port: member?.clientPort })}\n`)
process.stdin.resume()
await new Promise(() => undefined)
