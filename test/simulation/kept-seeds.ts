/** Seeds that once found something, kept so that it is looked for at every run. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { RunOrder } from './worker.js'

export interface KeptSeed extends RunOrder {
  /** What it found. */
  readonly found: string
}

export function keptSeeds(): readonly KeptSeed[] {
  const file = fileURLToPath(new URL('./seeds.json', import.meta.url))
  return JSON.parse(readFileSync(file, 'utf8')) as KeptSeed[]
}
