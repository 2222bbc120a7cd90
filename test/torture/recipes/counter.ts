/**
 * The counter under torture: it ends as the sum of what was added, and at most what may have been; and no answer is
 * less than one that was there before it was asked for.
 */
import { Counter } from '../../../src/index.js'
import type { Violation } from '../check/holders.js'
import { now, type HistoryEvent } from '../history.js'
import { nothing, pickKey, type TortureRecipe } from './recipe.js'

const COUNTERS = 6

/** One `add` as it was tried and answered. */
interface Addition {
  readonly amount: bigint
  readonly from: number
  readonly end: Extract<HistoryEvent, { e: 'did' }> | undefined
}

export const counter: TortureRecipe = {
  name: 'counter',
  contender(zk, root, random, diary) {
    const counters = Array.from({ length: COUNTERS }, (_, key) => new Counter(zk, `${root}/${key}`))
    return {
      async acquire(options) {
        const one = counters[pickKey(random, COUNTERS)] as Counter
        const amount = BigInt(1 + Math.floor(random.next() * 9))
        await diary.keep(`add ${amount}`, one.path, async () => String(await one.add(amount, options)))
        return nothing(zk)
      },
    }
  },
  async check(zk, root, { events }) {
    const violations: Violation[] = []
    for (let key = 0; key < COUNTERS; key++) {
      const path = `${root}/${key}`
      const final = await new Counter(zk, path).get()
      for (const text of checkCounter(additionsTo(path, events), final))
        violations.push({ checker: 'counter', t: now(), text: `${path}: ${text}` })
    }
    return violations
  },
}

export function additionsTo(path: string, events: readonly HistoryEvent[]): Addition[] {
  const ends = new Map(events.flatMap((event) => (event.e === 'did' ? [[event.id, event] as const] : [])))
  return events.flatMap((event) => {
    if (event.e !== 'try' || event.path !== path || !event.what.startsWith('add ')) return []
    return [{ amount: BigInt(event.what.slice(4)), from: event.t, end: ends.get(event.id) }]
  })
}

/** What is wrong. All amounts are above 0. */
export function checkCounter(additions: readonly Addition[], final: bigint): string[] {
  const sum = (some: readonly Addition[]): bigint => some.reduce((total, { amount }) => total + amount, 0n)
  const sure = additions.filter(({ end }) => end?.outcome === 'ok')
  const least = sum(sure)
  const most = sum(additions.filter(({ end }) => end?.outcome !== 'no'))
  const wrong =
    final < least || final > most ? [`it is ${final}, and should be from ${least} to ${most}`] : []
  const answers = sure
    .map(({ amount, from, end }) => ({ amount, from, to: end?.t ?? 0, value: BigInt(end?.value ?? 0) }))
    .sort((a, b) => a.from - b.from)
  if (new Set(answers.map(({ value }) => value)).size < answers.length) wrong.push('two got the same sum')
  const ended = [...answers].sort((a, b) => a.to - b.to)
  let next = 0
  let highest = 0n
  for (const { amount, from, value } of answers) {
    for (let before = ended[next]; before !== undefined && before.to < from; before = ended[++next])
      if (before.value > highest) highest = before.value
    if (value < highest + amount) wrong.push(`${value} was answered to one who asked after ${highest}`)
  }
  return wrong
}
