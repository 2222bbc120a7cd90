/** Where and on what it was measured. */
import { arch, cpus, loadavg, platform, release } from 'node:os'
import { firstLine } from './command.js'
import type { BenchOptions } from './options.js'

export interface Header {
  readonly kind: 'header'
  readonly bench: string
  readonly date: string
  /** The last that changed the product. `+` if the tree differs from it. */
  readonly commit: string
  readonly node: string
  readonly machine: string
  /** Of the last minute, before the bench began. */
  readonly load: number
  /** The same at its end. Early runs did not say. */
  readonly loadAfter?: number
  readonly servers: string
  readonly rounds: number
  readonly warmUp: number
  readonly scale: number
  /** If not all took part that could have. */
  readonly subjects?: readonly string[]
  readonly versions: Readonly<Record<string, string>>
  readonly missing: Readonly<Record<string, string>>
}

export async function headerOf(
  options: BenchOptions,
  found: Pick<Header, 'servers' | 'versions' | 'missing' | 'load'>,
): Promise<Header> {
  const commit = (await productCommit('HEAD')) ?? 'unknown'
  const changes = (await firstLine('git', ['status', '--porcelain', '--', 'src', 'recipes'])) ?? ''
  const processors = cpus()
  const kernel = /^\d+\.\d+/.exec(release())?.[0] ?? ''
  return {
    kind: 'header',
    bench: options.bench,
    date: new Date().toISOString(),
    commit: commit + (changes === '' ? '' : '+'),
    node: process.version,
    machine: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}, ${platform()} ${kernel} ${arch()}`,
    rounds: options.rounds,
    warmUp: options.warmUp,
    scale: options.scale,
    ...(options.subjects === undefined ? {} : { subjects: options.subjects }),
    ...found,
    loadAfter: loadNow(),
  }
}

/** The last commit, seen from this one, that changed what is measured. Undefined if git knows no such commit. */
export async function productCommit(revision: string): Promise<string | undefined> {
  const line = await firstLine('git', ['log', '-1', '--format=%h', revision, '--', 'src', 'recipes'])
  return line === '' ? undefined : line
}

export const loadNow = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100
