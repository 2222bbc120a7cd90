/** Puts the canary that `LATCHKEY_CANARY` names into what vitest or esbuild load. */
import { readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { patched, type Canary } from './canary.js'
import { canaries } from './canaries.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** As git names it. */
function nameOf(path: string): string {
  return relative(root, path).split(sep).join('/')
}

/** As much of a plugin of Vite as is used. */
interface VitePlugin {
  readonly name: string
  readonly enforce: 'pre'
  transform(code: string, id: string): string | undefined
}

export function canaryNamed(name: string): Canary {
  const found = canaries.find((canary) => canary.name === name)
  if (found === undefined) throw new Error(`no canary is called ${name}`)
  return found
}

/** For vitest.config.ts. None unless a canary is asked for. */
export function canaryPlugins(name = process.env['LATCHKEY_CANARY']): VitePlugin[] {
  if (name === undefined || name === '') return []
  const canary = canaryNamed(name)
  const files = new Set(canary.edits.map(({ file }) => file))
  const transform: VitePlugin['transform'] = (code, id) => {
    const file = nameOf(id.split('?')[0] ?? id)
    return files.has(file) ? patched(canary, file, code) : undefined
  }
  return [{ name: 'canary', enforce: 'pre', transform }]
}

/** The text of a source file with the canary in it. */
export function patchedFile(canary: Canary, file: string): string {
  return patched(canary, file, readFileSync(join(root, file), 'utf8'))
}
