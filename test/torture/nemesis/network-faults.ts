/** Faults of the network between one client and the servers, or one of them. */
import type { FaultProxy, InjectedFault } from '../../../src/testing/index.js'
import { pick, type Fault, type Turn } from './fault.js'

/** Of a request's reply being lost, in a storm. */
const SPRINKLE = 0.002

/** Of every request that passes, until these are healed. */
export function sprinkle(proxies: readonly FaultProxy[]): void {
  for (const proxy of proxies) {
    proxy.inject('drop-after', { probability: SPRINKLE, times: Infinity })
    proxy.inject('drop-before', { probability: SPRINKLE / 2, times: Infinity })
  }
}

const WRITES = ['create', 'delete', 'transaction']

/** One link of some client, or all of them. */
function links({ stage, random }: Turn): readonly FaultProxy[] {
  const way = pick(random, pick(random, stage.staff)?.ways ?? [])
  if (way === undefined) return []
  const one = pick(random, way.proxies)
  return one === undefined || random.next() < 0.5 ? way.proxies : [one]
}

/** A standing fault, and its end. */
function standing(kind: string, weight: number, begin: (proxy: FaultProxy, turn: Turn) => void): Fault {
  const run = async (turn: Turn): Promise<string | undefined> => {
    const proxies = links(turn)
    if (proxies.length === 0) return undefined
    for (const proxy of proxies) begin(proxy, turn)
    await turn.pause(200, turn.stage.options.sessionTimeoutMs + 1_000)
    await Promise.all(proxies.map(async (proxy) => proxy.heal()))
    sprinkle(proxies)
    return `${proxies.length} links`
  }
  return { kind, track: 'network', weight, processes: 0, run }
}

/** Done at once, or at the next request that fits. */
function momentary(kind: string, weight: number, act: (proxy: FaultProxy, turn: Turn) => void): Fault {
  const run = async (turn: Turn): Promise<string | undefined> => {
    const proxies = links(turn)
    for (const proxy of proxies) act(proxy, turn)
    return proxies.length === 0 ? undefined : `${proxies.length} links`
  }
  return { kind, track: 'network', weight, processes: 0, run }
}

const injected = (fault: InjectedFault, weight: number): Fault =>
  momentary(fault, weight, (proxy) => void proxy.inject(fault, { operation: WRITES, times: 3 }))

export const networkFaults: readonly Fault[] = [
  injected('drop-before', 3),
  injected('drop-after', 6),
  injected('truncate-request', 1),
  injected('truncate-reply', 2),
  injected('bad-length', 1),
  injected('unknown-xid', 1),
  injected('junk', 1),
  momentary('reset', 2, (proxy) => void proxy.cut('reset')),
  momentary('orderly end', 1, (proxy) => void proxy.cut('end')),
  momentary('lost handshake', 1, (proxy) => {
    proxy.inject('drop-after', { operation: 'connect' })
    proxy.cut()
  }),
  standing('black hole', 2, (proxy) => proxy.blackHole()),
  standing('half-open to server', 1, (proxy) => proxy.blackHole('toServer')),
  standing('half-open to client', 1, (proxy) => proxy.blackHole('toClient')),
  standing('refused', 1, (proxy) => proxy.refuse()),
  standing('latency', 1, (proxy, { random }) =>
    proxy.shape({ latencyMs: 5 + random.next() * 100, jitterMs: random.next() * 100 }),
  ),
  standing('small pieces', 0.5, (proxy) => proxy.shape({ pieceBytes: 7, pieceIntervalMs: 1 })),
]
