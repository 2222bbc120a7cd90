import { Counter, hasCode, type CounterOptions, type Zk } from 'latchkey'
import { expect } from 'vitest'
import { faultMatrix, type Stage } from '../fault-matrix.js'

const PATH = '/app/counter'

/** What was added for certain, and what may have been: the number must lie in between. */
class Sum {
  least = 0n
  most = 0n

  /** Waits for a change by `by`, and books it. A refusal that is not "unknown" must have done nothing. */
  async book(by: bigint, changing: Promise<unknown>): Promise<void> {
    try {
      await changing
    } catch (error) {
      if (!hasCode(error, 'CONNECTION_LOSS') || error.outcome !== 'unknown') throw error
      this.most += by
      return
    }
    this.least += by
    this.most += by
  }

  check(value: bigint): void {
    expect(value).toBeGreaterThanOrEqual(this.least)
    expect(value).toBeLessThanOrEqual(this.most)
  }
}

type Play = (counter: Counter, rival: Counter, sum: Sum, stage: Stage) => Promise<void>

function scenario(options: CounterOptions, play: Play) {
  return async (stage: Stage): Promise<void> => {
    const { cluster, zk, rivals } = stage
    const counter = new Counter(zk, PATH, options)
    const rival = new Counter(rivals[0], PATH, options)
    const sum = new Sum()
    await play(counter, rival, sum, stage)
    sum.check(await cluster.until(rival.get()))
    await cluster.until(Promise.all([counter.close(), rival.close()]))
  }
}

const plays: Readonly<Record<string, Play>> = {
  'three in a row': async (counter, _, sum, { cluster }) => {
    for (let i = 0; i < 3; i++) await cluster.until(sum.book(2n, counter.add(2n)))
  },

  'four at once': async (counter, _, sum, { cluster }) => {
    await cluster.until(Promise.all([1n, 2n, 4n, 8n].map(async (by) => sum.book(by, counter.add(by)))))
  },

  'against another': async (counter, rival, sum, { cluster }) => {
    const one = async (of: Counter, by: bigint): Promise<void> => {
      for (let i = 0; i < 3; i++) await sum.book(by, of.add(by))
    }
    await cluster.until(Promise.all([one(counter, 1n), one(rival, 10n)]))
  },

  'a comparison that fails': async (counter, rival, sum, { cluster }) => {
    await cluster.until(sum.book(5n, rival.add(5n)))
    expect(await cluster.until(counter.compareAndSet(4n, 6n))).toBe(false)
    expect(await cluster.until(counter.get())).toBe(5n)
  },
}

const missing: Play = async (counter, _, sum, { cluster, rivals }) => {
  await cluster.until(rivals[1].delete(PATH))
  await cluster.until(sum.book(1n, counter.increment()))
}

async function next(zk: Zk): Promise<void> {
  const counter = new Counter(zk, PATH)
  await counter.increment()
  await counter.close()
}

const scenariosOf = (options: CounterOptions, given: Readonly<Record<string, Play>>) =>
  Object.fromEntries(Object.entries(given).map(([name, play]) => [name, scenario(options, play)]))

faultMatrix({ name: 'counter', paths: [PATH], next, scenarios: scenariosOf({}, { ...plays, missing }) })
faultMatrix({
  name: 'counter without markers',
  paths: [PATH],
  next,
  scenarios: scenariosOf({ lostReplies: 'value' }, plays),
})
