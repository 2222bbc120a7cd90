/**
 * Inputs that are kept: the first that led somewhere new, and each that ever found something. A line of JSON each, with
 * what comes of it on a fresh connection.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { CorpusInput, Target } from './target.js'

export interface CorpusLine {
  readonly at: string
  readonly hex: string
  readonly outcome: string
}

function fileOf(target: Target): string {
  return fileURLToPath(new URL(`corpus/${target.name}.jsonl`, import.meta.url))
}

export function readCorpus(target: Target): CorpusLine[] {
  const file = fileOf(target)
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as CorpusLine)
}

export function inputOf({ at, hex }: CorpusLine): CorpusInput {
  return { at, bytes: Buffer.from(hex, 'hex') }
}

/** Adds those inputs that lead, on a connection of their own, where no kept one does. Gives how many. */
export async function keep(target: Target, inputs: Iterable<CorpusInput>): Promise<number> {
  const kept = readCorpus(target)
  const known = new Set(kept.map(({ at, outcome }) => `${at}: ${outcome}`))
  let added = 0
  for (const input of inputs) {
    if (input.bytes.length > 1_024) continue
    const outcome = await target.replay(input)
    if (known.has(`${input.at}: ${outcome}`)) continue
    known.add(`${input.at}: ${outcome}`)
    kept.push({ at: input.at, hex: input.bytes.toString('hex'), outcome })
    added++
  }
  const order = (a: CorpusLine, b: CorpusLine): number =>
    `${a.at} ${a.outcome}` < `${b.at} ${b.outcome}` ? -1 : 1
  const text = kept.sort(order).map((line) => JSON.stringify(line))
  writeFileSync(fileOf(target), `${text.join('\n')}\n`)
  return added
}
