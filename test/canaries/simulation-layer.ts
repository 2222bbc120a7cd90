/** The simulation with a canary in it: bundled into one file, with the canary's edits, and run in a process of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { root, runCommand } from '../run/command.js'
import { bundle } from '../simulation/bundle.js'
import type { Canary } from './canary.js'
import type { Sighting } from './layers.js'
import { patchedFile } from './plugin.js'
import type { SimulatedResult } from './simulated.js'

/** Of one canary: enough for those that are caught at all, little for those that are not. */
const SEEDS = 60
const ACQUISITIONS_EACH = 100
const TIMEOUT_MS = 60_000

function editing(canary: Canary | undefined): Plugin {
  return {
    name: 'canary',
    setup(builder) {
      const files = new Set(canary?.edits.map(({ file }) => file))
      builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const file = path.slice(root.length).replaceAll('\\', '/')
        if (canary === undefined || !files.has(file)) return undefined
        return { contents: patchedFile(canary, file), loader: 'ts' }
      })
    },
  }
}

/** Simulates a recipe, with the canary in the source or without one. */
export async function underSimulation(recipe: string, canary: Canary | undefined): Promise<Sighting> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-canary-'))
  try {
    const outfile = join(folder, 'simulated.mjs')
    await bundle('test/canaries/simulated.ts', outfile, { logLevel: 'silent', plugins: [editing(canary)] })
    const args = [outfile, recipe, String(SEEDS), String(ACQUISITIONS_EACH)]
    const { ok, output } = await runCommand(process.execPath, args, { timeoutMs: TIMEOUT_MS })
    return judge(ok, output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function judge(ok: boolean, output: string): Sighting {
  const line = output.trim().split('\n').at(-1) ?? ''
  // A simulation that stands still proves nothing: the next layer is asked.
  if (!ok && output.includes('ended: it took longer')) return { caught: false, after: '', by: 'never ended' }
  if (!ok) {
    // Nobody caught what it threw: that is a violation too, of the process.
    const thrown = /^\w*Error.*$/m.exec(output)?.[0] ?? line
    return { caught: true, after: '1 run', by: `it threw: ${thrown}` }
  }
  const { acquisitions, violation } = JSON.parse(line) as SimulatedResult
  const after = `${acquisitions} acquisitions`
  return { caught: violation !== undefined, after, by: violation?.rule ?? 'nothing violated' }
}
