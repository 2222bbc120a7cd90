/**
 * Processes of several kinds contend for locks that may be held for reading or for writing, and tell when they held
 * what. Two spans on one path that overlap on the machine's clock, one of them a writer's, are a violation.
 */
import { connect, hasCode, type Client } from '../../src/index.js'
import { Peer } from './peer.js'

export interface PeerKind {
  readonly name: string
  /** The command for one process, given the arguments that all take: connect string, path, rounds. */
  readonly command: (args: readonly string[]) => readonly string[]
}

interface Span {
  readonly owner: string
  readonly kind: 'read' | 'write'
  readonly path: string
  readonly start: bigint
  readonly end: bigint
  readonly downgraded: boolean
  readonly fencingToken: bigint | undefined
}

export interface SharedContention {
  /** How often each kind of process held it how: `latchkey write`, `curator read downgraded`. */
  readonly holds: Readonly<Record<string, number>>
  /** What overlapped that must not, in words. */
  readonly violations: readonly string[]
  /** Readers that came in while others read. */
  readonly shared: number
  /** How often it went from a process of one kind to one of another. */
  readonly changesOfKind: number
  /** Our own writers', by path, in the order of their holds. */
  readonly fencingTokens: ReadonlyMap<string, readonly bigint[]>
  readonly left: readonly string[]
  /** What each kind said when it was ready. */
  readonly abilities: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

function spansOf(peer: Peer): Span[] {
  return peer.lines
    .filter(({ event }) => event === 'held')
    .map(({ kind, path, start, end, downgraded, fencingToken }) => ({
      owner: peer.name,
      kind: kind as 'read' | 'write',
      path: String(path),
      start: BigInt(start as string | number),
      end: BigInt(end as string | number),
      downgraded: downgraded === true,
      fencingToken: fencingToken === undefined ? undefined : BigInt(fencingToken as string),
    }))
}

const describe = ({ owner, kind, start, end }: Span): string => `${owner} ${kind} ${start}..${end}`

/** Of one path, in the order of their starts. */
function judge(spans: readonly Span[]): Pick<SharedContention, 'violations' | 'shared' | 'changesOfKind'> {
  const violations: string[] = []
  let [shared, changesOfKind] = [0, 0]
  let open: Span[] = []
  for (const [index, span] of spans.entries()) {
    open = open.filter(({ end }) => end > span.start)
    for (const other of open) {
      if (span.kind === 'read' && other.kind === 'read') shared++
      else violations.push(`${describe(span)} in ${describe(other)}`)
    }
    open.push(span)
    if (spans[index - 1] !== undefined && spans[index - 1]?.owner !== span.owner) changesOfKind++
  }
  return { violations, shared, changesOfKind }
}

function sum(spans: readonly Span[]): Omit<SharedContention, 'left' | 'abilities'> {
  const sorted = [...spans].sort((a, b) => (a.start < b.start ? -1 : 1))
  const byPath = new Map<string, Span[]>()
  const holds: Record<string, number> = {}
  for (const span of sorted) {
    byPath.set(span.path, [...(byPath.get(span.path) ?? []), span])
    const name = `${span.owner} ${span.kind}${span.downgraded ? ' downgraded' : ''}`
    holds[name] = (holds[name] ?? 0) + 1
  }
  const judged = [...byPath.values()].map(judge)
  const tokens = [...byPath].map(([path, own]) => {
    const writers = own.filter(({ kind, fencingToken }) => kind === 'write' && fencingToken !== undefined)
    return [path, writers.map(({ fencingToken }) => fencingToken ?? 0n)] as const
  })
  return {
    holds,
    violations: judged.flatMap(({ violations }) => violations),
    shared: judged.reduce((total, { shared }) => total + shared, 0),
    changesOfKind: judged.reduce((total, { changesOfKind }) => total + changesOfKind, 0),
    fencingTokens: new Map(tokens),
  }
}

/** None if the container was reaped already. */
async function childrenOf(zk: Client, path: string): Promise<readonly string[]> {
  try {
    return (await zk.children(path)).children
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return []
    throw error
  }
}

/** Runs `processes` of each kind at once, `rounds` rounds each. */
export async function contendShared(
  connectString: string,
  path: string,
  kinds: readonly PeerKind[],
  { processes, rounds, locks }: { processes: number; rounds: number; locks: readonly string[] },
): Promise<SharedContention> {
  const args = [connectString, path, String(rounds)]
  const peers = kinds.flatMap((kind) =>
    Array.from({ length: processes }, () => new Peer(kind.name, kind.command(args))),
  )
  try {
    await Promise.all(peers.map(async (peer) => peer.ready))
    for (const peer of peers) peer.go()
    await Promise.all(peers.map(async (peer) => peer.done))
    await using zk = await connect(connectString)
    await zk.sync('/')
    const left = await Promise.all(locks.map(async (lock) => childrenOf(zk, lock)))
    const abilities = Object.fromEntries(peers.map((peer) => [peer.name, peer.lines[0] ?? {}]))
    return { ...sum(peers.flatMap(spansOf)), left: left.flat(), abilities }
  } finally {
    await Promise.all(peers.map(async (peer) => peer[Symbol.asyncDispose]()))
  }
}
