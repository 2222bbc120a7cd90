/** What was caught by what, as a table of docs/reliability.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run/command.js'
import type { Finding } from './run-canaries.js'

const FILE = join(root, 'docs/reliability.md')
const BEGIN = '<!-- canaries: written by `npm run canaries -- --update` -->'
const END = '<!-- end of canaries -->'

export function tableOf(findings: readonly Finding[]): string {
  const rows = findings.map(({ canary, layer, after, by }) => {
    const cells = [canary.name, canary.was, layer ?? '**not caught**', after, by]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  })
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

export function writeTable(findings: readonly Finding[]): void {
  const [before, , after] = parts()
  writeFileSync(FILE, `${before}${BEGIN}\n\n${tableOf(findings)}\n\n${END}${after}`)
}

/** Name and layer of each row that is written there. */
export function writtenRows(): { name: string; layer: string }[] {
  const rows = parts()[1]
    .split('\n')
    .filter((line) => line.startsWith('| '))
  return rows.slice(2).map((row) => {
    const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim())
    return { name: cells[1] ?? '', layer: cells[3] ?? '' }
  })
}
