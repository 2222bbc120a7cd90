/** Where queue tests play, and the ledger that tells whether an item was lost or came twice. */
import type { Client, Delivery, Queue } from 'latchkey'
import { expect } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Cluster } from './cluster.js'

export const JOBS = '/jobs'

/** Takes and acknowledges one. */
export async function takeOne<T>(queue: Pick<Queue<T>, 'take'>): Promise<T> {
  const delivery = await queue.take({ timeoutMs: 60_000 })
  await delivery.ack()
  return delivery.item
}

/** Takes and acknowledges all that there is now. */
export async function drain<T>(queue: Pick<Queue<T>, 'tryTake'>): Promise<T[]> {
  const items: T[] = []
  for (;;) {
    const delivery: Delivery<T> | undefined = await queue.tryTake()
    if (delivery === undefined) return items
    items.push(delivery.item)
    await delivery.ack()
  }
}

/** Below the queue nothing is left but empty parents, and marks of producers that are still there. */
export async function expectEmpty(cluster: Cluster, path = JOBS): Promise<void> {
  await cluster.quiet()
  const observer = await cluster.observer()
  await cluster.until(observer.sync('/'))
  for (const name of ['claims', 'waiting', 'dead', 'ids'])
    expect(await cluster.children(`${path}/${name}`), name).toSatisfy(isEmpty)
  for (const shelf of ['ready', 'delayed'])
    for (const segment of (await cluster.children(`${path}/${shelf}`)) ?? [])
      expect(await cluster.children(`${path}/${shelf}/${segment}`), segment).toSatisfy(isEmpty)
  expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
  for (const client of cluster.clients) expect(Janitor.of(client).pending).toBe(0)
}

const isEmpty = (children: string[] | undefined): boolean => (children ?? []).length === 0

export async function queueStage(
  count: number,
): Promise<AsyncDisposable & { cluster: Cluster; zks: Client[] }> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < count; i++) zks.push(await cluster.client())
  return { cluster, zks, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}
