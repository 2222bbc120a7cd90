import { Counter, hasCode, type Client } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/runtime/random.js'
import { isLinearizable, type Model, type Operation } from '../../support/linearizability.js'
import { Cluster, EXPIRY_MS } from '../cluster.js'

const PATH = '/app/counter'

type Call =
  | { readonly kind: 'add'; readonly by: bigint }
  | { readonly kind: 'get' }
  | { readonly kind: 'cas'; readonly from: bigint; readonly to: bigint }
type Answer = bigint | boolean

const model: Model<bigint, Answer> = {
  initial: 0n,
  step(state, what) {
    const call = what as Call
    if (call.kind === 'get') return { state, answer: state }
    if (call.kind === 'add') return { state: state + call.by, answer: state + call.by }
    return state === call.from ? { state: call.to, answer: true } : { state, answer: false }
  },
  key: String,
}

const add = (by: bigint, called: number, at: number | undefined, answer = 0n): Operation<Answer> => ({
  called,
  what: { kind: 'add', by },
  answered: at === undefined ? undefined : { at, answer },
})
const get = (called: number, at: number, answer: bigint): Operation<Answer> => ({
  called,
  what: { kind: 'get' },
  answered: { at, answer },
})

describe('the checker', () => {
  test.each<[string, boolean, Operation<Answer>[]]>([
    ['one after the other', true, [add(1n, 0, 1, 1n), add(1n, 2, 3, 2n), get(4, 5, 2n)]],
    ['an increment applied twice and told once', false, [add(1n, 0, 1, 1n), get(2, 3, 2n)]],
    ['a lost update', false, [add(1n, 0, 3, 1n), add(1n, 1, 4, 1n)]],
    ['overlapping ones in either order', true, [add(1n, 0, 3, 2n), add(1n, 1, 4, 1n)]],
    ['an old answer after a newer one', false, [add(1n, 0, 1, 1n), get(2, 3, 0n)]],
    ['an unknown one that took effect', true, [add(5n, 0, undefined), get(2, 3, 5n)]],
    ['an unknown one that did not', true, [add(5n, 0, undefined), get(2, 3, 0n)]],
    ['an unknown one that took effect twice', false, [add(5n, 0, undefined), get(2, 3, 10n)]],
  ])('%s: %s', (_, verdict, history) => {
    expect(isLinearizable(history, model)).toBe(verdict)
  })
})

async function run(zk: Client, cluster: Cluster, seed: number, history: Operation<Answer>[]): Promise<void> {
  const random = seededRandom(seed)
  const below = (n: number): bigint => BigInt(Math.floor(random.next() * n))
  const counter = new Counter(zk, PATH)
  for (let i = 0; i < 6; i++) {
    const kind = random.next()
    const call: Call =
      kind < 0.5
        ? { kind: 'add', by: 1n + below(3) }
        : kind < 0.75
          ? { kind: 'get' }
          : { kind: 'cas', from: below(8), to: below(8) }
    const called = cluster.clock.now()
    let answered: Operation<Answer>['answered']
    try {
      const calling: Promise<Answer> =
        call.kind === 'add'
          ? counter.add(call.by)
          : call.kind === 'get'
            ? counter.get()
            : counter.compareAndSet(call.from, call.to)
      const answer = await calling
      answered = { at: cluster.clock.now(), answer }
    } catch (error) {
      if (!hasCode(error, 'CONNECTION_LOSS') || error.outcome !== 'unknown') throw error
    }
    history.push({ called, what: call, answered })
  }
  await counter.close()
}

test.each(Array.from({ length: 40 }, (_, seed) => seed))('under faults, seed %i', async (seed) => {
  await using cluster = await Cluster.start()
  const zks = [await cluster.client(), await cluster.client(), await cluster.client()]
  const random = seededRandom(1_000 + seed)
  const { control } = cluster
  for (let i = 0; i < 6; i++) {
    const point = 1 + Math.floor(random.next() * 40)
    let count = 0
    const kind = Math.floor(random.next() * 3)
    const fault = control[kind === 0 ? 'dropBefore' : 'dropAfter']({
      where: () => ++count === point,
    })
    if (kind === 2) void fault.fired.then(({ session }) => control.expireSession(session))
  }
  const history: Operation<Answer>[] = []
  await cluster.until(Promise.all(zks.map(async (zk, i) => run(zk, cluster, 100 * seed + i, history))))
  control.clearFaults()
  await cluster.pass(EXPIRY_MS)
  const called = cluster.clock.now()
  const answer = await cluster.until(new Counter(zks[0]!, PATH).get())
  history.push({ called, what: { kind: 'get' }, answered: { at: cluster.clock.now(), answer } })
  expect(
    isLinearizable(history, model),
    JSON.stringify(history, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)),
  ).toBe(true)
})
