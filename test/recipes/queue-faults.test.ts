import { IdQueue, Queue, Worker } from 'latchkey'
import { expect } from 'vitest'
import { EXPIRY_MS } from './cluster.js'
import { faultMatrix, type Stage } from './fault-matrix.js'
import { ack, answerOf, notAcked, scenario, use, without } from './queue-ledger.js'
import { drain, JOBS } from './queue-stage.js'

const plays: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  'puts two, one after the other': scenario(async ({ cluster, queue, ledger }) => {
    await cluster.until(ledger.put(['a'], queue.put('a')))
    await cluster.until(ledger.put(['b'], queue.put('b')))
  }),

  'puts ten at once, over a segment': scenario(async ({ cluster, queue, ledger }) => {
    const items = Array.from({ length: 10 }, (_, i) => `i${i}`)
    await cluster.until(ledger.put(items.slice(0, 5), queue.putMany(items.slice(0, 5))))
    await cluster.until(ledger.put(items.slice(5), queue.putMany(items.slice(5))))
  }),

  'puts a pack of four, each by itself': scenario(async ({ cluster, queue, ledger }) => {
    const puts = ['a', 'b', 'c', 'd'].map(async (item) => ledger.put([item], queue.put(item)))
    await cluster.until(Promise.all(puts))
  }),

  'takes a pack of four and settles each in its way': scenario(async (parts) => {
    const { cluster, queue, rival, ledger } = parts
    await cluster.until(ledger.put(['a', 'b', 'c', 'd'], rival.putMany(['a', 'b', 'c', 'd'])))
    const taken = await cluster.until(Promise.all(['a', 'b', 'c', 'd'].map(async () => queue.take())))
    for (const delivery of taken) ledger.delivered(delivery)
    const [a, b, c, d] = taken
    // Together, alone, and back.
    const first = [a, b].map(async (each) => ledger.acked(each!, each!.ack()))
    await cluster.until(Promise.all(first))
    const ends = [answerOf(c!.nack({ error: 'no' })), ledger.acked(d!, d!.ack())]
    await cluster.until(Promise.all(ends))
  }),

  'takes two of a pack of four while another takes the rest': scenario(async (parts) => {
    const { cluster, queue, rival, ledger } = parts
    await cluster.until(ledger.put(['a', 'b', 'c', 'd'], rival.putMany(['a', 'b', 'c', 'd'])))
    const takes = [queue, queue, rival, rival].map(async (each) => each.take())
    const taken = await cluster.until(Promise.all(takes))
    for (const delivery of taken) ledger.delivered(delivery)
    await cluster.until(Promise.all(taken.map(async (each) => ledger.acked(each, each.ack()))))
  }),

  'puts what is taken at once by another': scenario(async ({ cluster, queue, rival, ledger }) => {
    const taking = rival.take().then(async (delivery) => {
      await ledger.acked(delivery, delivery.ack())
      return delivery.item
    })
    await cluster.quiet()
    await cluster.until(ledger.put(['a'], queue.put('a')))
    await cluster.until(rival.put('b'))
    expect(['a', 'b']).toContain(await cluster.until(taking))
    await cluster.until(ledger.put(['b'], Promise.resolve()))
  }),

  'takes and acknowledges': scenario(async (parts) => {
    const { cluster, rival, ledger } = parts
    await cluster.until(ledger.put(['a', 'b'], rival.putMany(['a', 'b'])))
    await use(parts, ack)
  }),

  'takes with the signal read, acknowledges with an effect': scenario(async (parts) => {
    const { cluster, rival, rivals, ledger } = parts
    await cluster.until(rivals[1].ensurePath('/effects'))
    await cluster.until(ledger.put(['a'], rival.put('a')))
    let attempts = 0
    await use(parts, async (delivery) => {
      expect(delivery.signal).toBeInstanceOf(AbortSignal)
      return delivery.ack({ with: (tx) => tx.create(`/effects/${delivery.item}-${++attempts}`) })
    })
    await cluster.pass(EXPIRY_MS)
    const effects = (await cluster.children('/effects'))!
    if (ledger.isAcked('a') === 'yes') expect(effects).toHaveLength(1)
    if (ledger.isAcked('a') === 'no') expect(effects).toEqual([])
    // Exactly when the item is gone.
    expect((await cluster.until(rival.size())) === 0).toBe(effects.length === 1)
  }),

  'waits until another puts': scenario(async (parts) => {
    const { cluster, queue, rival, ledger } = parts
    const taking = queue.take()
    await cluster.quiet()
    await cluster.until(ledger.put(['a'], rival.put('a')))
    const delivery = await cluster.until(taking)
    await cluster.until(ledger.acked(delivery, delivery.ack()))
  }),

  'waits until another gives back': scenario(async (parts) => {
    const { cluster, queue, rival, ledger } = parts
    await cluster.until(ledger.put(['a'], rival.put('a')))
    const held = await cluster.until(rival.take())
    const taking = queue.take()
    await cluster.quiet()
    await cluster.until(held.nack())
    const delivery = await cluster.until(taking)
    await cluster.until(ledger.acked(delivery, delivery.ack()))
  }),

  'gives up waiting': scenario(async ({ cluster, queue }) => {
    await expect(cluster.until(queue.take({ timeoutMs: 1_000 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
  }),

  'tries, empty and not': scenario(async ({ cluster, queue, rival, ledger }) => {
    expect(await cluster.until(queue.tryTake())).toBeUndefined()
    await cluster.until(ledger.put(['a'], rival.put('a')))
    const delivery = await cluster.until(queue.tryTake())
    if (delivery !== undefined) await cluster.until(ledger.acked(delivery, delivery.ack()))
  }),

  'gives back': scenario(async (parts) => {
    const { cluster, rival, ledger } = parts
    await cluster.until(ledger.put(['a'], rival.put('a')))
    await use(
      parts,
      without(async (delivery) => delivery.nack({ error: 'no' })),
    ).catch(notAcked)
  }),

  'gives back for later': scenario(async (parts) => {
    const { cluster, rival, ledger } = parts
    await cluster.until(ledger.put(['a'], rival.put('a')))
    await use(
      parts,
      without(async (delivery) => delivery.nack({ delayMs: 5_000 })),
    ).catch(notAcked)
  }),

  'moves to the dead letters': scenario(async (parts) => {
    const { cluster, rival, ledger } = parts
    await cluster.until(ledger.put(['a'], rival.put('a')))
    await use(parts, async (delivery) => delivery.deadLetter('no'))
    await cluster.pass(EXPIRY_MS)
    const letters = await cluster.until(rival.deadLetters.list())
    const left = await cluster.until(rival.size())
    expect(letters.length + left).toBe(1)
    if (ledger.isAcked('a') !== 'unknown') expect(letters).toHaveLength(ledger.isAcked('a') === 'yes' ? 1 : 0)
    for (const letter of letters) expect(await cluster.until(rival.deadLetters.remove(letter))).toBe(true)
  }),

  'removes and requeues dead letters': scenario(async ({ cluster, queue, rival, ledger }) => {
    await cluster.until(ledger.put(['a', 'b'], rival.putMany(['a', 'b'])))
    for (let i = 0; i < 2; i++) await cluster.until((await cluster.until(rival.take())).deadLetter('no'))
    const [a, b] = await cluster.until(queue.deadLetters.list())
    const removal = queue.deadLetters.remove(a!)
    await cluster.until(
      ledger.acked(
        { item: 'a' },
        removal.then(() => undefined),
      ),
    )
    const requeued = await cluster.until(answerOf(queue.deadLetters.requeue(b!)))
    await cluster.pass(EXPIRY_MS)
    for (const letter of await cluster.until(rival.deadLetters.list())) {
      if (letter.item === 'b') expect(requeued).not.toBe('yes')
      await cluster.until(rival.deadLetters.requeue(letter))
    }
  }),

  'removes what can not be decoded': scenario(async ({ cluster, rivals, queue, rival, ledger }) => {
    const raw = new Queue<string>(rivals[1], JOBS, { codec: { encode: (item) => item, decode: String } })
    await cluster.until(raw.put('{'))
    await cluster.until(ledger.put(['a'], rival.put('a')))
    const delivery = await cluster.until(queue.take())
    expect(delivery.item).toBe('a')
    await cluster.until(ledger.acked(delivery, delivery.ack()))
    await cluster.pass(EXPIRY_MS)
    await cluster.until(drain(rival))
    const [letter, ...others] = await cluster.until(rival.deadLetters.list())
    expect(others).toEqual([])
    expect(letter!.bytes.toString()).toBe('{')
    await cluster.until(rival.deadLetters.remove(letter!))
  }),

  'puts when there is room': scenario(
    async ({ cluster, queue, rival, ledger }) => {
      await cluster.until(ledger.put(['a'], rival.put('a')))
      const putting = ledger.put(['b'], queue.put('b'))
      await cluster.quiet()
      const delivery = await cluster.until(rival.take())
      await cluster.until(ledger.acked(delivery, delivery.ack()))
      await cluster.until(putting)
    },
    { capacity: 1 },
  ),

  'takes at most once': scenario(
    async (parts) => {
      const { cluster, queue, rival, ledger } = parts
      await cluster.until(ledger.put(['a', 'b'], rival.putMany(['a', 'b'])))
      const delivery = await cluster.until(queue.take({ timeoutMs: 20_000 }))
      ledger.delivered(delivery)
      // What was removed by a session that ended before it could be handed out is lost, as this delivery allows.
      if (delivery.item === 'b') ledger.forget('a')
      await cluster.until(delivery.ack())
    },
    { delivery: 'at-most-once' },
  ),

  'works through four': scenario(async ({ cluster, queue, rival, ledger }) => {
    const items = ['a', 'b', 'c', 'd']
    await cluster.until(ledger.put(items, rival.putMany(items)))
    const backoff = { minTimeoutMs: 50 }
    const worker = new Worker(queue, failsOnce(), { concurrency: 2, backoff })
    const done = (item: string): Promise<void> => ledger.acked({ item }, Promise.resolve())
    worker.on('completed', ({ item }) => void done(item))
    worker.on('lost', ({ item, error }) => void ledger.acked({ item }, Promise.reject(error as Error)))
    await cluster.pass(2_000)
    await cluster.until(worker.stop())
  }),
}

function failsOnce(): (item: string) => void {
  const failed = new Set<string>()
  return (item) => {
    if (failed.has(item)) return
    failed.add(item)
    throw new Error('the first time')
  }
}

faultMatrix({
  name: 'queue',
  paths: [`${JOBS}/claims`, `${JOBS}/waiting`],
  next: async (zk) => {
    const queue = new Queue<string>(zk, JOBS)
    await queue.put('next')
    expect(await drain(queue)).toEqual(['next'])
  },
  scenarios: plays,
})

function idScenario(play: (stage: Stage, queue: IdQueue<string>, rival: IdQueue<string>) => Promise<void>) {
  return async (stage: Stage): Promise<void> => {
    const { cluster, zk, rivals } = stage
    const rival = new IdQueue<string>(rivals[0], JOBS)
    await play(stage, new IdQueue<string>(zk, JOBS), rival)
    await cluster.pass(EXPIRY_MS)
    await cluster.until(drain(rival))
    // No id is left behind, and none is missing: it can be put again.
    expect(await cluster.until(rival.put('again', 'a'))).toBe(true)
    expect(await cluster.until(drain(rival))).toEqual(['again'])
  }
}

faultMatrix({
  name: 'queue with ids',
  paths: [`${JOBS}/claims`, `${JOBS}/waiting`, `${JOBS}/ids`],
  next: async (zk) => {
    const queue = new IdQueue<string>(zk, JOBS)
    expect(await queue.put('next', 'next')).toBe(true)
    expect(await drain(queue)).toEqual(['next'])
  },
  scenarios: {
    'puts twice': idScenario(async ({ cluster }, queue, rival) => {
      const first = await cluster.until(answerOf(queue.put('a', 'a')))
      const put = await cluster.until(rival.size())
      if (first === 'yes') expect(put).toBe(1)
      expect(await cluster.until(rival.put('a', 'a'))).toBe(put === 0)
    }),
    removes: idScenario(async ({ cluster }, queue, rival) => {
      await cluster.until(rival.put('a', 'a'))
      const removed = await cluster.until(answerOf(queue.remove('a')))
      await cluster.pass(EXPIRY_MS)
      if (removed === 'yes') expect(await cluster.until(rival.size())).toBe(0)
    }),
    'takes, puts off, takes again': idScenario(async ({ cluster }, queue, rival) => {
      await cluster.until(rival.put('a', 'a'))
      const delivery = await cluster.until(queue.take())
      await cluster.until(answerOf(delivery.nack({ delayMs: 500 })))
      const again = await cluster.until(queue.take())
      expect(again.id).toBe('a')
      await cluster.until(answerOf(again.ack()))
    }),
  },
})
