/** Where tests of packs look at what is on the server. */
import type { Delivery, Queue } from 'latchkey'
import { expect } from 'vitest'
import type { Cluster } from './cluster.js'
import { JOBS } from './queue-stage.js'

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Names of the znodes that hold items. */
export async function znodes(cluster: Cluster, shelf = 'ready'): Promise<string[]> {
  const found: string[] = []
  for (const segment of (await cluster.children(`${JOBS}/${shelf}`)) ?? [])
    found.push(...((await cluster.children(`${JOBS}/${shelf}/${segment}`)) ?? []))
  return found
}

export async function pathOf(cluster: Cluster): Promise<string> {
  const [segment] = (await cluster.children(`${JOBS}/ready`))!
  const [name] = (await cluster.children(`${JOBS}/ready/${segment}`))!
  return `${JOBS}/ready/${segment}/${name}`
}

export const claimOf = ({ path }: Delivery<unknown>): string =>
  `${JOBS}/claims/${path.slice(path.lastIndexOf('/') + 1)}`

export async function takeMany<T>(cluster: Cluster, queue: Queue<T>, count: number): Promise<Delivery<T>[]> {
  return cluster.until(Promise.all(numbers(count).map(async () => queue.take())))
}

export const itemsOf = <T>(deliveries: readonly Delivery<T>[]): T[] => deliveries.map(({ item }) => item)

/** Of a queue that had dead letters: their parents are there yet. */
export async function expectNoItems(cluster: Cluster, queue: Queue<unknown>): Promise<void> {
  await cluster.quiet()
  expect(await znodes(cluster)).toEqual([])
  expect(await cluster.until(queue.deadLetters.size())).toBe(0)
  expect((await cluster.children(`${JOBS}/claims`)) ?? []).toEqual([])
  expect(cluster.control.watchCounts()).toEqual({ data: 0, children: 0 })
}
