/**
 * Builds the package as `npm run build` does, into a folder of the bench's own: what is measured is what users get, and
 * a build that somebody starts meanwhile can't change it.
 */
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './command.js'
import { packageFolder, repository } from './paths.js'

export async function buildPackage(): Promise<void> {
  await rm(packageFolder, { recursive: true, force: true })
  await mkdir(packageFolder, { recursive: true })
  // Below node_modules a folder needs its own manifest to be taken for modules.
  await copyFile(join(repository, 'package.json'), join(packageFolder, 'package.json'))
  const compiler = join(repository, 'node_modules', 'typescript', 'bin', 'tsc')
  const outDir = join(packageFolder, 'dist')
  await runCommand(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', outDir])
}
