/**
 * The packed package, as somebody who installed it meets it: every entry can be imported and required, its types
 * resolve under `nodenext`, and its command runs.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root, runCommand, runTool, type CommandResult } from './command.js'

interface Manifest {
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
const entries = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => `latchkey${path.slice(1)}`)

/** Packs into `folder` as a user does, which builds it first, and gives the path of the tarball. */
async function pack(folder: string): Promise<string> {
  const { ok, output } = await runCommand('npm', ['pack', '--silent', '--pack-destination', folder])
  const name = /latchkey-.*\.tgz/.exec(output)?.[0]
  if (!ok || name === undefined) throw new Error(`npm pack failed: ${output}`)
  return join(folder, name)
}

/** A project that has the package, and what the package needs, and Node's types. */
async function installInto(folder: string, tarball: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'latchkey'), { recursive: true })
  const { ok, output } = await runCommand('tar', [
    '-xzf',
    tarball,
    '--strip-components=1',
    '-C',
    join(modules, 'latchkey'),
  ])
  if (!ok) throw new Error(`tar failed: ${output}`)
  for (const name of [
    ...Object.keys(manifest.dependencies ?? {}),
    '@types/node',
    'undici-types',
    'is-network-error',
  ]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
  }
}

const names = (prefix: string): string =>
  entries.map((_, index) => `Object.keys(${prefix}${index}).length`).join(', ')

function programs(): Record<string, string> {
  const imports = entries.map((entry, index) => `import * as e${index} from '${entry}'`).join('\n')
  const requires = entries.map((entry, index) => `const e${index} = require('${entry}')`).join('\n')
  const check = `if ([${names('e')}].includes(0)) throw new Error('an entry exports nothing')\n`
  return {
    'package.json': '{ "type": "module", "private": true }',
    'import.mjs': `${imports}\n${check}`,
    'require.cjs': `${requires}\n${check}`,
    'types.ts': `${imports}\nexport const counts: number[] = [${names('e')}]\n`,
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2022',
        lib: ['es2023', 'esnext.disposable'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
      },
      files: ['types.ts'],
    }),
  }
}

/** Tries the tarball in a scratch project that is removed afterwards. */
export async function tryAsConsumer(tarball: string): Promise<Record<string, CommandResult>> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-consumer-'))
  try {
    await installInto(folder, tarball)
    for (const [name, text] of Object.entries(programs())) writeFileSync(join(folder, name), text)
    const node = async (...args: string[]): Promise<CommandResult> =>
      runCommand(process.execPath, args, { cwd: folder })
    const version = await node('node_modules/latchkey/dist/src/cli/main.js', '--version')
    const versionIsRight = version.ok && version.output.trim() === manifest.version
    return {
      import: await node('import.mjs'),
      require: await node('require.cjs'),
      types: await runTool('typescript', ['-p', '.'], { command: 'tsc', cwd: folder }),
      command: { ok: versionIsRight, output: version.output },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export async function withTarball<T>(use: (tarball: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-pack-'))
  try {
    return await use(await pack(folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
