/**
 * Processes of several kinds contend on one path, each adding to a counter in a plain file that nothing else protects.
 * If two of them ever held at once, increments are lost, or two spans of holding overlap on the machine's clock.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, hasCode } from '../../src/index.js'
import { peerProgram } from '../support/foreign-clients.js'
import { Peer } from './peer.js'

export interface Kind {
  readonly name: string
  /** The command for one process, given the arguments that all take: connect string, path, file, increments. */
  readonly command: (args: readonly string[]) => readonly string[]
}

export interface Contention {
  readonly counter: number
  /** How often each kind held it. */
  readonly holds: Readonly<Record<string, number>>
  /** Spans of holding that began before the one before them had ended. */
  readonly overlaps: number
  /** How often it went from a process of one kind to one of another. */
  readonly changesOfKind: number
  /** The most holds that one kind had in a row while others were still to come. */
  readonly longestRun: number
  /** Our own, in the order of their holds. */
  readonly fencingTokens: readonly bigint[]
  /** What is left under the path when all are done. */
  readonly left: readonly string[]
}

/** `tasks`: eight in each process share the work. `biased`: they do, and keep the znode. */
export type Mode = 'single' | 'tasks' | 'biased'

export const latchkey = (dialect: 'curator' | 'kazoo', mode: Mode = 'single'): Kind => ({
  name: 'latchkey',
  command: (args) => [
    process.execPath,
    '--import',
    'tsx',
    peerProgram('latchkey/contender.ts'),
    ...args,
    dialect,
    mode,
  ],
})

export const kazoo = (python: string, dialect: 'curator' | 'kazoo'): Kind => ({
  name: 'kazoo',
  command: (args) => [python, peerProgram('kazoo/contender.py'), ...args, dialect],
})

export const curator = (java: readonly string[]): Kind => ({
  name: 'curator',
  command: (args) => [...java, 'Contender', ...args],
})

interface Span {
  readonly kind: string
  readonly start: bigint
  readonly end: bigint
  readonly fencingToken: bigint | undefined
}

function spansOf(peer: Peer): Span[] {
  return peer.lines
    .filter(({ event }) => event === 'held')
    .map(({ start, end, fencingToken }) => ({
      kind: peer.name,
      start: BigInt(start as string | number),
      end: BigInt(end as string | number),
      fencingToken: fencingToken === undefined ? undefined : BigInt(fencingToken as string),
    }))
}

function judge(peers: readonly Peer[]): Omit<Contention, 'counter' | 'left'> {
  const spans = peers.flatMap(spansOf).sort((a, b) => (a.start < b.start ? -1 : 1))
  const holds: Record<string, number> = {}
  let overlaps = 0
  let changesOfKind = 0
  let longestRun = 0
  let runStart = 0
  for (const [index, span] of spans.entries()) {
    holds[span.kind] = (holds[span.kind] ?? 0) + 1
    const before = spans[index - 1]
    if (before === undefined) continue
    if (span.start < before.end) overlaps++
    if (span.kind === before.kind) continue
    changesOfKind++
    longestRun = Math.max(longestRun, index - runStart)
    runStart = index
  }
  const fencingTokens = spans.map(({ fencingToken }) => fencingToken).filter((token) => token !== undefined)
  return { holds, overlaps, changesOfKind, longestRun, fencingTokens }
}

/** None also if the parent is gone: Curator makes a container, which vanishes some time after its last child. */
async function childrenOf(connectString: string, path: string): Promise<readonly string[]> {
  await using zk = await connect(connectString)
  await zk.sync('/')
  try {
    return (await zk.children(path)).children
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return []
    throw error
  }
}

/** Runs `processes` of each kind at once, each of which holds the lock `increments` times. */
export async function contend(
  connectString: string,
  path: string,
  kinds: readonly Kind[],
  { processes, increments }: { readonly processes: number; readonly increments: number },
): Promise<Contention> {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-contention-'))
  const file = join(directory, 'counter')
  await writeFile(file, '0')
  const args = [connectString, path, file, String(increments)]
  const peers = kinds.flatMap((kind) =>
    Array.from({ length: processes }, () => new Peer(kind.name, kind.command(args))),
  )
  try {
    await Promise.all(peers.map(async (peer) => peer.ready))
    for (const peer of peers) peer.go()
    await Promise.all(peers.map(async (peer) => peer.done))
    const left = await childrenOf(connectString, path)
    return { ...judge(peers), counter: Number(await readFile(file, 'utf8')), left }
  } finally {
    await Promise.all(peers.map(async (peer) => peer[Symbol.asyncDispose]()))
    await rm(directory, { recursive: true, force: true })
  }
}
