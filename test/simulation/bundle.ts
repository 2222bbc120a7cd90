/** The simulation in one file of JavaScript, which runs at its full speed: tsx keeps names, at a cost for each closure. */
import { join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { root } from '../run/command.js'

/** Writes `worker.mjs` into `folder` and gives its path. */
export async function bundleWorker(folder: string): Promise<string> {
  const outfile = join(folder, 'worker.mjs')
  await bundle('test/simulation/worker.ts', outfile)
  return outfile
}

/** Bundles a program of the repository for Node. */
export async function bundle(
  entry: string,
  outfile: string,
  options: Pick<BuildOptions, 'logLevel' | 'plugins'> = {},
): Promise<void> {
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['testcontainers'],
    logLevel: 'warning',
    tsconfig: join(root, 'tsconfig.json'),
    ...options,
  })
}
