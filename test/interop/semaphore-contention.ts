/**
 * Processes of several kinds take permits of one semaphore and tell when they held them. The spans, laid over each other
 * on the machine's clock, say how many were held at each moment.
 */
import { connect, hasCode, type Client } from '../../src/index.js'
import { Peer } from './peer.js'
import type { PeerKind } from './shared-contention.js'

export interface SemaphoreContention {
  /** How often each kind of process held some. */
  readonly holds: Readonly<Record<string, number>>
  /** The most permits that were held at once, and the most kinds of holders. */
  readonly most: number
  readonly mostKinds: number
  /** What is left under the given paths when all are done. */
  readonly left: readonly string[]
}

interface Edge {
  readonly at: bigint
  readonly owner: string
  /** Taken, or, negative, given back. */
  readonly permits: number
}

function edgesOf({ name: owner, lines }: Peer): Edge[] {
  return lines
    .filter(({ event }) => event === 'held')
    .flatMap(({ permits, start, end }) => [
      { at: BigInt(start as string | number), owner, permits: Number(permits) },
      { at: BigInt(end as string | number), owner, permits: -Number(permits) },
    ])
}

function judge(edges: readonly Edge[]): Pick<SemaphoreContention, 'holds' | 'most' | 'mostKinds'> {
  const sorted = [...edges].sort((a, b) => (a.at === b.at ? a.permits - b.permits : a.at < b.at ? -1 : 1))
  const holds: Record<string, number> = {}
  const taken = new Map<string, number>()
  let [most, mostKinds] = [0, 0]
  for (const { owner, permits } of sorted) {
    taken.set(owner, (taken.get(owner) ?? 0) + permits)
    if (permits > 0) holds[owner] = (holds[owner] ?? 0) + 1
    const counts = [...taken.values()]
    most = Math.max(
      most,
      counts.reduce((sum, count) => sum + count, 0),
    )
    mostKinds = Math.max(mostKinds, counts.filter((count) => count > 0).length)
  }
  return { holds, most, mostKinds }
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

/** Runs `processes` of each kind at once, each of which takes permits `rounds` times. */
export async function contendForPermits(
  connectString: string,
  path: string,
  kinds: readonly PeerKind[],
  { processes, rounds, parents }: { processes: number; rounds: number; parents: readonly string[] },
): Promise<SemaphoreContention> {
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
    const left = await Promise.all(parents.map(async (parent) => childrenOf(zk, parent)))
    return { ...judge(peers.flatMap(edgesOf)), left: left.flat() }
  } finally {
    await Promise.all(peers.map(async (peer) => peer[Symbol.asyncDispose]()))
  }
}
