/**
 * What one test file must have given back at its end: sockets, listening servers, child processes and timers; clients and embedded servers that it started; watches that a server kept for nobody; deletes owed by a
 * janitor; abort listeners on signals that are still in use; and no promise that was rejected with nobody there.
 *
 * It follows clients and servers from their start by standing in front of one method of each class. `audit-setup.ts` makes
 * it part of every test file.
 */
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Client } from '../../src/client/client.js'
import type { ServerControl } from '../../src/server/control.js'
import { EmbeddedServer } from '../../src/server/server.js'
import { systemClock } from '../../src/runtime/clock.js'
import { SessionClient } from '../../src/session/session.js'
import { collectGarbage, countResources, type Resources } from './holdings.js'

type Method = (this: object, ...given: unknown[]) => unknown

/** Calls `before` with the object and, for each call of `name`, only then the method itself. Returns the way back. */
function precede(owner: object, name: string, before: (self: object) => void): () => void {
  const methods = owner as Record<string, Method>
  const original = methods[name]
  if (original === undefined) throw new TypeError(`there is no method ${name}`)
  methods[name] = function (...given) {
    before(this)
    return original.apply(this, given)
  }
  return () => {
    methods[name] = original
  }
}

/** Abort listeners by signal. A signal that nobody can reach any more, or that has aborted, keeps nothing alive. */
class AbortListeners {
  readonly #counts = new WeakMap<AbortSignal, { count: number }>()
  readonly #signals = new Set<WeakRef<AbortSignal>>()
  readonly #disregarded = new WeakSet<AbortSignal>()

  change(target: unknown, type: unknown, by: 1 | -1): void {
    if (type !== 'abort' || !(target instanceof AbortSignal)) return
    let entry = this.#counts.get(target)
    if (entry === undefined) {
      entry = { count: 0 }
      this.#counts.set(target, entry)
      this.#signals.add(new WeakRef(target))
    }
    entry.count = Math.max(0, entry.count + by)
  }

  disregard(signal: AbortSignal): void {
    this.#disregarded.add(signal)
  }

  get live(): number {
    let total = 0
    for (const ref of this.#signals) {
      const signal = ref.deref()
      if (signal === undefined) this.#signals.delete(ref)
      else if (!signal.aborted && !this.#disregarded.has(signal))
        total += this.#counts.get(signal)?.count ?? 0
    }
    return total
  }
}

/** Watches that a server keeps although their session is gone; undefined if there are none. */
export function watchesOfNobody(control: ServerControl): string | undefined {
  const { data, children } = control.watchCounts()
  const sessions = control.sessions()
  const nobodys = {
    data: data - sessions.reduce((sum, { dataWatches }) => sum + dataWatches.length, 0),
    children: children - sessions.reduce((sum, { childWatches }) => sum + childWatches.length, 0),
  }
  if (nobodys.data <= 0 && nobodys.children <= 0) return undefined
  return `watches of no session: ${nobodys.data} data, ${nobodys.children} children`
}

export class FileAudit {
  readonly #before: Resources
  readonly #undo: (() => void)[] = []
  readonly #sessions = new Set<SessionClient>()
  readonly #clients = new Set<Client>()
  readonly #servers = new Set<EmbeddedServer>()
  readonly #listeners = new AbortListeners()
  /** Of the system's clock: those of the process come and go with whoever runs the tests. */
  readonly #timers = new Set<object>()
  readonly #said: string[] = []

  constructor() {
    this.#before = countResources()
    this.#follow()
    this.#followListeners()
    this.#followTimers()
    const unhandled = (reason: unknown): void =>
      void this.#said.push(`unhandled rejection: ${String(reason)}`)
    process.on('unhandledRejection', unhandled)
    this.#undo.push(() => void process.off('unhandledRejection', unhandled))
  }

  #follow(): void {
    this.#undo.push(
      precede(SessionClient.prototype, 'start', (self) => void this.#sessions.add(self as SessionClient)),
      precede(EmbeddedServer.prototype, 'start', (self) => void this.#servers.add(self as EmbeddedServer)),
      precede(EmbeddedServer.prototype, 'close', (self) => {
        const found = watchesOfNobody((self as EmbeddedServer).control)
        if (found !== undefined) this.#said.push(found)
      }),
      precede(Client.prototype, 'close', (self) => void this.#clients.add(self as Client)),
    )
  }

  #followTimers(): void {
    const { setTimer } = systemClock
    const timers = this.#timers
    systemClock.setTimer = (ms, fn) => {
      const timer = setTimer(ms, () => {
        timers.delete(timer)
        fn()
      })
      timers.add(timer)
      const cancel = (): void => {
        timers.delete(timer)
        timer.cancel()
      }
      return { cancel }
    }
    this.#undo.push(() => void (systemClock.setTimer = setTimer))
  }

  #followListeners(): void {
    const { prototype } = EventTarget as unknown as { prototype: Record<string, Method> }
    for (const [name, by] of [
      ['addEventListener', 1],
      ['removeEventListener', -1],
    ] as const) {
      const original = prototype[name]!
      const listeners = this.#listeners
      prototype[name] = function (...given) {
        listeners.change(this, given[0], by)
        return original.apply(this, given)
      }
      this.#undo.push(() => void (prototype[name] = original))
    }
  }

  /** Whoever runs the tests listens to a signal of its own. */
  disregard(signal: AbortSignal): void {
    this.#listeners.disregard(signal)
  }

  /** Everything that is left, in words; what is being closed just now gets some turns of the event loop. */
  async findings(): Promise<string[]> {
    let left: string[] = []
    // Once at least: a rejection is known to be unhandled only when the turn is over.
    for (let turn = 0; turn === 0 || (turn < 200 && left.length > 0); turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
      if (turn % 20 === 19) collectGarbage()
      left = this.#left()
    }
    return [...left, ...this.#said]
  }

  #left(): string[] {
    const now = countResources()
    const found: string[] = []
    for (const key of ['sockets', 'servers', 'processes'] as const)
      if (now[key] > this.#before[key]) found.push(`${now[key] - this.#before[key]} more ${key} than before`)
    if (this.#timers.size > 0) found.push(`${this.#timers.size} timers running`)
    const clients = [...this.#sessions].filter(({ closedWith }) => closedWith === undefined).length
    if (clients > 0) found.push(`${clients} clients not closed`)
    const servers = [...this.#servers].filter(({ isRunning }) => isRunning)
    for (const { control } of servers)
      found.push(`an embedded server not closed, with ${control.sessions().length} sessions`)
    const owed = [...this.#clients].reduce((sum, client) => sum + Janitor.of(client).pending, 0)
    if (owed > 0) found.push(`${owed} deletes owed by closed clients`)
    const { live } = this.#listeners
    if (live > 0) found.push(`${live} abort listeners on signals in use`)
    return found
  }

  stop(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo()
  }
}
