/**
 * The local queue and the bias against a model: a line of tasks of which the first may hold. Whatever order of acquiring,
 * giving up, releasing and disturbing is drawn, tasks are served in order, one believes to hold at a time, and nobody
 * is forgotten.
 */
import fc from 'fast-check'
import { Mutex, type Client, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { LocalQueue } from '../../recipes/mutex/local-queue.js'
import { Cluster, EXPIRY_MS, PATH } from './cluster.js'

type Step =
  | { readonly does: 'acquire' | 'release' | 'rival' | 'rival releases' | 'delete' | 'disconnect' | 'expire' }
  | { readonly does: 'abort'; readonly which: number }
  | { readonly does: 'release and abort' }
  | { readonly does: 'pass'; readonly ms: number }

const acquire = fc.constant<Step>({ does: 'acquire' })
const calm: fc.Arbitrary<Step>[] = [
  acquire,
  acquire,
  fc.constantFrom<Step>(
    { does: 'release' },
    { does: 'release and abort' },
    { does: 'rival' },
    { does: 'rival releases' },
  ),
  fc.record({ does: fc.constant('abort' as const), which: fc.nat(5) }),
  fc.record({ does: fc.constant('pass' as const), ms: fc.constantFrom(0, 0.5, 1, 2, 3, 8, 40) }),
]
const faults = fc.constantFrom<Step>({ does: 'delete' }, { does: 'disconnect' }, { does: 'expire' })

interface Waiter {
  readonly id: number
  readonly abort: AbortController
}

class Course {
  readonly #cluster: Cluster
  readonly #mutex: Mutex
  readonly #rival: Mutex
  /** In the order in which they came, less those who gave up. */
  readonly #line: Waiter[] = []
  readonly #held: Hold[] = []
  readonly #theirs: Hold[] = []
  readonly #ends: Promise<unknown>[] = []
  #next = 0
  #token = 0n
  #rivals = 0
  disturbed = false

  constructor(cluster: Cluster, mutex: Mutex, rival: Mutex) {
    this.#cluster = cluster
    this.#mutex = mutex
    this.#rival = rival
  }

  get #believers(): Hold[] {
    return [...this.#held, ...(this.disturbed ? [] : this.#theirs)].filter(({ signal }) => !signal.aborted)
  }

  async step(step: Step): Promise<void> {
    if (step.does === 'pass') return this.#cluster.pass(step.ms)
    if (step.does === 'acquire') this.#acquire()
    else if (step.does === 'rival') this.#contend()
    else if (step.does === 'abort') this.#abort(step.which)
    else if (step.does === 'release') this.#release(this.#held)
    else if (step.does === 'rival releases') this.#release(this.#theirs)
    else if (step.does === 'release and abort') {
      this.#release(this.#held)
      this.#abort(0)
    } else await this.#disturb(step.does)
    // No time passes, but what is decided already is heard.
    await this.#cluster.pass(0)
  }

  #acquire(): void {
    const waiter = { id: this.#next++, abort: new AbortController() }
    this.#line.push(waiter)
    const end = this.#mutex.acquire({ signal: waiter.abort.signal }).then(
      (hold) => {
        // Whoever gave up was told so.
        expect(waiter.abort.signal.aborted).toBe(false)
        expect(this.#line.shift()?.id).toBe(waiter.id)
        this.#hold(hold, this.#held)
      },
      (error: unknown) => expect(error).toBe(waiter),
    )
    this.#ends.push(end)
  }

  #contend(): void {
    this.#rivals++
    this.#ends.push(
      this.#rival.acquire().then((hold) => {
        this.#rivals--
        this.#hold(hold, this.#theirs)
      }),
    )
  }

  #hold(hold: Hold, holds: Hold[]): void {
    if (!hold.signal.aborted && (!this.disturbed || holds === this.#held)) {
      expect(this.#believers).toEqual([])
      expect(hold.fencingToken).toBeGreaterThanOrEqual(this.#token)
      this.#token = hold.fencingToken
    }
    holds.push(hold)
  }

  #abort(which: number): void {
    const [waiter] = this.#line.splice(which, 1)
    waiter?.abort.abort(waiter)
  }

  #release(holds: Hold[]): void {
    const hold = holds.shift()
    if (hold !== undefined) this.#ends.push(hold.release())
  }

  async #disturb(how: 'delete' | 'disconnect' | 'expire'): Promise<void> {
    const { control } = this.#cluster
    const [hold] = this.#held
    const observer = await this.#cluster.observer()
    this.disturbed = true
    if (hold === undefined) return
    if (how === 'delete') this.#ends.push(observer.delete(hold.path).catch(() => undefined))
    else if (how === 'disconnect') control.dropConnection(hold.sessionId)
    else control.expireSession(hold.sessionId)
  }

  async finish(): Promise<void> {
    const { clock } = this.#cluster
    const start = clock.now()
    while (this.#line.length + this.#rivals + this.#held.length + this.#theirs.length > 0) {
      if (clock.now() - start > 3 * EXPIRY_MS) throw new Error(`forgotten: ${JSON.stringify(this.#line)}`)
      this.#release(this.#held)
      this.#release(this.#theirs)
      await this.#cluster.pass(5)
    }
    await this.#cluster.until(Promise.all(this.#ends))
  }
}

async function play(steps: readonly Step[], options: object): Promise<void> {
  await using cluster = await Cluster.start()
  const zks: Client[] = [await cluster.client(), await cluster.client()]
  await cluster.until(zks[1]!.ensurePath(PATH, { mode: 'container' }))
  await cluster.observer()
  const course = new Course(cluster, new Mutex(zks[0]!, PATH, options), new Mutex(zks[1]!, PATH))
  for (const step of steps) await course.step(step)
  await course.finish()
  await cluster.pass(EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
  expect(LocalQueue.countOf(zks[0]!)).toBe(0)
}

const modes = [{}, { biased: { idleMs: 30 } }, { biased: { maxHolds: 3, maxMs: 50 } }]

test.each(modes)(
  'with nothing but waiting and giving up, %j',
  async (options) => {
    const steps = fc.array(fc.oneof(...calm), { minLength: 5, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => play(drawn, options)),
      { numRuns: 120 },
    )
  },
  60_000,
)

test.each(modes)(
  'with deletions, lost connections and ended sessions, %j',
  async (options) => {
    const steps = fc.array(fc.oneof(...calm, ...calm, faults), { minLength: 5, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(steps, async (drawn) => play(drawn, options)),
      { numRuns: 120 },
    )
  },
  60_000,
)

test.each([0, 1, 2, 3, 4, 5, 6])(
  'a biased lock whose znode is deleted after the connection was lost %i ms before leaves no watch',
  async (ms) => {
    const steps: Step[] = [
      { does: 'acquire' },
      { does: 'pass', ms: 2 },
      { does: 'disconnect' },
      { does: 'pass', ms },
      { does: 'delete' },
    ]
    await play(steps, { biased: { idleMs: 30 } })
  },
)
