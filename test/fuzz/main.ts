/**
 * `npm run fuzz -- [--target client|server] [--frames N] [--seed S] [--round R] [--keep]`: both sides in turn unless one is
 * named. `--keep` adds what led somewhere new to test/fuzz/corpus. A failure prints the command that repeats it.
 */
import { parseArgs } from 'node:util'
import { keep } from './corpus.js'
import { fuzz } from './fuzz.js'
import { targets } from './targets.js'

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    frames: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    round: { type: 'string', default: '0' },
    keep: { type: 'boolean', default: false },
  },
})

const chosen = targets.filter(({ name }) => values.target === undefined || values.target === name)
if (chosen.length === 0) throw new Error(`no target is called ${values.target}: client or server`)

for (const target of chosen) {
  const result = await fuzz(target, Number(values.seed), Number(values.frames), Number(values.round))
  const { frames, seconds, found } = result
  const rate = Math.round(frames / seconds).toLocaleString('en')
  const ends = `${found.size} different outcomes, nothing that must not be`
  console.log(
    `${target.name}: ${frames.toLocaleString('en')} frames in ${seconds.toFixed(1)} s, ${rate} a second; ${ends}`,
  )
  if (values.keep) console.log(`  ${await keep(target, found.values())} inputs added to the corpus`)
}
