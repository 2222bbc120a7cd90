/** What was caught by what, as a table of docs/reliability.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run/command.js'
import { canaries } from './canaries.js'
import type { Finding } from './run-canaries.js'

const FILE = join(root, 'docs/reliability.md')
const BEGIN = '<!-- canaries: written by `npm run canaries -- --update` -->'
const END = '<!-- end of canaries -->'

function rowOf({ canary, layer, after, by }: Finding): string {
  const cells = [canary.name, canary.was, layer ?? '**not caught**', after, by]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

function tableOf(rows: readonly string[]): string {
  return [
    '| mistake | whose it was | caught by | after | what noticed it |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function parts(): [before: string, table: string, after: string] {
  const text = readFileSync(FILE, 'utf8')
  const [before, rest] = text.split(BEGIN)
  const [table, after] = rest?.split(END) ?? []
  if (before === undefined || table === undefined || after === undefined)
    throw new Error(`${FILE} has no place for the table: ${BEGIN} … ${END}`)
  return [before, table, after]
}

/** Of those that were not tried now, the rows stay as they are. */
export function writeTable(findings: readonly Finding[]): void {
  const [before, table, after] = parts()
  const kept = new Map(rowsIn(table).map((row) => [cellsOf(row)[1], row]))
  const found = new Map(findings.map((finding) => [finding.canary.name, rowOf(finding)]))
  const rows = canaries.flatMap(({ name }) => found.get(name) ?? kept.get(name) ?? [])
  writeFileSync(FILE, `${before}${BEGIN}\n\n${tableOf(rows)}\n\n${END}${after}`)
}

function rowsIn(table: string): string[] {
  const lines = table.split('\n').filter((line) => line.startsWith('| '))
  return lines.slice(2)
}

function cellsOf(row: string): string[] {
  return row.split(/(?<!\\)\|/).map((cell) => cell.trim())
}

/** Name and layer of each row that is written there. */
export function writtenRows(): { name: string; layer: string }[] {
  return rowsIn(parts()[1]).map((row) => {
    const cells = cellsOf(row)
    return { name: cells[1] ?? '', layer: cells[3] ?? '' }
  })
}
