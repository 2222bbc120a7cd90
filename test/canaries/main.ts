/** `npm run canaries -- [--only NAME]… [--update]`: see `run-canaries.ts`. `--update` writes the table of docs/reliability.md. */
import { parseArgs } from 'node:util'
import { runCanaries } from './run-canaries.js'
import { writeTable } from './table.js'

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, update: { type: 'boolean', default: false } },
})

const begun = performance.now()
const { findings, problems } = await runCanaries(values.only, ({ canary, layer, after, by, seconds }) => {
  const sign = layer === undefined ? '✗' : '✓'
  console.log(
    `${sign} ${canary.name.padEnd(52)} ${seconds.toFixed(1).padStart(5)} s  ${after.padEnd(10)} ${by}`,
  )
})
for (const problem of problems) console.log(`\n✗ ${problem}`)
const caught = findings.filter(({ layer }) => layer !== undefined).length
console.log(
  `\n${caught} of ${findings.length} caught in ${((performance.now() - begun) / 1000).toFixed(0)} s`,
)
if (values.update) writeTable(findings)
process.exitCode = problems.length > 0 ? 1 : 0
