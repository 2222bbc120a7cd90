import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { allPaths, isCode, root } from './source-file.js'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const text = allPaths.filter((path) => /\.(ts|mjs|js|json|md|ya?ml|sh|py|java|xml|toml)$|^\.ci\//.test(path))

interface Manifest {
  scripts: Record<string, string>
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}
const manifest = JSON.parse(read('package.json')) as Manifest

test('the top level holds the product, and beside it only what tools need', () => {
  const folders = new Set(['src', 'recipes', 'bench', 'test', 'docs', 'examples'])
  const files = new Set(['package.json', 'package-lock.json', 'README.md', 'CHANGELOG.md', 'LICENSE'])
  const forTools = /^(\..+|tsconfig(\.\w+)?\.json|\w+\.config\.(ts|js)|knip\.json)$/
  const top = new Set(allPaths.map((path) => path.split('/')[0] ?? ''))
  expect([...top].filter((name) => !folders.has(name) && !files.has(name) && !forTools.test(name))).toEqual(
    [],
  )
})

test('code files are named in kebab-case, by what they hold', () => {
  const name = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?\.(ts|mjs|js)$/
  const empty = /\b(utils?|helpers?|manager|impl|misc|common)\b/
  const names = allPaths.filter(isCode)
  expect(names.filter((path) => !name.test(basename(path)) || empty.test(basename(path)))).toEqual([])
})

test('nothing names a path of some machine', () => {
  const ownPath = /(^|[^a-zA-Z0-9_.-])\/(work|farm|home\/[a-z]+|tmp\/helpers)\//m
  expect(text.filter((path) => ownPath.test(read(path)))).toEqual([])
})

test('the lock file names no registry', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved": *"https?:/)
  expect(allPaths.filter((path) => basename(path) === '.npmrc')).toEqual([])
})

/** As Node looks it up: from the folder of the one that needs it upwards. */
function isLocked(name: string, from: string, locked: ReadonlySet<string>): boolean {
  const at = `${from === '' ? '' : `${from}/`}node_modules/${name}`
  if (locked.has(at)) return true
  return (
    from !== '' && isLocked(name, from.slice(0, Math.max(0, from.lastIndexOf('node_modules/') - 1)), locked)
  )
}

test('the lock file holds all that is needed on any platform, as npm ci demands', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<
      string,
      Pick<Manifest, 'dependencies'> & { optionalDependencies?: Record<string, string> }
    >
  }
  const locked = new Set(Object.keys(lock.packages))
  const missing = Object.entries(lock.packages).flatMap(([from, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !isLocked(name, from, locked)),
  )
  expect(locked.size).toBeGreaterThan(100)
  expect(missing).toEqual([])
})

test('installing the package runs nothing', () => {
  const lifecycle = [
    'preinstall',
    'install',
    'postinstall',
    'prepare',
    'prepublish',
    'preprepare',
    'postprepare',
  ]
  expect(Object.keys(manifest.scripts).filter((name) => lifecycle.includes(name))).toEqual([])
})

test('what the package needs at run time is only what was decided', () => {
  // croner: cron patterns, for LeaderCron. It has no dependencies and no install script.
  expect(Object.keys(manifest.dependencies ?? {})).toEqual(['croner'])
  const optional = manifest.peerDependenciesMeta ?? {}
  const required = Object.keys(manifest.peerDependencies ?? {}).filter(
    (name) => optional[name]?.optional !== true,
  )
  expect(required).toEqual([])
})
