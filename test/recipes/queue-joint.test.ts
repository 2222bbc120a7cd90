/** Claims and acknowledgements that are under way at the same time share transactions; none suffers for another. */
import { type Client, type Delivery, Queue } from 'latchkey'
import { describe, expect, test } from 'vitest'
import type { Cluster } from './cluster.js'
import { drain, expectEmpty, JOBS, queueStage, takeOne } from './queue-stage.js'

const COUNT = 20

const requestsOf = (cluster: Cluster, zk: Client): number =>
  cluster.control.sessions().find(({ id }) => id === zk.session!.id)!.requests

async function takeAll(cluster: Cluster, queue: Queue<number>): Promise<Delivery<number>[]> {
  return cluster.until(Promise.all(Array.from({ length: COUNT }, async () => queue.take())))
}

async function filled(cluster: Cluster, zk: Client): Promise<Queue<number>> {
  const queue = new Queue<number>(zk, JOBS, { packItems: 1 })
  // Makes the parents, so that the next transactions are not refused for want of them.
  await cluster.until(queue.put(-1))
  await cluster.until(takeOne(queue))
  await cluster.until(queue.putMany(Array.from({ length: COUNT }, (_, index) => index)))
  return queue
}

const claimOf = ({ path }: Delivery<number>): string =>
  `${JOBS}/claims/${path.slice(path.lastIndexOf('/') + 1)}`

describe('many at a time', () => {
  test('acknowledgements of one turn are one request', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!)
    const taken = await takeAll(cluster, queue)
    const before = requestsOf(cluster, zks[0]!)
    await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
    expect(requestsOf(cluster, zks[0]!) - before).toBe(1)
    await expectEmpty(cluster)
  })

  test('claims cost a read for each and few transactions', async () => {
    await using stage = await queueStage(1)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!)
    const before = requestsOf(cluster, zks[0]!)
    const taken = await takeAll(cluster, queue)
    expect(taken.map(({ item }) => item).sort((a, b) => a - b)).toEqual(taken.map((_, index) => index))
    expect(requestsOf(cluster, zks[0]!) - before).toBeLessThan(COUNT * 1.6)
    await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
    await expectEmpty(cluster)
  })

  test('when one claim was deleted by somebody, only that acknowledgement is lost', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!)
    const taken = await takeAll(cluster, queue)
    await cluster.until(zks[1]!.delete(claimOf(taken[7]!)))
    const ends = await cluster.until(Promise.allSettled(taken.map(async (delivery) => delivery.ack())))
    expect(ends.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([7])
    expect(ends[7]).toMatchObject({ reason: { code: 'LOCK_LOST' } })
    expect(await cluster.until(drain(new Queue<number>(zks[1]!, JOBS)))).toEqual([taken[7]!.item])
    await expectEmpty(cluster)
  })

  test.each(['dropAfter', 'dropBefore'] as const)(
    'a shared acknowledgement, %s: each is told the truth, nothing comes again',
    async (fault) => {
      await using stage = await queueStage(1)
      const { cluster, zks } = stage
      const queue = await filled(cluster, zks[0]!)
      const taken = await takeAll(cluster, queue)
      const armed = cluster.control[fault]({ operation: 'multi' })
      await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
      expect(armed.hasFired).toBe(true)
      expect(await cluster.until(drain(queue))).toEqual([])
      await expectEmpty(cluster)
    },
  )

  test.each(['dropAfter', 'dropBefore'] as const)(
    'a shared claim, %s: each item comes once',
    async (fault) => {
      await using stage = await queueStage(1)
      const { cluster, zks } = stage
      const queue = await filled(cluster, zks[0]!)
      const armed = cluster.control[fault]({ operation: 'multi' })
      const taken = await takeAll(cluster, queue)
      expect(armed.hasFired).toBe(true)
      expect(new Set(taken.map(({ item }) => item)).size).toBe(COUNT)
      expect(taken.every(({ attempt }) => attempt === 1)).toBe(true)
      await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
      await expectEmpty(cluster)
    },
  )

  test('applied, its reply lost, and one claim deleted before it is looked for: no claim is left behind', async () => {
    await using stage = await queueStage(2)
    const { cluster, zks } = stage
    const queue = await filled(cluster, zks[0]!)
    const armed = cluster.control.dropAfter({ operation: 'multi', session: zks[0]!.session!.id })
    const [segment] = (await cluster.children(`${JOBS}/ready`)) ?? []
    const [name] = (await cluster.children(`${JOBS}/ready/${segment!}`)) ?? []
    const taking = takeAll(cluster, queue)
    const deleting = (async () => {
      await armed.fired
      await zks[1]!.delete(`${JOBS}/claims/${name!}`)
    })()
    await cluster.until(deleting)
    const taken = await taking
    expect(new Set(taken.map(({ item }) => item)).size).toBe(COUNT)
    await cluster.until(Promise.all(taken.map(async (delivery) => delivery.ack())))
    expect(await cluster.until(drain(queue))).toEqual([])
    await expectEmpty(cluster)
  })
})
