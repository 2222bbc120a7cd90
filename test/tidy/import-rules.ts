/** What may import what. A byte comes in at the bottom and gets its meaning at the top; nothing walks back. */
import { at, importsOf, type Import, type Rule } from './source-file.js'

/** What a part may import besides itself. `type x` allows types only. A name with a dot is one file. */
const table: Readonly<Record<string, readonly string[]>> = {
  'src/api': ['type src/runtime'],
  'src/runtime': [],
  'src/codec': ['src/api'],
  'src/protocol': ['src/codec', 'src/api'],
  'src/transport': ['src/runtime', 'src/api'],
  'src/session': ['src/protocol', 'src/codec', 'src/runtime', 'src/api', 'type src/transport'],
  'src/client': ['src/session', 'src/protocol', 'src/codec', 'src/transport', 'src/runtime', 'src/api'],
  // What the built-in client does beside the wire: arguments, states, result codes (the C client's are the server's).
  'src/drivers': [
    'src/client/arguments.ts',
    'src/client/ensure-path.ts',
    'src/client/state-feed.ts',
    'src/session/session-handle.ts',
    'src/protocol',
    'src/runtime',
    'src/api',
  ],
  'src/server': ['src/protocol', 'src/codec', 'src/transport', 'src/runtime', 'src/api'],
  // Beyond the public entries only the ground that these stand on: time must come from src/runtime here too.
  // A simulated cluster also lays the network between its processes, on the transport's own terms; the fault proxy reads
  // what passes through it, so it knows the bytes (codec) and the tables of requests (protocol).
  'src/testing': [
    'src/index.ts',
    'src/server/index.ts',
    'src/transport',
    'src/codec',
    'src/protocol',
    'src/runtime',
    'src/api',
  ],
  'src/cli': ['src/index.ts', 'src/server/index.ts'],
  'src/index.ts': [
    'src/client',
    'type src/session',
    'type src/transport',
    'src/runtime',
    'src/api',
    'recipes',
    'recipes/kernel',
  ],
  recipes: ['recipes/kernel', 'src/runtime', 'src/api'],
  'recipes/kernel': ['src/runtime', 'src/api'],
}

/** Packages, and the only parts that may know them. `node:` modules are free. */
const packages: Readonly<Record<string, readonly string[]>> = {
  testcontainers: ['src/testing'],
  croner: ['recipes'],
}

/** The longest name in the table that the path is, or is in. */
function partOf(path: string): string | undefined {
  return Object.keys(table)
    .filter((part) => path === part || path.startsWith(`${part}/`))
    .sort((a, b) => b.length - a.length)[0]
}

function allows(entry: string, { target, typeOnly }: Import): boolean {
  const [, onlyTypes, part] = /^(type )?(.+)$/.exec(entry) ?? []
  if (onlyTypes !== undefined && !typeOnly) return false
  return part?.includes('.') === true ? target === part : partOf(target) === part
}

function problem(part: string, found: Import): string | undefined {
  const { specifier, target } = found
  if (specifier.startsWith('node:')) return undefined
  if (!specifier.startsWith('.')) {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
    if (packages[name]?.includes(part) === true) return undefined
    return `${part} may not import the package ${specifier}`
  }
  if (!specifier.endsWith('.js')) return `${specifier} must end in .js`
  if (partOf(target) === part || (table[part] ?? []).some((entry) => allows(entry, found))) return undefined
  const how = found.typeOnly ? 'import types of' : 'import'
  return `${part} may not ${how} ${target}`
}

/** Every import of the product's code is one that the table allows. */
export const importRule: Rule = (file) => {
  const part = partOf(file.path)
  if (part === undefined) return [`${file.path} belongs to no part of the import table`]
  return importsOf(file).flatMap((found) => {
    const what = problem(part, found)
    return what === undefined ? [] : [at(file, found.node, what)]
  })
}
