/** Hostile frames for both decoders, in a process each, at the same time. New seeds at each run. */
import { join } from 'node:path'
import { root, runCommand } from './command.js'
import { sum, type Outcome, type Part } from './part.js'

const FRAMES = process.env['CI'] === undefined ? 100_000 : 1_500_000

async function fuzzTarget(target: 'client' | 'server'): Promise<Outcome> {
  const seed = Math.floor(Date.now() / 1000) % 1_000_000_000
  const script = join(root, 'test/fuzz/main.ts')
  const args = [
    '--import',
    'tsx',
    script,
    '--target',
    target,
    '--frames',
    String(FRAMES),
    '--seed',
    String(seed),
  ]
  const { ok, output } = await runCommand(process.execPath, args)
  const [line = ''] = output.trim().split('\n')
  return {
    passed: ok ? 1 : 0,
    failed: ok ? 0 : 1,
    skipped: 0,
    output,
    notes: ok ? [`${line}; seed ${seed}`] : [],
  }
}

export function fuzzPart(): Part {
  return {
    name: 'fuzz (both decoders)',
    group: 'fuzz',
    run: async () => sum(await Promise.all([fuzzTarget('client'), fuzzTarget('server')])),
  }
}
