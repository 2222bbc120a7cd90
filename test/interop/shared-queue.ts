/** A queue that another client and ours put into and take from at the same time: each item comes once. */
import { connect, hasCode, Queue, type QueueOptions } from 'latchkey'
import { Peer } from './peer.js'

export interface SharedQueue {
  readonly connectString: string
  readonly path: string
  readonly options: QueueOptions<string>
  readonly items: number
  /** The peer's command; it puts so many, and takes until nothing came for `idleMs`. */
  readonly command: (puts: number, idleMs: number) => readonly string[]
}

export interface Shared {
  /** All that was taken, sorted. */
  readonly taken: readonly string[]
  /** How many went from one client to the other, each way. */
  readonly toPeer: number
  readonly toUs: number
  readonly inOrder: boolean
  readonly left: number
}

const IDLE_MS = 2_000

export async function shareQueue(spec: SharedQueue): Promise<Shared> {
  const { connectString, path, options, items, command } = spec
  await using zk = await connect(connectString)
  const queue = new Queue<string>(zk, path, options)
  // What the peer put alone, we get in its order.
  const first = await run(command(items, 0))
  await first()
  const ordered = await takeAll(queue, items)
  const inOrder = ordered.every((item, index) => Number(item.split('-')[1]) === index)
  // What we put alone, the peer gets.
  await queue.putMany(Array.from({ length: items }, (_, i) => `ours-${i}`))
  const alone = await run(command(0, IDLE_MS))
  const got = await alone()
  // Then both do both.
  const [one, two] = [await run(command(items, IDLE_MS)), await run(command(0, IDLE_MS))]
  const putting = queue.putMany(Array.from({ length: items }, (_, i) => `more-${i}`))
  const [ours, ...theirs] = await Promise.all([takeAll(queue), one(), two(), putting])
  const peers = [...got, ...theirs.flatMap((lines) => lines ?? [])]
  return {
    taken: [...ordered.map((item) => `first-${item}`), ...ours, ...peers].sort(),
    toPeer: peers.filter((item) => /^(ours|more)/.test(item)).length,
    toUs: ours.filter((item) => !/^(ours|more)/.test(item)).length,
    inOrder,
    left: await queue.size(),
  }
}

/** Connects the peer; the result starts it, and gives what it took. */
async function run(command: readonly string[]): Promise<() => Promise<string[]>> {
  const peer = new Peer('peer', command)
  await peer.ready
  return async () => {
    peer.go()
    const lines = await peer.done
    return lines.filter(({ event }) => event === 'took').map(({ item }) => String(item))
  }
}

/** Until there were so many, or nothing came for a while. */
async function takeAll(queue: Queue<string>, most = Infinity): Promise<string[]> {
  const taken: string[] = []
  while (taken.length < most) {
    try {
      const delivery = await queue.take({ timeoutMs: IDLE_MS })
      await delivery.ack()
      taken.push(delivery.item)
    } catch (error) {
      if (hasCode(error, 'TIMEOUT')) return taken
      throw error
    }
  }
  return taken
}

/** What `taken` must be. */
export function expectedItems(peer: string, items: number): string[] {
  const numbers = Array.from({ length: items }, (_, i) => i)
  return numbers.flatMap((i) => [`first-${peer}-${i}`, `${peer}-${i}`, `ours-${i}`, `more-${i}`]).sort()
}
