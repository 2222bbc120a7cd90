/**
 * A real server's sequence counter does not wrap: it sticks at 2147483647 (the tree takes only a larger one), so from
 * then on numbers repeat and tell no order. Where creates are in flight together some get the number after the wrap.
 */
import { Mutex, ReadWriteLock, type Client, type Hold, type Zk } from 'latchkey'
import { expect, test } from 'vitest'
import { birthInName, uuidWithBirth } from '../../recipes/kernel/birth-order.js'
import { PATH, stage } from './cluster.js'

/** A server lists children in no particular order; the embedded one by age, which would hide mistakes. */
function unordered(zk: Client): Zk {
  return new Proxy<Client>(zk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const call = (...given: unknown[]): unknown => Reflect.apply(value, target, given)
      if (name !== 'children') return call
      return async (...given: Parameters<Client['children']>) => {
        const found = await target.children(...given)
        return { ...found, children: found.children.sort().reverse() }
      }
    },
  })
}

test.each(['wrap', 'stick'] as const)(
  'when the counter comes to its end and the server lets it %s, one holds at a time, in order',
  async (sequenceOverflow) => {
    await using staged = await stage(8, { sequenceOverflow })
    const { cluster, zks } = staged
    const mutexes = zks.map((zk) => new Mutex(unordered(zk), PATH))
    const first = await cluster.until(mutexes[0]!.acquire())
    cluster.control.setSequence(PATH, 2_147_483_645)
    const holding = new Set<Hold>()
    const tokens: bigint[] = []
    const turns = mutexes.map(async (mutex, index) => {
      for (let turn = 0; turn < 3; turn++) {
        const hold = await mutex.acquire()
        holding.add(hold)
        expect(holding.size, `held with ${index} in turn ${turn}`).toBe(1)
        tokens.push(hold.fencingToken)
        await cluster.observer().then(async (observer) => observer.exists(PATH))
        holding.delete(hold)
        await hold.release()
      }
    })
    const all = Promise.all(turns)
    await cluster.quiet()
    expect(holding.size).toBe(0)
    await cluster.until(first.release())
    await cluster.until(all)
    expect(tokens).toHaveLength(24)
    expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)))
    await cluster.expectNothingLeft(PATH)
  },
)

test.each([1n, 0x1_0000_00ffn, 0x7fff_ffff_ffff_ffffn])(
  'a czxid of %i goes into a UUID and comes out again',
  (czxid) => {
    const uuid = uuidWithBirth('01234567-89ab-4cde-9f01-23456789abcd', czxid)
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-23456789abcd$/)
    expect(birthInName(`_c_${uuid}-__READ__2147483647`)).toBe(czxid)
    expect(birthInName(`${uuid.replaceAll('-', '')}__rlock__2147483647`)).toBe(czxid)
    expect(birthInName('_c_01234567-89ab-4cde-9f01-23456789abcd-lock-2147483647')).toBeUndefined()
  },
)

test('a lock downgraded where numbers repeat keeps its place before the writers that wait', async () => {
  await using staged = await stage(3, { sequenceOverflow: 'stick' })
  const { cluster, zks } = staged
  cluster.control.setSequence(PATH, 2_147_483_647)
  const [one, two, three] = zks.map((zk) => new ReadWriteLock(unordered(zk), PATH))
  const write = await cluster.until(one!.writeLock.acquire())
  let held = ''
  const next = two!.writeLock.acquire().then((hold) => ((held += 'w'), hold))
  await cluster.quiet()
  const late = three!.readLock.acquire().then((hold) => ((held += 'r'), hold))
  const read = await cluster.until(write.downgrade())
  await cluster.pass(5_000)
  expect(held).toBe('')
  await cluster.until(read.release())
  await cluster.until((await cluster.until(next)).release())
  await cluster.until((await cluster.until(late)).release())
  expect(held).toBe('wr')
  await cluster.expectNothingLeft(PATH)
})
