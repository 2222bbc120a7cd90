/** What workers did, in a file: one JSON line each, for the audit afterwards. Lines this short are written whole. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

export function append(file: string, entry: object): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`)
}

export function readJournal<T>(file: string): T[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T)
}
