/** The run that another is compared with: of a commit, in a file, or the one before. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { runCommand } from './command.js'
import { productCommit } from './header.js'
import type { History } from './history.js'
import { runsIn, type Run } from './records.js'

export interface Pair {
  readonly base: Run
  readonly run: Run
}

/**
 * The newest run of each bench with its base. With neither commit nor file that is the one before it that has a scenario in
 * common. A commit is one that a kept run names, else any that git knows: then it is the newest run its history held.
 * Throws if there is no such run.
 */
export async function pairsWith(base: string | undefined, history: History): Promise<Pair[]> {
  const given = base !== undefined && existsSync(base) ? runsIn(await readFile(base, 'utf8')) : undefined
  const pairs: Pair[] = []
  for (const [bench, runs] of history) {
    const run = runs.at(-1)
    if (run === undefined) continue
    const others = given ?? (base === undefined ? runs.slice(0, -1) : await ofCommit(base, bench, runs))
    const found = others.findLast(
      (other) => other.header.date !== run.header.date && isComparable(other, run),
    )
    if (found !== undefined) pairs.push({ base: found, run })
  }
  if (pairs.length === 0)
    throw new Error(`there is no earlier run ${base === undefined ? '' : `of ${base} `}to compare with`)
  return pairs
}

async function ofCommit(commit: string, bench: string, runs: readonly Run[]): Promise<readonly Run[]> {
  // Such a revision would be taken for an option of git.
  if (commit.startsWith('-')) throw new TypeError(`${commit} is no commit`)
  const product = await productCommit(commit)
  const named = runs.filter(({ header }) => {
    const own = header.commit.replace('+', '')
    return isSameCommit(own, commit) || (product !== undefined && isSameCommit(own, product))
  })
  if (named.length > 0) return named
  const text = await runCommand('git', ['show', `${commit}:bench/history/${bench}.jsonl`]).catch(() => '')
  return runsIn(text)
}

const isSameCommit = (one: string, other: string): boolean =>
  other.length >= 7 && (one.startsWith(other) || other.startsWith(one))

const isComparable = (one: Run, other: Run): boolean =>
  one.header.bench === other.header.bench &&
  one.samples.some(({ scenario }) => other.samples.some((sample) => sample.scenario === scenario))
