/**
 * The same mutex workload by one kind of client: some processes, each behind proxies of its own, in rounds of a storm
 * (replies lost by chance, one session ended, one client cut off for a while) and a calm at whose end all are idle.
 * Whatever is then still under the locks belongs to nobody: a ghost, which would block the others while its session
 * lives. Ghosts are counted and removed, so that each round begins clean.
 */
import { connect, hasCode, type Client } from '../../../src/index.js'
import { sleep } from '../../../src/runtime/abort.js'
import { systemClock } from '../../../src/runtime/clock.js'
import { seededRandom, type Random } from '../../../src/runtime/random.js'
import type { ProxiedEnsemble, TestEnsemble } from '../../../src/testing/index.js'
import { Peer, type PeerLine } from '../../interop/peer.js'
import { now, type HistoryEvent } from '../history.js'
import { pick } from '../nemesis/fault.js'

export const WORKLOAD = {
  processes: 4,
  keys: 3,
  sessionTimeoutMs: 6_000,
  /** Short, so that some give up while their requests are being lost. */
  limitMs: 500,
  stormMs: 10_000,
  blackHoleMs: 3_000,
  graceMs: 2_500,
  /** Of the reply to a create or delete being lost; and as often the request. */
  loss: 0.08,
} as const

/** As in the faults, whether a client has it signed or not. */
export function sessionName(id: unknown): string {
  return BigInt.asUintN(64, BigInt(String(id))).toString(16)
}

/** Of all its clients' processes, an acquire and what else is under way ends by then. */
const IDLE_LIMIT_MS = 60_000

export interface PeerKind {
  readonly name: string
  readonly version: string
  readonly command: (args: readonly string[]) => readonly string[]
}

/** A storm and the calm behind it. Nobody holds anything across its borders. */
export interface PeerRound {
  readonly from: number
  readonly to: number
  readonly lostReplies: number
  readonly lostRequests: number
  /** The sessions that were ended from outside, as faults, which excuse their holders for a while. */
  readonly ended: readonly HistoryEvent[]
  readonly ghosts: number
  /** Processes that did not get idle in time after everything was healed. */
  readonly stuck: number
}

export interface PeerRun {
  readonly kind: PeerKind
  readonly lines: readonly (PeerLine & { readonly process: number })[]
  readonly rounds: readonly PeerRound[]
}

interface Tortured {
  readonly peer: Peer
  readonly way: ProxiedEnsemble
}

export async function runPeers(
  ensemble: TestEnsemble,
  kind: PeerKind,
  { rounds, seed }: { readonly rounds: number; readonly seed: number },
): Promise<PeerRun> {
  const random = seededRandom(seed)
  const root = `/peers-${kind.name}`
  await using zk = await connect(ensemble.connectString)
  for (let key = 0; key < WORKLOAD.keys; key++) await zk.ensurePath(`${root}/${key}`)
  const all: Tortured[] = []
  const done: PeerRound[] = []
  try {
    for (let i = 0; i < WORKLOAD.processes; i++) {
      const way = await ensemble.proxied({ seed: seed + 10 * i })
      const { keys, sessionTimeoutMs, limitMs } = WORKLOAD
      const args = [way.connectString, root, keys, sessionTimeoutMs, limitMs].map(String)
      all.push({ way, peer: new Peer(kind.name, kind.command(args)) })
    }
    await Promise.all(all.map(async ({ peer }) => peer.ready))
    for (let round = 0; round < rounds; round++) {
      const [from, before] = [now(), lossesOf(all)]
      const ended = await storm(ensemble, all, random)
      const stuck = await calm(all)
      const ghosts = await removeGhosts(zk, root)
      const after = lossesOf(all)
      done.push({
        ...{ from, to: now(), ended, stuck, ghosts },
        lostReplies: after.replies - before.replies,
        lostRequests: after.requests - before.requests,
      })
    }
    for (const { peer } of all) peer.tell('stop')
    const lines = all.flatMap(({ peer }, process) => peer.lines.map((line) => ({ ...line, process })))
    return { kind, lines, rounds: done }
  } finally {
    for (const { peer, way } of all) {
      await peer[Symbol.asyncDispose]()
      await way[Symbol.asyncDispose]()
    }
  }
}

function lossesOf(all: readonly Tortured[]): { readonly replies: number; readonly requests: number } {
  const faults = all.flatMap(({ way }) => way.proxies.map(({ stats }) => stats.faults))
  const total = (name: string): number => faults.reduce((sum, each) => sum + (each[name] ?? 0), 0)
  return { replies: total('drop-after'), requests: total('drop-before') }
}

function loseSome({ way }: Tortured): void {
  const operation = ['create', 'delete']
  for (const proxy of way.proxies) {
    proxy.inject('drop-after', { operation, probability: WORKLOAD.loss, times: Infinity })
    proxy.inject('drop-before', { operation, probability: WORKLOAD.loss, times: Infinity })
  }
}

/** Returns the sessions that were ended. */
async function storm(
  ensemble: TestEnsemble,
  all: readonly Tortured[],
  random: Random,
): Promise<HistoryEvent[]> {
  for (const each of all) loseSome(each)
  for (const { peer } of all) peer.go()
  await sleep(systemClock, WORKLOAD.stormMs / 3)
  const ended = await endSession(ensemble, pick(random, all))
  await sleep(systemClock, WORKLOAD.stormMs / 3)
  const cutOff = pick(random, all)
  for (const proxy of cutOff?.way.proxies ?? []) proxy.blackHole()
  await sleep(systemClock, WORKLOAD.blackHoleMs)
  await cutOff?.way.heal()
  if (cutOff !== undefined) loseSome(cutOff)
  await sleep(systemClock, WORKLOAD.stormMs / 3)
  return ended
}

async function endSession(ensemble: TestEnsemble, chosen: Tortured | undefined): Promise<HistoryEvent[]> {
  const session = chosen?.peer.lines.findLast(({ event }) => event === 'session')
  if (session === undefined) return []
  const { id, password } = session as PeerLine & { id: string; password: string }
  const t = now()
  const known = await ensemble.killSession(BigInt(id), Buffer.from(password, 'hex')).catch(() => false)
  if (!known) return []
  return [{ e: 'fault', t, to: now(), track: 'worker', kind: 'expire session', on: sessionName(id) }]
}

/** Everything heals, and all come to rest. Returns how many did not. */
async function calm(all: readonly Tortured[]): Promise<number> {
  await Promise.all(all.map(async ({ way }) => way.heal()))
  for (const { peer } of all) peer.tell('pause')
  const deadline = systemClock.now() + IDLE_LIMIT_MS
  const isIdle = ({ peer }: Tortured): boolean =>
    peer.lines.findLast(({ event }) => event !== 'session')?.event === 'idle'
  while (!all.every(isIdle) && systemClock.now() < deadline) await sleep(systemClock, 50)
  // What is still being deleted in the background.
  await sleep(systemClock, WORKLOAD.graceMs)
  return all.filter((each) => !isIdle(each)).length
}

async function removeGhosts(zk: Client, root: string): Promise<number> {
  await zk.sync(root)
  let ghosts = 0
  for (let key = 0; key < WORKLOAD.keys; key++) {
    const path = `${root}/${key}`
    const { children } = await zk.children(path).catch((error: unknown) => {
      if (hasCode(error, 'NO_NODE')) return { children: [] }
      throw error
    })
    for (const child of children) {
      ghosts++
      await zk.delete(`${path}/${child}`)
    }
  }
  return ghosts
}
