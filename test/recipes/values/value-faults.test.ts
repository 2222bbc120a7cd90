import { AtomicValue, Counter, hasCode, jsonCodec, SharedValue, type Zk } from 'latchkey'
import { expect } from 'vitest'
import { faultMatrix, type Stage } from '../fault-matrix.js'

const PATH = '/app/value'
const LOCK_PATH = '/app/value-lock'

type Names = readonly string[]
const spec = { codec: jsonCodec<Names>(), initial: [] as Names }

/** What of several writers must be in a list once, and what may be. */
class Entries {
  readonly #sure = new Set<string>()
  readonly #possible = new Set<string>()

  /** A refusal that is not "unknown" must have done nothing. `undefined`: somebody else was faster. */
  async book(name: string, writing: Promise<unknown>): Promise<boolean> {
    try {
      if ((await writing) === undefined) return false
      this.#sure.add(name)
      return true
    } catch (error) {
      if (!hasCode(error, 'CONNECTION_LOSS') || error.outcome !== 'unknown') throw error
      this.#possible.add(name)
      return true
    }
  }

  check(names: Names): void {
    expect(new Set(names).size).toBe(names.length)
    for (const name of this.#sure) expect(names).toContain(name)
    for (const name of names) expect(this.#sure.has(name) || this.#possible.has(name)).toBe(true)
  }
}

interface Value extends AsyncDisposable {
  /** Puts a name behind the others. */
  append(name: string, entries: Entries): Promise<void>
  names(): Promise<Names>
}

function atomic(zk: Zk, lockPath?: string): Value {
  const value = new AtomicValue(zk, PATH, { ...spec, lockPath })
  return {
    append: async (name, entries) => {
      await entries.book(
        name,
        value.update((names) => [...names, name]),
      )
    },
    names: async () => value.get(),
    [Symbol.asyncDispose]: async () => value.close(),
  }
}

function shared(zk: Zk): Value {
  const value = new SharedValue(zk, PATH, spec)
  return {
    append: async (name, entries) => {
      for (;;) {
        const now = await value.get()
        if (await entries.book(name, value.compareAndSet(now, [...now.value, name]))) return
      }
    },
    names: async () => (await value.get()).value,
    [Symbol.asyncDispose]: async () => value.close(),
  }
}

function lockedCounter(zk: Zk): Value {
  const counter = new Counter(zk, PATH, { lockPath: LOCK_PATH })
  return {
    append: async (name, entries) => {
      await entries.book(name, counter.add(2n ** BigInt(name)))
    },
    // The bits of the sum are the names: one that was added twice shows as another.
    names: async () => {
      const sum = await counter.get()
      return Array.from({ length: 32 }, (_, i) => i).flatMap((i) => ((sum >> BigInt(i)) & 1n ? [`${i}`] : []))
    },
    [Symbol.asyncDispose]: async () => counter.close(),
  }
}

function matrix(name: string, make: (zk: Zk) => Value): void {
  const play = (counts: readonly number[]) => async (stage: Stage) => {
    const { cluster, zk, rivals } = stage
    const values = [...rivals, zk].slice(-counts.length).map(make)
    const entries = new Entries()
    const work = values.map(async (value, i) => {
      for (let n = 0; n < counts[i]!; n++) await value.append(`${3 * i + n}`, entries)
    })
    await cluster.until(Promise.all(work))
    entries.check(await cluster.until(make(rivals[0]).names()))
    await cluster.until(Promise.all(values.map(async (value) => value[Symbol.asyncDispose]())))
  }
  faultMatrix({
    name,
    paths: [PATH, LOCK_PATH],
    next: async (zk) => {
      await using value = make(zk)
      await value.append('20', new Entries())
    },
    scenarios: { 'three in a row': play([3]), 'against three others that are faster': play([3, 3, 3, 3]) },
  })
}

matrix('atomic value', (zk) => atomic(zk))
matrix('atomic value with a lock to promote to', (zk) => atomic(zk, LOCK_PATH))
matrix('shared value', shared)
matrix('counter with a lock to promote to', lockedCounter)
