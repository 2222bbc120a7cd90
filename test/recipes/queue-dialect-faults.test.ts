/** The formats of other libraries under the same faults as our own: what has no marks and no notes must not lose items either. */
import { Queue, type QueueOptions } from 'latchkey'
import { expect } from 'vitest'
import { faultMatrix, type Stage } from './fault-matrix.js'
import { ack, notAcked, scenario, use, without } from './queue-ledger.js'
import { drain, JOBS } from './queue-stage.js'

type Format = Pick<QueueOptions<string>, 'dialect' | 'lockPath' | 'delivery'>
type Play = (stage: Stage) => Promise<void>

/** With whom, and where the claims are. */
const formats: readonly (Format & { readonly claims: string })[] = [
  { dialect: 'curator', lockPath: '/locks', claims: '/locks' },
  { dialect: 'kazoo-locking', claims: `${JOBS}/taken` },
  { dialect: 'curator', delivery: 'at-most-once', claims: `${JOBS}-latchkey/claims` },
  { dialect: 'curator-simple', delivery: 'at-most-once', claims: `${JOBS}-latchkey/claims` },
  { dialect: 'kazoo', delivery: 'at-most-once', claims: `${JOBS}-latchkey/claims` },
]

for (const { claims, ...format } of formats) {
  const name = `${format.dialect} queue, ${format.delivery ?? 'at-least-once'}`
  const paths = [claims]
  const next = async (zk: Stage['zk']): Promise<void> => {
    const queue = new Queue<string>(zk, JOBS, format)
    await queue.put('next')
    expect(await drain(queue)).toEqual(['next'])
  }
  const scenarios = format.delivery === undefined ? { ...puts(format), ...settles(format) } : takes(format)
  faultMatrix({ name, paths, next, scenarios })
}

function puts(format: Format): Record<string, Play> {
  return {
    'puts one, then three at once': scenario(
      async ({ cluster, queue, ledger }) => {
        await cluster.until(ledger.put(['a'], queue.put('a')))
        await cluster.until(ledger.put(['b', 'c', 'd'], queue.putMany(['b', 'c', 'd'])))
      },
      {},
      format,
    ),
  }
}

function settles(format: Format): Record<string, Play> {
  return {
    'waits until another puts, acknowledges': scenario(
      async ({ cluster, queue, rival, ledger }) => {
        const taking = queue.take()
        await cluster.quiet()
        await cluster.until(ledger.put(['a', 'b'], rival.putMany(['a', 'b'])))
        const delivery = await cluster.until(taking)
        await cluster.until(ledger.acked(delivery, delivery.ack()))
      },
      {},
      format,
    ),
    'gives back, takes again': scenario(
      async (parts) => {
        const { cluster, rival, ledger } = parts
        await cluster.until(ledger.put(['a'], rival.put('a')))
        await use(
          parts,
          without(async (delivery) => delivery.nack()),
        ).catch(notAcked)
        await use(parts, ack)
      },
      {},
      format,
    ),
    'moves to the dead letters': scenario(
      async (parts) => {
        const { cluster, rival, ledger } = parts
        await cluster.until(ledger.put(['a'], rival.put('a')))
        await use(parts, async (delivery) => delivery.deadLetter('no'))
        await cluster.pass(10_000)
        const letters = await cluster.until(rival.deadLetters.list())
        expect(letters.length + (await cluster.until(rival.size()))).toBe(1)
        for (const letter of letters) expect(await cluster.until(rival.deadLetters.remove(letter))).toBe(true)
      },
      {},
      format,
    ),
  }
}

function takes(format: Format): Record<string, Play> {
  return {
    'takes at most once': scenario(
      async ({ cluster, queue, rival, ledger }) => {
        await cluster.until(ledger.put(['a', 'b'], rival.putMany(['a', 'b'])))
        const delivery = await cluster.until(queue.take({ timeoutMs: 20_000 }))
        ledger.delivered(delivery)
        // What was removed by a session that ended before it could be handed out is lost, as this delivery allows.
        if (delivery.item === 'b') ledger.forget('a')
        await cluster.until(delivery.ack())
      },
      {},
      format,
    ),
  }
}
