/**
 * The queue under torture: what was put is acknowledged or still there, an item is in one's hands at a time (the
 * holders' sweep sees to that), and never again after it was acknowledged; and what is left in the end comes to the one
 * who takes it in the order in which it was put.
 */
import { Queue } from '../../../src/index.js'
import { now, type HistoryEvent } from '../history.js'
import { nothing, pickKey, type RunSoFar, type TortureRecipe } from './recipe.js'

const QUEUES = 4

export const queue: TortureRecipe = {
  name: 'queue',
  contender(zk, root, random, diary) {
    const queues = Array.from({ length: QUEUES }, (_, key) => new Queue<string>(zk, `${root}/${key}`))
    return {
      async acquire(options) {
        const one = queues[pickKey(random, QUEUES)] as Queue<string>
        const item = `${one.path}/${Buffer.from(zk.runtime.random.bytes(8)).toString('hex')}`
        const isPut = await diary.keep('put', item, async () => one.put(item, options))
        // Each takes only after a put of its own: so none waits in vain in the end.
        if (!isPut) return nothing(zk)
        const delivery = await one.take(options)
        return {
          claims: [{ path: delivery.item, share: 1, capacity: 1 }],
          sessionId: zk.session?.id ?? 0n,
          get signal() {
            return delivery.signal
          },
          confirm: async () => undefined,
          release: async () => {
            if (random.next() < 0.1) await diary.keep('give back', delivery.item, async () => delivery.nack())
            else await diary.keep('ack', delivery.item, async () => delivery.ack())
          },
        }
      },
    }
  },
  async check(zk, root, run) {
    const left = new Set<string>()
    for (let key = 0; key < QUEUES; key++) {
      const one = new Queue<string>(zk, `${root}/${key}`)
      for (let delivery = await one.tryTake(); delivery !== undefined; delivery = await one.tryTake()) {
        left.add(delivery.item)
        await delivery.ack()
      }
    }
    return checkQueue(root, left, run).map((text) => ({ checker: 'queue', t: now(), text }))
  },
}

/** @param left - the items that were in the queues in the end, in the order in which they came. */
export function checkQueue(
  root: string,
  left: ReadonlySet<string>,
  { events, beliefs, excuses }: RunSoFar,
): string[] {
  const ends = new Map(events.flatMap((event) => (event.e === 'did' ? [[event.id, event] as const] : [])))
  const put = new Map<string, boolean>()
  const acknowledged = new Map<string, number>()
  const maybeGone = new Set<string>()
  for (const event of events) {
    if (event.e !== 'try' || !event.path.startsWith(`${root}/`)) continue
    const end: Extract<HistoryEvent, { e: 'did' }> | undefined = ends.get(event.id)
    if (event.what === 'put' && end?.outcome !== 'no') put.set(event.path, end?.outcome === 'ok')
    if (event.what !== 'ack' || end?.outcome === 'no') continue
    maybeGone.add(event.path)
    if (end?.outcome === 'ok') acknowledged.set(event.path, end.t)
  }
  const wrong: string[] = []
  for (const [item, isSure] of put)
    if (isSure && !maybeGone.has(item) && !left.has(item)) wrong.push(`${item} is lost`)
  for (const item of left) {
    if (!put.has(item)) wrong.push(`${item} is there, and nobody put it`)
    if (acknowledged.has(item)) wrong.push(`${item} is still there after its acknowledgement`)
  }
  wrong.push(...outOfOrder(events, ends, [...left]))
  for (const belief of beliefs.filter(({ recipe }) => recipe === 'queue')) {
    // Granted nothing: its put was not sure to be done, so it took none.
    const item = belief.claims[0]?.path
    if (item === undefined) continue
    const gone = acknowledged.get(item) ?? Infinity
    if (!put.has(item)) wrong.push(`${item} was handed out, and nobody put it`)
    if (belief.from > gone && excuses.of(belief, belief.from, belief.from) === undefined)
      wrong.push(`${item} was handed out to ${belief.id} after its acknowledgement`)
  }
  return wrong
}

/** One whose put had resolved before that of another of its queue was called, and that came after it all the same. */
function outOfOrder(
  events: readonly HistoryEvent[],
  ends: ReadonlyMap<string, Extract<HistoryEvent, { e: 'did' }>>,
  left: readonly string[],
): string[] {
  const called = new Map<string, number>()
  const resolved = new Map<string, number>()
  for (const event of events) {
    if (event.e !== 'try' || event.what !== 'put') continue
    called.set(event.path, event.t)
    const end = ends.get(event.id)
    if (end?.outcome === 'ok') resolved.set(event.path, end.t)
  }
  const latest = new Map<string, string>()
  const wrong: string[] = []
  for (const item of left) {
    const queue = item.slice(0, item.lastIndexOf('/'))
    const before = latest.get(queue)
    if (before !== undefined && (resolved.get(item) ?? Infinity) < (called.get(before) ?? 0))
      wrong.push(`${item} came after ${before}, which was put later`)
    if (before === undefined || (called.get(item) ?? 0) > (called.get(before) ?? 0)) latest.set(queue, item)
  }
  return wrong
}
