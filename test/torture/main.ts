/** `npm run torture`: real servers, real processes, real faults; then the histories are judged. See docs/reliability.md. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readOptions, usage, type TortureOptions } from './options.js'
import { peers } from './peers/main.js'
import { plotOf } from './plot.js'
import { reportText, summary } from './report.js'
import { torture } from './run.js'

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  if (args[0] === 'peers') return peers(args.slice(1))
  let options: TortureOptions
  try {
    options = readOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  mkdirSync(options.out, { recursive: true })
  const report = await torture(options, console.log, async (folder, made) => {
    writeFileSync(join(options.out, 'report.md'), reportText(made))
    writeFileSync(join(options.out, 'plot.svg'), await plotOf(made))
    if (made.violations.length > 0)
      cpSync(folder, join(options.out, 'histories'), {
        recursive: true,
        filter: (path) => !path.endsWith('.socket'),
      })
  })
  console.log(summary(report))
  for (const { checker, t, text } of report.violations.slice(0, 40))
    console.log(`VIOLATION ${checker} at ${t}: ${text}`)
  console.log(`report: ${join(options.out, 'report.md')}`)
  return report.violations.length > 0 ? 1 : 0
}

// The run has ended what it started; should a handle be left, the answer must not wait for it.
process.exit(await main())
