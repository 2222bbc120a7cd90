/**
 * The contender kernel in every order in which what clients and server say can arrive: fast-check's scheduler decides
 * which connection is served next, in either direction; on each connection order holds, as on TCP. So one client's grant
 * may come before another's create is answered, a watch before the reply of an earlier request of somebody else, and an
 * abort at any moment between. Time stands still: nothing but the order of messages moves it.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { connect, hasCode, Mutex, Semaphore, type Client } from 'latchkey'
import { startServer } from 'latchkey/server'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { seededRandom } from '../../src/runtime/random.js'
import { VirtualClock } from '../../src/runtime/virtual-clock.js'
import { MemoryNetwork, type Lane } from '../../src/transport/memory.js'
import { silent, watched } from '../support/world.js'

const RUNS = Number(process.env['LATCHKEY_ORDER_RUNS'] ?? 100)
const CLIENTS = 3
const PATH = '/lock'
/** More steps than any run needs: one that goes on is stuck. */
const MOST_STEPS = 20_000

/** What is sent waits here, in its order, until the scheduler lets the first of it arrive. */
function scheduledLane(scheduler: fc.Scheduler, label: string): Lane {
  const waiting: (() => void)[] = []
  const next = (): void => {
    void scheduler.schedule(Promise.resolve(), label).then(() => {
      waiting.shift()?.()
      if (waiting.length > 0) next()
    })
  }
  return (fn) => {
    waiting.push(fn)
    if (waiting.length === 1) next()
  }
}

class Orders implements AsyncDisposable {
  readonly clock = new VirtualClock()
  readonly #network = new MemoryNetwork(this.clock)
  readonly #random: ReturnType<typeof seededRandom>
  readonly #scheduler: fc.Scheduler
  #server: Awaited<ReturnType<typeof startServer>> | undefined
  readonly clients: Client[] = []

  constructor(scheduler: fc.Scheduler, seed: number) {
    this.#scheduler = scheduler
    this.#random = seededRandom(seed)
  }

  async begin(): Promise<void> {
    const runtime = { clock: this.clock, random: this.#random }
    const starting = startServer({ runtime, acceptor: this.#network, tickTimeMs: 500, logger: silent })
    const server = await this.until(starting)
    this.#server = server
    for (let i = 0; i < CLIENTS; i++) {
      const lane = (direction: string): Lane => scheduledLane(this.#scheduler, `${direction} of ${i}`)
      const options = { runtime, transport: this.#network.host({ lane }), logger: silent }
      this.clients.push(await this.until(connect(server.connectString, options)))
    }
  }

  /** Lets one message after the other arrive, as the scheduler has it. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const outcome = watched(promise)
    await this.#untilTrue(() => outcome.settled)
    return promise
  }

  async #untilTrue(isOver: () => boolean): Promise<void> {
    for (let step = 0; !isOver(); step++) {
      if (step > MOST_STEPS) throw new Error('nothing comes of it')
      await this.clock.advance(0)
      if (this.#scheduler.count() > 0) await this.#scheduler.waitNext(1)
    }
  }

  /** So many moments of the scheduler's choice. */
  async moments(count: number, label: string): Promise<void> {
    for (let i = 0; i < count; i++) await this.#scheduler.schedule(Promise.resolve(), label)
  }

  /** What is left when nobody owes a delete any more. */
  async children(): Promise<readonly string[]> {
    await this.#untilTrue(() => this.clients.every((zk) => Janitor.of(zk).pending === 0))
    const [zk] = this.clients
    if (zk === undefined) throw new Error('not begun')
    // Nobody may have come so far that the parent was made.
    const listed = zk.children(PATH).catch((error: unknown) => {
      if (hasCode(error, 'NO_NODE')) return { children: [] }
      throw error
    })
    return (await this.until(listed)).children
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await this.until(client.close())
    if (this.#server !== undefined) await this.until(this.#server.close())
    await this.clock.advance(10)
  }
}

interface Holder {
  readonly fencingToken: bigint
  release(): Promise<void>
}

type Acquire = (zk: Client, signal: AbortSignal) => Promise<Holder>

const kinds: Readonly<Record<string, { readonly most: number; readonly acquire: Acquire }>> = {
  'a mutex': {
    most: 1,
    acquire: async (zk, signal) => new Mutex(zk, PATH, { localQueue: false }).acquire({ signal }),
  },
  'a mutex whose tasks wait in their process': {
    most: 1,
    acquire: async (zk, signal) => new Mutex(zk, PATH).acquire({ signal }),
  },
  'a semaphore of two': {
    most: 2,
    acquire: async (zk, signal) => new Semaphore(zk, PATH, { permits: 2 }).acquire(1, { signal }),
  },
}

/** What one does, and on which client. Its patience may last for longer than it takes to be let in. */
interface Task {
  readonly client: number
  readonly patience: number | null
  readonly work: number
}

const task: fc.Arbitrary<Task> = fc.record({
  client: fc.nat(CLIENTS - 1),
  patience: fc.option(fc.nat(20)),
  work: fc.nat(10),
})

test.each(Object.entries(kinds))(
  '%s: in whatever order messages arrive, never too many hold, all are served, and nothing is left',
  { timeout: 120_000 },
  async (_, { most, acquire }) => {
    let grants = 0
    const holdsInEveryOrder = async (
      scheduler: fc.Scheduler,
      tasks: readonly Task[],
      seed: number,
    ): Promise<void> => {
      await using orders = new Orders(scheduler, seed)
      await orders.begin()
      let inside = 0
      const turns = tasks.map(async ({ client, patience, work }, index) => {
        const controller = new AbortController()
        const reason = new Error('enough')
        if (patience !== null)
          void orders.moments(patience, `patience of ${index}`).then(() => controller.abort(reason))
        try {
          const hold = await acquire(orders.clients[client] as Client, controller.signal)
          grants++
          expect(++inside).toBeLessThanOrEqual(most)
          await orders.moments(work, `work of ${index}`)
          inside--
          await hold.release()
        } catch (error) {
          if (error !== reason) throw error
        }
      })
      await orders.until(Promise.all(turns))
      expect(await orders.children()).toEqual([])
    }
    const tasks = fc.array(task, { minLength: 2, maxLength: 7 })
    await fc.assert(fc.asyncProperty(fc.scheduler(), tasks, fc.nat(), holdsInEveryOrder), { numRuns: RUNS })
    expect(grants).toBeGreaterThan(RUNS)
  },
)
