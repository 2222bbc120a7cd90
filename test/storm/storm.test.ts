import { expect, test } from 'vitest'
import { storm } from './storm.js'

// `LATCHKEY_STORM_SECONDS=60 npx vitest run --project storm` is the whole storm.
const seconds = Number(process.env['LATCHKEY_STORM_SECONDS'] ?? 5)

test(
  `10 clients work through ${seconds} s of 200 cut connections a second, and nothing is left behind`,
  async () => {
    const report = await storm({ clients: 10, cutsPerSecond: 200, seconds })
    process.stdout.write(`${JSON.stringify(report)}\n`)
    // The proxy can cut only what has been connected again: on a busy machine a little less than asked for.
    expect(report.cuts).toBeGreaterThan(seconds * 100)
    // How much gets done between two cuts is a matter of the machine; that work goes on is not.
    expect(report.succeeded).toBeGreaterThan(seconds * 10)
    expect(report.heapGrowthBytes).toBeLessThan(10 * 1024 * 1024)
  },
  seconds * 1_000 + 60_000,
)
